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
	"testing"

	"github.com/google/go-cmp/cmp"

	"kith/internal/crashfs"
	"kith/internal/fsys"
)

// twoSteps is a store in memory with intact steps 1 and 2; warnings go to the returned list.
func twoSteps(t *testing.T) (*Store, *crashfs.FS, *[]string) {
	t.Helper()
	disk, messages := crashfs.New(), new([]string)
	s := &Store{FS: disk, Dir: "checkpoints", Warn: func(m string) { *messages = append(*messages, m) }}
	mustSave(t, s, 0, 1, 2)
	return s, disk, messages
}

// allFiles are the files of a checkpoint folder.
var allFiles = append([]string{manifestName}, fileNames...)

// damaged changes a file of step 2 and wants Load to notice, name it, set the step aside and fall
// back to step 1.
func damaged(t *testing.T, what, file string, change func(b []byte) []byte) {
	t.Helper()
	s, disk, messages := twoSteps(t)
	disk.Corrupt("checkpoints/"+Name(2)+"/"+file, change)
	snap, err := s.Load()
	if err != nil || snap.Step != 1 {
		t.Errorf("%s: loaded %+v, %v", what, snap, err)
		return
	}
	if err := intact(snap, 100); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	text := strings.Join(*messages, "\n")
	for _, want := range []string{Name(2) + " is damaged: " + file, Name(2) + " is now .bad-" + Name(2), "going on from " + Name(1)} {
		if !strings.Contains(text, want) {
			t.Errorf("%s: messages lack %q:\n%s", what, want, text)
		}
	}
	if diff := cmp.Diff([]string{".bad-" + Name(2), "LATEST", Name(1)}, list(t, s)); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

func TestBitFlips(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		file := allFiles[i%len(allFiles)]
		var at, bit int
		damaged(t, fmt.Sprintf("flip %d", i), file, func(b []byte) []byte {
			at, bit = rnd.IntN(len(b)), rnd.IntN(8)
			b[at] ^= 1 << bit
			return b
		})
		if t.Failed() {
			t.Fatalf("%s: byte %d, bit %d", file, at, bit)
		}
	}
}

// Every single bit of the manifest matters: it is what the other files are believed by.
func TestManifestEveryBit(t *testing.T) {
	m := Manifest{Format: 1, Step: 2, CodeVersion: "v1", Files: map[string]Sum{"a": {3, strings.Repeat("ab", 32)}}}
	text := m.encode()
	if _, err := parseManifest(text, 2); err != nil {
		t.Fatal(err)
	}
	for i := range len(text) * 8 {
		b := bytes.Clone(text)
		b[i/8] ^= 1 << (i % 8)
		if _, err := parseManifest(b, 2); err == nil {
			t.Errorf("bit %d of byte %d (%q) changed and nobody noticed", i%8, i/8, text[i/8])
		}
	}
}

func TestTruncations(t *testing.T) {
	for _, file := range allFiles {
		for _, n := range []int{0, 1, 7, 8, 50, -1} {
			damaged(t, fmt.Sprintf("%s cut at %d", file, n), file, func(b []byte) []byte {
				if n < 0 {
					return b[:len(b)-1]
				}
				return b[:n]
			})
		}
		damaged(t, file+" grown", file, func(b []byte) []byte { return append(b, 0) })
		damaged(t, file+" of zeros", file, func(b []byte) []byte { return make([]byte, len(b)) })
	}
}

// A file of another step has the right name, the right size and is intact in itself.
func TestSwapped(t *testing.T) {
	for _, file := range allFiles {
		_, disk, _ := twoSteps(t)
		other, err := fsys.ReadFile(disk, "checkpoints/"+Name(1)+"/"+file, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		damaged(t, file+" of step 1", file, func([]byte) []byte { return other })
	}
	damaged(t, "two files exchanged", "model.safetensors", func([]byte) []byte { return content(2, "state.json", 100) })
}

func TestMissing(t *testing.T) {
	for _, file := range allFiles {
		s, disk, messages := twoSteps(t)
		if err := disk.Remove("checkpoints/" + Name(2) + "/" + file); err != nil {
			t.Fatal(err)
		}
		mustLoad(t, s, 1)
		if !strings.Contains((*messages)[0], file) {
			t.Errorf("%s is missing: %v", file, *messages)
		}
	}
}

// A whole folder under another step's name must not pass for that step.
func TestRenamedFolder(t *testing.T) {
	s, disk, messages := twoSteps(t)
	if err := disk.Rename("checkpoints/"+Name(1), "checkpoints/"+Name(9)); err != nil {
		t.Fatal(err)
	}
	mustLoad(t, s, 2)
	if !strings.Contains((*messages)[0], "manifest is of step 1") {
		t.Error(*messages)
	}
}

func TestNoneIntact(t *testing.T) {
	s, disk, _ := twoSteps(t)
	for _, step := range []int{1, 2} {
		disk.Corrupt("checkpoints/"+Name(step)+"/state.json", func(b []byte) []byte { return b[1:] })
	}
	for range 2 { // the second time they are out of sight, and still no fresh start
		_, err := s.Load()
		var e *Error
		if !errors.As(err, &e) || !e.Fatal || e.Path != "checkpoints" {
			t.Errorf("got %v, want a fatal error", err)
		}
	}
}

// Load of a read-only store, for runs that must stay untouched, falls back but renames nothing.
func TestReadOnlyStore(t *testing.T) {
	s, disk, _ := twoSteps(t)
	disk.Corrupt("checkpoints/"+Name(2)+"/state.json", func(b []byte) []byte { b[0]++; return b })
	before := list(t, s)
	s.ReadOnly = true
	disk.After = func(call, name string) { t.Errorf("%s of %s", call, name) }
	mustLoad(t, s, 1)
	if diff := cmp.Diff(before, list(t, s)); diff != "" {
		t.Error(diff)
	}
}

// A second damaged checkpoint of one step gets a name of its own.
func TestQuarantineTwice(t *testing.T) {
	s, disk, _ := twoSteps(t)
	for range 2 {
		mustSave(t, s, 0, 2)
		disk.Corrupt("checkpoints/"+Name(2)+"/state.json", func(b []byte) []byte { return nil })
		mustLoad(t, s, 1)
	}
	if diff := cmp.Diff([]string{".bad-" + Name(2), ".bad-" + Name(2) + "-2", "LATEST", Name(1)}, list(t, s)); diff != "" {
		t.Error(diff)
	}
}

// An error of the system while reading is no proof of damage: the checkpoint is passed over but not
// set aside, and found again when the fault is gone.
func TestUnreadable(t *testing.T) {
	for n := 2; ; n++ { // call 1 lists the folder
		s, disk, messages := twoSteps(t)
		faulty := &crashfs.Faulty{FS: disk, N: n, Err: errIO}
		s.FS = faulty
		snap, err := s.Load()
		if faulty.Hit == "" {
			if n < 6 {
				t.Errorf("a load makes %d calls only", n-1)
			}
			break
		}
		if err != nil || snap.Step != 1 {
			t.Errorf("%s failed: loaded %+v, %v", faulty.Hit, snap, err)
		}
		if !strings.Contains(strings.Join(*messages, "\n"), "cannot be read: ") {
			t.Errorf("%s failed: messages %v", faulty.Hit, *messages)
		}
		s.FS = disk
		mustLoad(t, s, 2)
	}
	s, disk, _ := twoSteps(t)
	s.FS = &crashfs.Faulty{FS: disk, N: 1, Err: errIO}
	if _, err := s.Load(); !errors.Is(err, errIO) {
		t.Errorf("the folder cannot be listed: got %v", err) // and not ErrNone: that would start afresh
	}
}

func TestCheck(t *testing.T) {
	s, _, messages := twoSteps(t)
	s.Check = func(snap *Snapshot) error {
		if snap.Step == 2 {
			return errors.New("model.safetensors: tensor \"fc\" is missing")
		}
		return nil
	}
	mustLoad(t, s, 1)
	if !strings.Contains((*messages)[0], `tensor "fc" is missing`) {
		t.Error(*messages)
	}

	s, _, messages = twoSteps(t)
	s.Check = func(*Snapshot) error { return fmt.Errorf("%w: lr 0.3, now 0.1", ErrForeign) }
	if _, err := s.Load(); !errors.Is(err, ErrForeign) || len(*messages) > 0 {
		t.Errorf("got %v, messages %v", err, *messages)
	}
	if steps, _ := s.Steps(); len(steps) != 2 {
		t.Errorf("steps %v: other settings are no damage", steps)
	}
}

func TestVerify(t *testing.T) {
	s, disk, _ := twoSteps(t)
	disk.Corrupt("checkpoints/"+Name(1)+"/model.safetensors", func(b []byte) []byte { b[99] ^= 1; return b })
	disk.After = func(call, name string) { t.Errorf("%s of %s", call, name) }
	got, err := s.Verify()
	if err != nil || len(got) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	if got[0].Step != 2 || got[0].Damage != nil || got[0].Bytes != 300 {
		t.Errorf("%+v", got[0])
	}
	if got[1].Step != 1 || got[1].Damage == nil || !strings.Contains(got[1].Damage.Error(), "model.safetensors: SHA-256") {
		t.Errorf("%+v", got[1])
	}
	if _, err := s.LoadStep(1); err == nil || !strings.Contains(err.Error(), Name(1)) {
		t.Errorf("got %v", err)
	}
	if snap, err := s.LoadStep(2); err != nil || snap.Step != 2 {
		t.Errorf("got %v, %v", snap, err)
	}
}

func TestManifestRefused(t *testing.T) {
	sum := Sum{3, strings.Repeat("ab", 32)}
	good := Manifest{Format: 1, Step: 2, Files: map[string]Sum{"a": sum}}
	for want, change := range map[string]func(m *Manifest){
		"reads format 1":      func(m *Manifest) { m.Format = 2 },
		"manifest is of step": func(m *Manifest) { m.Step = 3 },
		"lists no files":      func(m *Manifest) { m.Files = nil },
		`"../a" is no name`:   func(m *Manifest) { m.Files = map[string]Sum{"../a": sum} },
		"size -1":             func(m *Manifest) { m.Files = map[string]Sum{"a": {-1, sum.SHA256}} },
		`hash "ab" make no`:   func(m *Manifest) { m.Files = map[string]Sum{"a": {3, "ab"}} },
	} {
		m := good
		change(&m)
		if _, err := parseManifest(m.encode(), 2); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, text := range []string{"", "null", "[]", "{}", `{"format":"1"}`, "\x00\x00\x00", string(good.encode()) + " "} {
		if _, err := parseManifest([]byte(text), 2); err == nil {
			t.Errorf("%q is taken for a manifest", text)
		}
	}
}

// FuzzManifest: no text may panic; what is accepted is its own encoding and holds only plain names.
func FuzzManifest(f *testing.F) {
	m := Manifest{Format: 1, Step: 2, Files: map[string]Sum{"a": {3, strings.Repeat("ab", 32)}}}
	f.Add(m.encode())
	f.Add([]byte(`{"format":1,"step":2,"files":{"../x":{"size":-1}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest(text, 2)
		if err != nil {
			return
		}
		if !bytes.Equal(m.encode(), text) || m.Step != 2 {
			t.Errorf("%q", text)
		}
		for name := range m.Files {
			if filepath.Base(name) != name || name == ".." {
				t.Errorf("%q leads out of the folder", name)
			}
		}
	})
}

// A file that is written in many small pieces, or in pieces larger than a block, arrives whole, and
// a write error that the caller drops is not lost.
func TestBlocks(t *testing.T) {
	s, _ := newStore(t)
	want := content(1, "x", 2*blockSize+17)
	for _, piece := range []int{1 << 16, blockSize - 1, blockSize, 2*blockSize + 17} {
		step := piece
		err := s.Save(step, []File{{Name: "x", Write: func(w io.Writer) error {
			for rest := want; len(rest) > 0; {
				n := min(piece, len(rest))
				if _, err := w.Write(rest[:n]); err != nil {
					return err
				}
				rest = rest[n:]
			}
			return nil
		}}}, Meta{})
		if err != nil {
			t.Fatal(err)
		}
		snap, err := s.LoadStep(step)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := snap.Read("x"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("pieces of %d: %d bytes, %v", piece, len(got), err)
		}
	}
	if _, err := os.Stat("/dev/full"); err != nil {
		return
	}
	s.FS = fullDisk{}
	err := s.Save(1, []File{{Name: "x", Write: func(w io.Writer) error { w.Write(want); return nil }}}, Meta{})
	if err == nil {
		t.Error("a dropped write error was lost")
	}
}
