package checkpoint

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"kith/internal/crashfs"
	"kith/internal/fsys"
)

// A tally counts what a crash test found.
type tally struct {
	states int // disks looked at
	lost   int // recovery gave a step below the last acknowledged one, or none
	broken int // recovery gave a checkpoint whose contents are wrong
	torn   int // a folder of a checkpoint's name was incomplete
}

func (t tally) faults() int { return t.lost + t.broken + t.torn }

// crash saves the steps on a crash file system, pulls the plug after every call, and looks at every
// disk that may be found. wrap changes what the store sees of the file system.
func crash(t *testing.T, steps []int, wrap func(fsys.FS) fsys.FS) tally {
	t.Helper()
	const limit, samples = 4096, 512
	disk := crashfs.New()
	store := &Store{FS: wrap(disk), Dir: "run/checkpoints", Keep: 2}
	var found tally
	acknowledged := -1
	disk.After = func(call, name string) {
		if found.faults() > 100 {
			return // a mutant is caught: no need to count all of its faults
		}
		for after := range disk.Crashes(limit, samples, uint64(found.states)) {
			found.look(after, acknowledged)
		}
	}
	for _, dir := range []string{"run"} { // the run directory itself is internal/rundir's to sync
		if err := disk.Mkdir(dir); err != nil {
			t.Fatal(err)
		}
		if err := disk.SyncDir("."); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range steps {
		if err := store.Save(step, files(step, 10), Meta{Metric: float64(step)}); err != nil {
			t.Fatal(err)
		}
		acknowledged = step
	}
	disk.After("end", "")
	return found
}

// look recovers from one disk.
func (f *tally) look(disk *crashfs.FS, acknowledged int) {
	f.states++
	s := &Store{FS: disk, Dir: "run/checkpoints"}
	if reports, err := s.Verify(); err == nil {
		for _, r := range reports {
			if r.Damage != nil {
				f.torn++
				break
			}
		}
	}
	snap, err := s.Load()
	switch {
	case errors.Is(err, ErrNone) && acknowledged < 0:
	case err != nil || snap.Step < acknowledged:
		f.lost++
	case intact(snap, 10) != nil:
		f.broken++
	}
}

func TestCrash(t *testing.T) {
	found := crash(t, []int{10, 20, 30, 40}, func(fs fsys.FS) fsys.FS { return fs })
	t.Logf("%d states", found.states)
	if found.faults() > 0 {
		t.Errorf("%+v", found)
	}
	if found.states < 400 {
		t.Errorf("only %d states: the model does not look where it should", found.states)
	}
}

// Each sync that the protocol makes is needed: without it the model finds a lost checkpoint, or a
// torn one.
func TestCrashMutations(t *testing.T) {
	syncDirOf := func(dir string) func(call, name string) bool {
		return func(call, name string) bool { return call == "SyncDir" && name == dir }
	}
	inTmp := func(name string) bool { return strings.Contains(name, ".tmp-") }
	for _, c := range []struct {
		name string
		skip func(call, name string) bool
	}{
		{"data files", func(call, name string) bool {
			return call == "Sync" && inTmp(filepath.Dir(name)) && filepath.Base(name) != manifestName
		}},
		{"one data file", func(call, name string) bool {
			return call == "Sync" && filepath.Base(name) == "optimizer.safetensors"
		}},
		{"manifest", func(call, name string) bool {
			return call == "Sync" && filepath.Base(name) == manifestName
		}},
		{"temporary folder", func(call, name string) bool {
			return call == "SyncDir" && inTmp(name)
		}},
		{"folder of checkpoints", syncDirOf(filepath.Join("run", "checkpoints"))},
		{"run directory", syncDirOf("run")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			found := crash(t, []int{10, 20, 30}, func(fs fsys.FS) fsys.FS { return crashfs.Careless{FS: fs, Skip: c.skip} })
			t.Logf("%+v", found)
			if found.faults() == 0 {
				t.Errorf("%d states and no fault: the model cannot see a missing sync", found.states)
			}
			if found.broken > 0 {
				t.Errorf("%d silent corruptions: a hash is not checked", found.broken)
			}
		})
	}
}

// Pruning deletes files out of a folder; without the sync between rename and deletion a power cut
// leaves a checkpoint's name with files missing.
func TestCrashPruneMutation(t *testing.T) {
	pruning := false
	found := crash(t, []int{10, 20, 30, 40}, func(fs fsys.FS) fsys.FS {
		return pruneWatch{crashfs.Careless{FS: fs, Skip: func(call, name string) bool {
			return call == "SyncDir" && pruning
		}}, &pruning}
	})
	if found.torn == 0 {
		t.Errorf("%+v: the model cannot see the sync of pruning", found)
	}
}

// pruneWatch notes that the last rename went to the trash.
type pruneWatch struct {
	fsys.FS
	pruning *bool
}

func (w pruneWatch) Rename(from, to string) error {
	*w.pruning = strings.Contains(to, trashPrefix)
	return w.FS.Rename(from, to)
}

// Recovery itself may be interrupted: a damaged checkpoint on top, the plug pulled after every call
// of Load, and Load again.
func TestCrashDuringRecovery(t *testing.T) {
	disk := crashfs.New()
	if err := fsys.MkdirAll(disk, "run"); err != nil {
		t.Fatal(err)
	}
	s := &Store{FS: disk, Dir: "run/checkpoints"}
	for _, step := range []int{1, 2, 3} {
		if err := s.Save(step, files(step, 10), Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	disk.Corrupt("run/checkpoints/step-000000003/state.json", func(b []byte) []byte { b[3] ^= 4; return b })
	states := 0
	disk.After = func(string, string) {
		for after := range disk.Crashes(4096, 512, 1) {
			states++
			snap, err := (&Store{FS: after, Dir: "run/checkpoints"}).Load()
			if err != nil || snap.Step != 2 || intact(snap, 10) != nil {
				t.Errorf("loaded %v, %v", snap, err)
			}
		}
	}
	if snap, err := s.Load(); err != nil || snap.Step != 2 {
		t.Errorf("loaded %v, %v", snap, err)
	}
	if states == 0 {
		t.Error("no call was made")
	}
}

var errIO = errors.New("input/output error")

// Every call of a save may fail, once or from then on: the older checkpoint stays, the error names a
// path and the reason, nothing half-done is left under a checkpoint's name, and the next save works.
func TestFaultAtEveryCall(t *testing.T) {
	for _, stay := range []bool{false, true} {
		for n := 1; ; n++ {
			disk := crashfs.New()
			if err := disk.Mkdir("run"); err != nil {
				t.Fatal(err)
			}
			var warnings []string
			s := &Store{FS: disk, Dir: "run/checkpoints", Keep: 2, Warn: func(m string) { warnings = append(warnings, m) }}
			for _, step := range []int{1, 2} {
				if err := s.Save(step, files(step, 10), Meta{}); err != nil {
					t.Fatal(err)
				}
			}
			faulty := &crashfs.Faulty{FS: disk, N: n, Err: errIO, Stay: stay}
			s.FS = faulty
			err := s.Save(3, files(3, 10), Meta{Metric: 1})
			if faulty.Hit == "" {
				t.Logf("%d calls", n-1)
				if n < 30 {
					t.Errorf("a save makes %d calls only: the wrapper misses some", n-1)
				}
				break
			}
			what := fmt.Sprintf("call %d (%s), stay %v", n, faulty.Hit, stay)
			want := 3
			if err != nil {
				want = 2
				if stay && strings.HasPrefix(faulty.Hit, "SyncDir run/checkpoints") && !strings.Contains(faulty.Hit, ".tmp-") {
					want = 3 // renamed, and the way back refused as well: there, though not promised
				}
				if !errors.Is(err, errIO) || !strings.Contains(err.Error(), "step-000000003") {
					t.Errorf("%s: error is %q", what, err)
				}
			} else if len(warnings) == 0 {
				t.Errorf("%s: the fault went unnoticed", what)
			}
			s.FS = disk
			checkAfterFault(t, what, s, want)
		}
	}
}

// checkAfterFault wants step newest to load, no damaged checkpoint, and the next save to work and,
// with Clean, to leave nothing over.
func checkAfterFault(t *testing.T, what string, s *Store, newest int) {
	t.Helper()
	snap, err := s.Load()
	if err != nil || snap.Step != newest || intact(snap, 10) != nil {
		t.Errorf("%s: loaded %+v, %v; want step %d", what, snap, err, newest)
	}
	if err := s.Save(4, files(4, 10), Meta{}); err != nil {
		t.Errorf("%s: next save: %v", what, err)
	}
	if err := s.Clean(); err != nil {
		t.Errorf("%s: clean: %v", what, err)
	}
	for _, name := range list(t, s) {
		// .tmp-LATEST-… and .tmp-BEST-… are Clean's as well.
		if strings.HasPrefix(name, ".") {
			t.Errorf("%s: %s is left over", what, name)
		}
	}
}

// A failed sync is never tried again on the same file: a second one may lie. Every file that is
// under a checkpoint's name at the end was synced at the first try.
func TestFailedSyncNotRetried(t *testing.T) {
	for n := 1; n < 200; n++ {
		disk := &syncCounter{FS: crashfs.New(), failAt: n, syncs: map[string]int{}}
		s := &Store{FS: disk, Dir: "checkpoints"}
		for range 3 {
			s.Save(1, files(1, 10), Meta{})
		}
		for name, k := range disk.syncs {
			if k > 1 && strings.Contains(name, ".tmp-") {
				t.Errorf("sync %d failed; %s was synced %d times", n, name, k)
			}
		}
		if disk.calls < n {
			return
		}
	}
	t.Error("no end of syncs")
}

// syncCounter counts the syncs of each file and fails one of them.
type syncCounter struct {
	fsys.FS
	failAt, calls int
	syncs         map[string]int
}

func (c *syncCounter) Create(name string) (fsys.File, error) {
	f, err := c.FS.Create(name)
	return countedFile{f, c, name}, err
}

type countedFile struct {
	fsys.File
	c    *syncCounter
	name string
}

func (f countedFile) Sync() error {
	f.c.syncs[f.name]++
	if f.c.calls++; f.c.calls == f.c.failAt {
		return errIO
	}
	return f.File.Sync()
}

// A folder sync that fails after the rename leaves no checkpoint of that step, since a second sync
// could not be believed.
func TestFailedFolderSync(t *testing.T) {
	disk := crashfs.New()
	s := &Store{FS: disk, Dir: "checkpoints"}
	if err := s.Save(1, files(1, 10), Meta{}); err != nil {
		t.Fatal(err)
	}
	s.FS = failSyncDir{disk, "checkpoints"}
	if err := s.Save(2, files(2, 10), Meta{}); !errors.Is(err, errIO) {
		t.Fatalf("got %v", err)
	}
	s.FS = disk
	if steps, err := s.Steps(); err != nil || len(steps) != 1 || steps[0] != 1 {
		t.Errorf("steps %v, %v", steps, err)
	}
}

type failSyncDir struct {
	fsys.FS
	dir string
}

func (f failSyncDir) SyncDir(name string) error {
	if name == f.dir {
		return errIO
	}
	return f.FS.SyncDir(name)
}
