package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kith/internal/crashfs"
	"kith/internal/fsys"
)

// content is what the tests save as a file of a step: recognizable, and different for every step.
func content(step int, name string, size int) []byte {
	b := make([]byte, size)
	rnd := rand.New(rand.NewPCG(uint64(step), uint64(len(name))+uint64(name[0])<<8))
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

var fileNames = []string{"model.safetensors", "optimizer.safetensors", "state.json"}

func files(step, size int) []File {
	var list []File
	for _, name := range fileNames {
		list = append(list, File{name, int64(size), func(w io.Writer) error {
			_, err := w.Write(content(step, name, size))
			return err
		}})
	}
	return list
}

// intact compares a snapshot with what was saved for its step.
func intact(s *Snapshot, size int) error {
	for _, name := range fileNames {
		b, err := s.Read(name)
		if err != nil {
			return err
		}
		if !bytes.Equal(b, content(s.Step, name, size)) {
			return fmt.Errorf("step %d: %s is not what was saved", s.Step, name)
		}
	}
	return nil
}

// newStore is a store on the machine's file system; messages collects its warnings.
func newStore(t *testing.T) (s *Store, messages *[]string) {
	t.Helper()
	messages = new([]string)
	dir := filepath.Join(t.TempDir(), "checkpoints")
	return &Store{Dir: dir, Warn: func(m string) { *messages = append(*messages, m) }}, messages
}

func mustSave(t *testing.T, s *Store, metric float64, steps ...int) {
	t.Helper()
	for _, step := range steps {
		if err := s.Save(step, files(step, 100), Meta{Metric: metric}); err != nil {
			t.Fatal(err)
		}
	}
}

func mustLoad(t *testing.T, s *Store, want int) *Snapshot {
	t.Helper()
	snap, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	if snap.Step != want {
		t.Fatalf("loaded step %d, want %d", snap.Step, want)
	}
	if err := intact(snap, 100); err != nil {
		t.Fatal(err)
	}
	return snap
}

func list(t *testing.T, s *Store) []string {
	t.Helper()
	entries, err := s.fs().ReadDir(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}

func TestSaveLoad(t *testing.T) {
	s, messages := newStore(t)
	if _, err := s.Load(); !errors.Is(err, ErrNone) {
		t.Fatalf("got %v, want ErrNone", err)
	}
	meta := Meta{ConfigDigest: "c<1>", DataDigest: "d\xff", CodeVersion: "v1"}
	if err := s.Save(12345, files(12345, 3<<20), meta); err != nil {
		t.Fatal(err)
	}
	snap, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	if err := intact(snap, 3<<20); err != nil {
		t.Error(err)
	}
	m := snap.Manifest
	if m.Step != 12345 || m.ConfigDigest != "c<1>" || m.DataDigest != "d?" || m.CodeVersion != "v1" || m.Format != 1 {
		t.Errorf("manifest %+v", m)
	}
	if diff := cmp.Diff([]string{"LATEST", "step-000012345"}, list(t, s)); diff != "" {
		t.Error(diff)
	}
	r, err := snap.Open("state.json")
	if err != nil || r.Size() != 3<<20 {
		t.Errorf("open: %v", err)
	}
	r.Close()
	if _, err := snap.Open("../../LOCK"); err == nil {
		t.Error("opened a file that the manifest does not list")
	}
	if _, err := snap.Read("MANIFEST.json"); err == nil {
		t.Error("read a file that the manifest does not list")
	}
	if len(*messages) > 0 {
		t.Error(*messages)
	}
}

// The manifest is a format: its text is fixed.
func TestManifestGolden(t *testing.T) {
	s, _ := newStore(t)
	err := s.Save(7, []File{{Name: "a", Write: func(w io.Writer) error { _, err := io.WriteString(w, "abc"); return err }}},
		Meta{ConfigDigest: "cfg", DataDigest: "data", CodeVersion: "v0.1"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(s.Dir, "step-000000007", "MANIFEST.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "format": 1,
  "step": 7,
  "files": {
    "a": {
      "size": 3,
      "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    }
  },
  "config_digest": "cfg",
  "data_digest": "data",
  "code_version": "v0.1",
  "sha256": "13f958c339a483dad5c95146a3faa7716c1d5a653a6671e7a71696501c739308"
}
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestPrune(t *testing.T) {
	s, _ := newStore(t)
	s.Keep, s.KeepEvery = 2, 40
	for step := 10; step <= 100; step += 10 {
		mustSave(t, s, map[int]float64{20: 0.5, 50: 0.7, 60: 0.7, 70: 0.6}[step], step)
		if step == 30 {
			if err := s.Pin(30); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := []string{"BEST", "LATEST", "PINNED", "step-000000030", "step-000000040", "step-000000050",
		"step-000000080", "step-000000090", "step-000000100"} // pinned, every 40, best (first of a tie), newest 2
	if diff := cmp.Diff(want, list(t, s)); diff != "" {
		t.Error(diff)
	}
	if step, metric, err := s.Best(); err != nil || step != 50 || metric != 0.7 {
		t.Errorf("best is step %d with %v", step, metric)
	}
	if pinned, err := s.Pinned(); err != nil || !pinned[30] || len(pinned) != 1 {
		t.Errorf("pinned %v, %v", pinned, err)
	}
	for name, want := range map[string]string{"LATEST": "step-000000100\n", "BEST": "step-000000050 0.7\n"} {
		if b, err := os.ReadFile(filepath.Join(s.Dir, name)); err != nil || string(b) != want {
			t.Errorf("%s holds %q, %v", name, b, err)
		}
	}
}

// A damaged checkpoint must not push an intact one out of the newest.
func TestPruneIgnoresDamaged(t *testing.T) {
	s, _ := newStore(t)
	s.Keep = 2
	mustSave(t, s, 0, 1, 2)
	if err := os.Truncate(filepath.Join(s.Dir, Name(2), "state.json"), 5); err != nil {
		t.Fatal(err)
	}
	mustSave(t, s, 0, 3)
	if diff := cmp.Diff([]string{"LATEST", Name(1), Name(2), Name(3)}, list(t, s)); diff != "" {
		t.Error(diff)
	}
}

// Texts that a user or a fault has changed steer nothing dangerous.
func TestNotesDamaged(t *testing.T) {
	s, _ := newStore(t)
	mustSave(t, s, 0.5, 1)
	for _, text := range []string{"", "x", "step-000000001", "step-000000001 NaN", "step-000000001 -1", "../x 1", "step-000000009 1"} {
		if err := os.WriteFile(filepath.Join(s.Dir, "BEST"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if step, metric, err := s.Best(); err != nil || step != 0 || metric != 0 {
			t.Errorf("BEST %q gives step %d, %v", text, step, metric)
		}
	}
	if err := s.MarkBest(1, 0.25); err != nil {
		t.Fatal(err)
	}
	if step, metric, err := s.Best(); err != nil || step != 1 || metric != 0.25 {
		t.Errorf("best is %d %v", step, metric)
	}
}

func TestClean(t *testing.T) {
	s, _ := newStore(t)
	if err := s.Clean(); err != nil {
		t.Error(err)
	}
	mustSave(t, s, 0, 1)
	for _, dir := range []string{".tmp-2-77-aa/x", ".trash-step-000000000-77-bb", ".bad-step-000000003", "notes"} {
		if err := os.MkdirAll(filepath.Join(s.Dir, dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{".bad-step-000000003", "LATEST", "notes", Name(1)}
	if err := s.Clean(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, list(t, s)); diff != "" {
		t.Error(diff)
	}
	// A process that goes on with the run cleans at its first save.
	if err := os.Mkdir(filepath.Join(s.Dir, ".tmp-3-88-cc"), 0o777); err != nil {
		t.Fatal(err)
	}
	mustSave(t, &Store{Dir: s.Dir}, 0, 1)
	if diff := cmp.Diff(want, list(t, s)); diff != "" {
		t.Error(diff)
	}
}

// A step that exists is left as it is when intact, replaced when not.
func TestSaveAgain(t *testing.T) {
	s, messages := newStore(t)
	mustSave(t, s, 0, 1)
	path := filepath.Join(s.Dir, Name(1), "state.json")
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	mustSave(t, s, 0.9, 1)
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("an intact checkpoint was written again: %v", err)
	}
	if step, _, _ := s.Best(); step != 1 {
		t.Error("the metric of the second save was dropped")
	}
	if err := os.Truncate(path, 1); err != nil {
		t.Fatal(err)
	}
	mustSave(t, s, 0, 1)
	mustLoad(t, s, 1)
	if diff := cmp.Diff([]string{".bad-step-000000001", "BEST", "LATEST", Name(1)}, list(t, s)); diff != "" {
		t.Error(diff)
	}
	if len(*messages) != 2 || !strings.Contains((*messages)[0], "state.json: 1 bytes, the manifest says 100") {
		t.Error(*messages)
	}
}

func TestStepNames(t *testing.T) {
	for name, want := range map[string]int{
		"step-000000000": 0, "step-000012345": 12345, "step-1234567890": 1234567890,
		"step-12345": -1, "step-0000000001": -1, "step-00000001x": -1, ".bad-step-000000001": -1,
		"step--00000001": -1, "step-": -1, "STEP-000000001": -1, "step-999999999999999999999": -1,
	} {
		if step, ok := stepOf(name); ok != (want >= 0) || ok && step != want {
			t.Errorf("%s: step %d, %v", name, step, ok)
		}
	}
	s, _ := newStore(t)
	if err := s.Save(-1, nil, Meta{}); err == nil {
		t.Error("a step below 0 was saved")
	}
	mustSave(t, s, 0, 1)
	// Neither a file of a checkpoint's name nor a stranger's folder is taken for one.
	if err := os.WriteFile(filepath.Join(s.Dir, Name(9)), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.Dir, "step-2"), 0o777); err != nil {
		t.Fatal(err)
	}
	mustLoad(t, s, 1)
}

func TestBadFileNames(t *testing.T) {
	s, _ := newStore(t)
	for _, name := range []string{"", ".", "..", "a/b", `a\b`, "../x", "/x", "MANIFEST.json", ".hidden", "c:", "\xff", "a\x00"} {
		err := s.Save(1, []File{{Name: name, Write: func(io.Writer) error { return nil }}}, Meta{})
		if err == nil || !strings.Contains(err.Error(), "no name") {
			t.Errorf("%q: got %v", name, err)
		}
	}
	twice := append(files(1, 1), files(1, 1)...)
	if err := s.Save(1, twice, Meta{}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("got %v", err)
	}
	if got := list(t, s); len(got) != 0 {
		t.Errorf("left over: %v", got)
	}
}

// Three failures in a row are fatal; a success in between starts the count anew.
func TestFailures(t *testing.T) {
	s, _ := newStore(t)
	full := []File{{Name: "a", Write: func(io.Writer) error { return fmt.Errorf("a: %w", syscall.ENOSPC) }}}
	for i, want := range []struct {
		n     int
		fatal bool
	}{{1, false}, {2, false}, {0, false}, {1, false}, {2, false}, {3, true}, {4, true}} {
		if want.n == 0 {
			mustSave(t, s, 0, 1)
			continue
		}
		err := s.Save(2, full, Meta{})
		var e *Error
		if !errors.As(err, &e) || e.Failures != want.n || e.Fatal != want.fatal || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("save %d: %+v", i, err)
		}
	}
	mustLoad(t, s, 1)
}

func TestRoom(t *testing.T) {
	disk := crashfs.New()
	s := &Store{FS: disk, Dir: "checkpoints"}
	disk.Room = 2*300 - 1
	if err := s.Save(1, files(1, 100), Meta{}); err == nil || !strings.Contains(err.Error(), "twice its size") {
		t.Errorf("got %v", err)
	}
	if got := list(t, s); len(got) != 0 {
		t.Errorf("written though there is no room: %v", got)
	}
	disk.Room++
	mustSave(t, s, 0, 1)
}

// A run directory that has vanished is reported, not made anew.
func TestVanished(t *testing.T) {
	s, _ := newStore(t)
	mustSave(t, s, 0, 1)
	run := filepath.Dir(s.Dir)
	if err := os.Rename(run, run+"-moved"); err != nil {
		t.Fatal(err)
	}
	err := s.Save(2, files(2, 100), Meta{})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), s.Dir) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(run); err == nil {
		t.Error("the run directory was made anew")
	}
}

func TestReadOnlyFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere; the fault tests refuse each call instead")
	}
	s, _ := newStore(t)
	mustSave(t, s, 0, 1)
	if err := os.Chmod(s.Dir, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(s.Dir, 0o777)
	if err := s.Save(2, files(2, 100), Meta{}); !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

// A real full disk: /dev/full refuses every write with ENOSPC.
func TestDevFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full on this system")
	}
	s, _ := newStore(t)
	mustSave(t, s, 0, 1)
	s.FS = fullDisk{}
	if err := s.Save(2, files(2, 100), Meta{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want ENOSPC", err)
	}
	s.FS = nil
	mustLoad(t, s, 1)
	if diff := cmp.Diff([]string{"LATEST", Name(1)}, list(t, s)); diff != "" {
		t.Error(diff)
	}
}

type fullDisk struct{ fsys.OS }

func (d fullDisk) Create(name string) (fsys.File, error) {
	f, err := d.OS.Create(name) // so that the name exists and must be cleaned up
	if err != nil {
		return nil, err
	}
	f.Close()
	return os.OpenFile("/dev/full", os.O_WRONLY, 0)
}
