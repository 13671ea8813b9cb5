//go:build unix

package checkpoint

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"kith/internal/testflag"
)

var (
	kills  = flag.Int("kills", 30, "how often TestKill kills a saving process")
	saveTo = flag.String("save-to", "", "for the process that TestKill starts: save here until killed")
)

// size of each of the three files that the killed process saves: some blocks, so that a kill often
// hits the middle of one.
const killSize = 300_000

// TestKillHelper is that process. It saves one step after the other and prints each number once it
// is acknowledged.
func TestKillHelper(t *testing.T) {
	if *saveTo == "" {
		t.Skip("started by TestKill only")
	}
	s := &Store{Dir: *saveTo, Keep: 2}
	if err := s.Clean(); err != nil {
		t.Fatal(err)
	}
	step := 0
	if snap, err := s.Load(); err == nil {
		step = snap.Step
	}
	for {
		step++
		if err := s.Save(step, files(step, killSize), Meta{Metric: float64(step % 7)}); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("\nsaved %d\n", step)
	}
}

// A process that is killed at any moment, again and again, never loses a step that it has reported.
// A kill cannot lose what the kernel holds, so a missing sync goes unseen here: TestCrash sees it.
func TestKill(t *testing.T) {
	if testflag.Long() {
		*kills = max(*kills, 150)
	}
	dir := filepath.Join(t.TempDir(), "checkpoints")
	rnd := rand.New(rand.NewPCG(testflag.Seed(t), 0))
	acknowledged, torn := 0, 0
	for i := range *kills {
		acknowledged = max(acknowledged, killOnce(t, dir, time.Duration(rnd.IntN(40))*time.Millisecond))
		s := &Store{Dir: dir}
		for _, name := range list(t, s) {
			if strings.HasPrefix(name, ".tmp-") || strings.HasPrefix(name, trashPrefix) {
				torn++
				break
			}
		}
		snap, err := s.Load()
		if err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		if snap.Step < acknowledged {
			t.Fatalf("kill %d: loaded step %d, step %d was acknowledged", i, snap.Step, acknowledged)
		}
		if err := intact(snap, killSize); err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
	}
	t.Logf("%d kills, %d of them in the middle of a save or prune, %d steps", *kills, torn, acknowledged)
	if *kills >= 30 && torn == 0 {
		t.Error("no kill hit a save: the test does not test")
	}
}

// killOnce starts the helper, waits for its first acknowledged step and then for delay, kills it, and
// returns the last step that it acknowledged.
func killOnce(t *testing.T, dir string, delay time.Duration) (step int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKillHelper$", "-save-to="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		number, ok := strings.CutPrefix(lines.Text(), "saved ")
		if !ok {
			continue
		}
		if step == 0 {
			time.AfterFunc(delay, func() { cmd.Process.Kill() })
		}
		if step, err = strconv.Atoi(number); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Wait() // killed: the error is what we wanted
	if step == 0 {
		t.Fatal("the helper saved nothing")
	}
	return step
}
