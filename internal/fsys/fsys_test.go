package fsys_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kith/internal/crashfs"
	"kith/internal/fsys"
)

// each runs a test on the machine's file system and on the model of it, which must behave alike.
func each(t *testing.T, test func(t *testing.T, fs fsys.FS, dir string)) {
	t.Run("os", func(t *testing.T) { test(t, fsys.OS{}, t.TempDir()) })
	t.Run("crashfs", func(t *testing.T) {
		disk := crashfs.New()
		if err := fsys.MkdirAll(disk, "/a/b"); err != nil {
			t.Fatal(err)
		}
		test(t, disk, "/a/b")
	})
}

func write(t *testing.T, fs fsys.FS, name, text string) {
	t.Helper()
	err := fsys.WriteNew(fs, name, func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, fs fsys.FS, name string) string {
	t.Helper()
	b, err := fsys.ReadFile(fs, name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCalls(t *testing.T) {
	each(t, func(t *testing.T, fs fsys.FS, dir string) {
		at := func(name ...string) string { return filepath.Join(append([]string{dir}, name...)...) }
		write(t, fs, at("f"), "hello")
		if _, err := fs.Create(at("f")); !errors.Is(err, fsys.ErrExist) {
			t.Errorf("create of an existing file: %v", err)
		}
		if _, err := fs.Create(at("none", "f")); !errors.Is(err, fsys.ErrNotExist) {
			t.Errorf("create in a missing folder: %v", err)
		}
		if err := fs.Mkdir(at("d")); err != nil {
			t.Error(err)
		}
		if err := fs.Mkdir(at("d")); !errors.Is(err, fsys.ErrExist) {
			t.Errorf("mkdir of an existing folder: %v", err)
		}
		if _, err := fs.Open(at("d")); err == nil {
			t.Error("a folder was opened as a file")
		}
		write(t, fs, at("d", "g"), "")
		list, err := fs.ReadDir(dir)
		if diff := cmp.Diff([]fsys.Entry{{Name: "d", Dir: true}, {Name: "f"}}, list); diff != "" || err != nil {
			t.Error(diff, err)
		}
		if err := fs.Remove(at("d")); err == nil {
			t.Error("a folder with a file in it was removed")
		}
		if err := fs.Rename(at("d"), at("e")); err != nil {
			t.Error(err)
		}
		if err := fs.Rename(at("f"), at("e", "g")); err != nil { // replaces a file
			t.Error(err)
		}
		if got := read(t, fs, at("e", "g")); got != "hello" {
			t.Errorf("read %q", got)
		}
		if err := fs.Mkdir(at("h")); err != nil {
			t.Error(err)
		}
		if err := fs.Rename(at("h"), at("e")); err == nil {
			t.Error("a folder with a file in it was replaced")
		}
		if err := fs.Rename(at("none"), at("x")); !errors.Is(err, fsys.ErrNotExist) {
			t.Errorf("rename of a missing file: %v", err)
		}
		if err := fs.Remove(at("none")); !errors.Is(err, fsys.ErrNotExist) {
			t.Errorf("remove of a missing file: %v", err)
		}
		if err := fs.SyncDir(dir); err != nil {
			t.Error(err)
		}
		if err := fs.SyncDir(at("none")); runtime.GOOS != "windows" && !errors.Is(err, fsys.ErrNotExist) {
			t.Errorf("sync of a missing folder: %v", err)
		}
		if free, ok := fsys.Free(fs, dir); !ok || free <= 0 {
			t.Errorf("free: %d, %v", free, ok)
		}
	})
}

func TestReadAt(t *testing.T) {
	each(t, func(t *testing.T, fs fsys.FS, dir string) {
		name := filepath.Join(dir, "f")
		write(t, fs, name, "0123456789")
		r, err := fs.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		b := make([]byte, 4)
		if n, err := r.ReadAt(b, 3); n != 4 || err != nil || string(b) != "3456" {
			t.Errorf("read %d, %v, %q", n, err, b)
		}
		if n, err := r.ReadAt(b, 8); n != 2 || err != io.EOF {
			t.Errorf("read %d, %v beyond the end", n, err)
		}
		if r.Size() != 10 {
			t.Errorf("size %d", r.Size())
		}
	})
}

func TestReadFile(t *testing.T) {
	each(t, func(t *testing.T, fs fsys.FS, dir string) {
		name := filepath.Join(dir, "f")
		write(t, fs, name, "0123456789")
		if b, err := fsys.ReadFile(fs, name, 10); err != nil || string(b) != "0123456789" {
			t.Errorf("%q, %v", b, err)
		}
		if _, err := fsys.ReadFile(fs, name, 9); !errors.Is(err, fsys.ErrTooLarge) {
			t.Errorf("got %v", err)
		}
		if _, err := fsys.ReadFile(fs, name+"x", 9); !errors.Is(err, fsys.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
}

func TestMkdirRemoveAll(t *testing.T) {
	each(t, func(t *testing.T, fs fsys.FS, dir string) {
		deep := filepath.Join(dir, "x", "y", "z")
		for range 2 {
			if err := fsys.MkdirAll(fs, deep); err != nil {
				t.Fatal(err)
			}
		}
		write(t, fs, filepath.Join(deep, "f"), "1")
		write(t, fs, filepath.Join(dir, "x", "g"), "1")
		if err := fsys.MkdirAll(fs, filepath.Join(dir, "x", "g", "h")); err == nil {
			t.Error("made a folder below a file")
		}
		for _, name := range []string{"x", "x"} { // the second time it is gone: no error
			if err := fsys.RemoveAll(fs, filepath.Join(dir, name)); err != nil {
				t.Error(err)
			}
		}
		if ok, err := fsys.Exists(fs, filepath.Join(dir, "x")); ok || err != nil {
			t.Errorf("still there: %v, %v", ok, err)
		}
		if ok, err := fsys.Exists(fs, filepath.Join(dir, "x", "y")); ok || err != nil {
			t.Errorf("below a missing folder: %v, %v", ok, err)
		}
		write(t, fs, filepath.Join(dir, "f"), "1")
		if ok, err := fsys.Exists(fs, filepath.Join(dir, "f")); !ok || err != nil {
			t.Errorf("not seen: %v, %v", ok, err)
		}
		if err := fsys.RemoveAll(fs, filepath.Join(dir, "f")); err != nil {
			t.Error(err)
		}
	})
}

func TestReplace(t *testing.T) {
	each(t, func(t *testing.T, fs fsys.FS, dir string) {
		name := filepath.Join(dir, "STATUS")
		for _, text := range []string{"running\n", "done\n"} {
			if err := fsys.ReplaceBytes(fs, name, []byte(text)); err != nil {
				t.Fatal(err)
			}
			if got := read(t, fs, name); got != text {
				t.Errorf("got %q", got)
			}
		}
		boom := errors.New("boom")
		err := fsys.Replace(fs, name, func(w io.Writer) error { w.Write([]byte("half")); return boom })
		if !errors.Is(err, boom) || read(t, fs, name) != "done\n" {
			t.Errorf("%v, contents %q", err, read(t, fs, name))
		}
		if list, _ := fs.ReadDir(dir); len(list) != 1 {
			t.Errorf("left over: %v", list)
		}
	})
}

// Whatever a power cut leaves of a replacement, the file is the old one or the new one; once it has
// been acknowledged, the new one. Each of the two syncs is needed.
func TestReplaceCrash(t *testing.T) {
	for _, c := range []struct {
		skip string
		safe bool
	}{{"", true}, {"Sync", false}, {"SyncDir", false}} {
		disk := crashfs.New()
		if err := fsys.ReplaceBytes(disk, "f", []byte("old")); err != nil {
			t.Fatal(err)
		}
		faults, states, acknowledged := 0, 0, false
		look := func(string, string) {
			for after := range disk.Crashes(4096, 512, 1) {
				states++
				b, err := fsys.ReadFile(after, "f", 100)
				if err != nil || string(b) != "new!" && (acknowledged || string(b) != "old") {
					faults++
				}
			}
		}
		disk.After = look
		careless := crashfs.Careless{FS: disk, Skip: func(call, name string) bool { return call == c.skip }}
		if err := fsys.ReplaceBytes(careless, "f", []byte("new!")); err != nil {
			t.Fatal(err)
		}
		acknowledged = true
		look("", "")
		if c.safe != (faults == 0) || states < 10 {
			t.Errorf("without %q: %d faults in %d states", c.skip, faults, states)
		}
	}
}

// An error of any call comes out, and the old contents stay.
func TestReplaceFaults(t *testing.T) {
	boom := errors.New("boom")
	for n := 1; ; n++ {
		disk := crashfs.New()
		if err := fsys.ReplaceBytes(disk, "f", []byte("old")); err != nil {
			t.Fatal(err)
		}
		faulty := &crashfs.Faulty{FS: disk, N: n, Err: boom}
		err := fsys.ReplaceBytes(faulty, "f", []byte("new"))
		if faulty.Hit == "" {
			if n != 7 { // create, write, sync, close, rename, sync of the folder
				t.Errorf("a replacement makes %d calls, want 6", n-1)
			}
			return
		}
		if !errors.Is(err, boom) {
			t.Errorf("%s failed, got %v", faulty.Hit, err)
		}
		b, err := fsys.ReadFile(disk, "f", 100)
		if want := "old"; err != nil || string(b) != want && n < 6 {
			t.Errorf("%s failed: contents %q, %v", faulty.Hit, b, err)
		}
		if list, _ := disk.ReadDir("."); len(list) != 1 {
			t.Errorf("%s failed: left over %v", faulty.Hit, list)
		}
	}
}

// MkdirAll syncs above each folder it makes, so none of them is lost later.
func TestMkdirAllCrash(t *testing.T) {
	disk := crashfs.New()
	if err := fsys.MkdirAll(disk, "a/b/c"); err != nil {
		t.Fatal(err)
	}
	for after := range disk.Crashes(4096, 512, 1) {
		if _, err := after.ReadDir("a/b/c"); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenOnlyFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no device files on Windows")
	}
	if _, err := (fsys.OS{}).Open(os.DevNull); err == nil {
		t.Error("a device was opened as a file: its size means nothing")
	}
}

func TestUnique(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		seen[fsys.Unique()] = true
	}
	if len(seen) < 99 { // 32 random bits: two equal ones in 100 are a one-in-a-million event
		t.Errorf("%d of 100 names are different", len(seen))
	}
}

func ExampleReplace() {
	disk := crashfs.New()
	err := fsys.Replace(disk, "STATUS", func(w io.Writer) error {
		_, err := io.WriteString(w, "running\n")
		return err
	})
	if err != nil {
		panic(err)
	}
	b, _ := fsys.ReadFile(disk, "STATUS", 100)
	os.Stdout.Write(bytes.ToUpper(b))
	// Output: RUNNING
}
