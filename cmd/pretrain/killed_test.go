package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kith/internal/testflag"
)

// TestKilled: a run killed without warning after step 17 and resumed in a copy exports the very bytes of a run that
// was left alone, whatever the threads and workers.
func TestKilled(t *testing.T) {
	line := "--steps 40 --seed 1 --labels none --batch 16 --queue 100 --head.hidden 64"
	ways := []string{"--threads 2 --workers 1"}
	if testflag.Long() {
		line, ways = "--steps 40 --seed 1", nil
		for _, threads := range []int{1, 2} {
			for _, workers := range []int{0, 1, 3} {
				ways = append(ways, fmt.Sprintf("--threads %d --workers %d", threads, workers))
			}
		}
	}
	t.Chdir(t.TempDir())
	line += " --quiet --log-every 1 --save-every 5 "
	complete(t, line+"--threads 1 --out a")
	want := exported(t, "a")
	for i, way := range ways {
		part, b := fmt.Sprintf("part%d", i), fmt.Sprintf("b%d", i)
		kill(t, line+way+" --out "+part, filepath.Join(part, "metrics.jsonl"), `"kind":"train","step":17,`)
		before := tree(t, part)
		complete(t, "resume "+part+" --out "+b+" --quiet "+way)
		if !bytes.Equal(exported(t, b), want) {
			t.Errorf("%s: killed and resumed, the export differs", way)
		}
		if after := tree(t, part); after != before {
			t.Errorf("%s: resume --out changed the run it came from:\n%s\n%s", way, before, after)
		}
	}
}

// TestKilledAgain: the same command goes on by itself after a kill, and again after another.
func TestKilledAgain(t *testing.T) {
	t.Chdir(t.TempDir())
	line := "--steps 40 --seed 1 --labels none --batch 16 --queue 100 --head.hidden 64 --quiet --log-every 1 --save-every 5 "
	complete(t, line+"--name whole")
	want := exported(t, "runs/whole")
	for _, step := range []int{2, 11, 26} { // before the first checkpoint, and after others
		kill(t, line+"--name parted", "runs/parted/metrics.jsonl", fmt.Sprintf(`"kind":"train","step":%d,`, step))
	}
	complete(t, line+"--name parted")
	if !bytes.Equal(exported(t, "runs/parted"), want) {
		t.Error("killed three times and gone on with, the export differs")
	}
	text, err := os.ReadFile("runs/parted/metrics.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for step := 1; step <= 40; step++ {
		if n := bytes.Count(text, fmt.Appendf(nil, `"kind":"train","step":%d,`, step)); n != 1 {
			t.Errorf("step %d is %d times in the metrics", step, n)
		}
	}
}

// command is this test binary as pretrain: see TestMain.
func command(t *testing.T, line string) (c *exec.Cmd, output *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	output = new(bytes.Buffer)
	c = exec.Command(self)
	c.Args = append([]string{"pretrain"}, strings.Fields(line)...)
	c.Stdout, c.Stderr = output, output
	return c, output
}

// complete runs a command that must end well.
func complete(t *testing.T, line string) {
	t.Helper()
	c, output := command(t, line)
	if err := c.Run(); err != nil {
		t.Fatalf("pretrain %s: %v\n%s", line, err, output)
	}
}

// kill runs a command and kills it as soon as the file holds the text.
func kill(t *testing.T, line, file, text string) {
	t.Helper()
	c, output := command(t, line)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for deadline := time.Now().Add(5 * time.Minute); ; {
		b, err := os.ReadFile(file)
		if err == nil && bytes.Contains(b, []byte(text)) || time.Now().After(deadline) {
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("pretrain %s ended by itself: %v\n%s", line, err, output)
		case <-time.After(time.Millisecond):
		}
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || c.ProcessState.Exited() {
		t.Fatalf("pretrain %s ended before it was killed: %v\n%s", line, err, output)
	}
}

// exported is the encoder that a run left.
func exported(t *testing.T, run string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(run, exportedName))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tree is the names, sizes and times of all files of a run.
func tree(t *testing.T, run string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(run, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			fmt.Fprintln(&b, path, info.Size(), info.ModTime().UnixNano())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
