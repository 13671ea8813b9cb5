package crashfs

import (
	"errors"
	"io"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kith/internal/fsys"
)

func put(t *testing.T, fs fsys.FS, name, text string, sync bool) fsys.File {
	t.Helper()
	f, err := fs.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, text); err != nil {
		t.Fatal(err)
	}
	if sync {
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// found lists what the disks after a cut look like, as sorted lines of "name=contents …".
func found(t *testing.T, disk *FS) []string {
	t.Helper()
	set := map[string]bool{}
	for after := range disk.Crashes(1000, 0, 0) {
		set[strings.TrimSpace(show(after.root, ""))] = true
	}
	var list []string
	for s := range set {
		list = append(list, s)
	}
	sort.Strings(list)
	return list
}

func show(n *node, name string) string {
	if !n.dir {
		return name + "=" + strings.ReplaceAll(string(n.data), "\x00", "0") + " "
	}
	var s string
	for _, e := range names(n.entries) {
		s += show(n.entries[e], strings.TrimPrefix(name+"/"+e, "/"))
	}
	if s == "" && name != "" {
		s = name + "/ "
	}
	return s
}

func wantDisks(t *testing.T, disk *FS, want ...string) {
	t.Helper()
	sort.Strings(want)
	if diff := cmp.Diff(want, found(t, disk)); diff != "" {
		t.Error(diff)
	}
}

// The model, by example.
func TestOutcomes(t *testing.T) {
	disk := New()
	wantDisks(t, disk, "")

	f := put(t, disk, "a", "abcd", false)
	wantDisks(t, disk, "", "a=", "a=ab", "a=abcd", "a=0000")

	f.Sync() // the contents are safe, the name is not
	wantDisks(t, disk, "", "a=abcd")

	disk.SyncDir(".")
	wantDisks(t, disk, "a=abcd")

	f.Write([]byte("XY")) // what was synced stays
	wantDisks(t, disk, "a=abcd", "a=abcdX", "a=abcdXY", "a=abcd00")
	f.Sync()

	disk.Rename("a", "b")
	wantDisks(t, disk, "a=abcdXY", "b=abcdXY")
	disk.SyncDir("/")
	wantDisks(t, disk, "b=abcdXY")

	disk.Remove("b")
	wantDisks(t, disk, "", "b=abcdXY")
}

func TestFolders(t *testing.T) {
	disk := New()
	disk.Mkdir("d")
	put(t, disk, "d/f", "x", true)
	wantDisks(t, disk, "", "d/", "d/f=x")
	disk.SyncDir("d") // its own name is still not safe
	wantDisks(t, disk, "", "d/f=x")
	disk.Rename("d", "e")
	wantDisks(t, disk, "", "e/f=x")
	disk.SyncDir(".")
	wantDisks(t, disk, "e/f=x")

	// A deletion inside a folder may be durable before the rename of the folder is.
	disk.Rename("e", "trash")
	disk.Remove("trash/f")
	wantDisks(t, disk, "e/", "e/f=x", "trash/", "trash/f=x")
}

// Replacing by rename: old or new, never nothing.
func TestRenameOver(t *testing.T) {
	disk := New()
	put(t, disk, "a", "old", true)
	disk.SyncDir(".")
	put(t, disk, "b", "new", true)
	disk.Rename("b", "a")
	wantDisks(t, disk, "a=old", "a=new")
}

// A disk found after a cut is a file system of its own: what happens on it leaves the first alone.
func TestIndependent(t *testing.T) {
	disk := New()
	put(t, disk, "a", "ab", true)
	disk.SyncDir(".")
	for after := range disk.Crashes(10, 0, 0) {
		put(t, after, "b", "x", true)
		after.Corrupt("a", func(b []byte) []byte { b[0] = 'X'; return b })
		after.Remove("a")
	}
	wantDisks(t, disk, "a=ab")
}

func TestSampling(t *testing.T) {
	disk := New()
	for _, name := range []string{"a", "b", "c", "d"} {
		put(t, disk, name, "1234", false)
	}
	count := func(limit, samples int, seed uint64) (n int, first string) {
		for after := range disk.Crashes(limit, samples, seed) {
			if n++; n <= 5 {
				first += show(after.root, "") + "|"
			}
		}
		return n, first
	}
	const all = 4 * 4 * 4 * 4 * 2
	if n, _ := count(all, 7, 1); n != all {
		t.Errorf("%d states within the limit, want %d", n, all)
	}
	n, a := count(all-1, 7, 1)
	_, b := count(all-1, 7, 1)
	_, c := count(all-1, 7, 2)
	if n != 7 || a != b || a == c {
		t.Errorf("%d samples; same seed %q and %q, another %q", n, a, b, c)
	}
	for range disk.Crashes(all, 0, 0) { // the caller may stop
		break
	}
	for range disk.Crashes(1, 5, 0) {
		break
	}
}

var errBoom = errors.New("boom")

// work makes one call of each kind and returns the errors it met.
func work(fs fsys.FS) (errs []error) {
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	note(fs.Mkdir("d"))
	if f, err := fs.Create("d/f"); err != nil {
		note(err)
	} else {
		_, err := f.Write([]byte("abcd"))
		note(err)
		note(f.Sync())
		note(f.Close())
	}
	note(fs.SyncDir("d"))
	if r, err := fs.Open("d/f"); err != nil {
		note(err)
	} else {
		_, err := r.ReadAt(make([]byte, 1), 0)
		note(err)
		r.Close()
	}
	_, err := fs.ReadDir("d")
	note(err)
	note(fs.Rename("d/f", "d/g"))
	note(fs.Remove("d/g"))
	return errs
}

func TestFaulty(t *testing.T) {
	const calls = 11
	hits := map[string]bool{}
	for n := 1; n <= calls; n++ {
		f := &Faulty{FS: New(), N: n, Err: errBoom}
		errs := work(f)
		if len(errs) == 0 || !errors.Is(errs[0], errBoom) {
			t.Errorf("call %d: %v", n, errs)
		}
		call, _, _ := strings.Cut(f.Hit, " ")
		hits[call] = true
	}
	if len(hits) != calls {
		t.Errorf("%d kinds of calls were hit, want %d: %v", len(hits), calls, hits)
	}
	if f := (&Faulty{FS: New(), N: calls + 1, Err: errBoom}); len(work(f)) > 0 || f.Hit != "" || f.Calls != calls {
		t.Errorf("hit %q after %d calls", f.Hit, f.Calls)
	}
	if errs := work(&Faulty{FS: New(), N: 1, Err: errBoom, Stay: true}); len(errs) != 7 {
		t.Errorf("a fault that stays: %v", errs)
	}
}

// A write that fails has written half, as on a full disk.
func TestFaultyWrite(t *testing.T) {
	disk := New()
	f, err := (&Faulty{FS: disk, N: 2, Err: errBoom}).Create("f")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.Write([]byte("abcd")); n != 2 || !errors.Is(err, errBoom) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if b, err := fsys.ReadFile(disk, "f", 10); err != nil || string(b) != "ab" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestCareless(t *testing.T) {
	disk := New()
	c := Careless{FS: disk, Skip: func(call, name string) bool { return strings.HasPrefix(name, "x") }}
	put(t, c, "x", "12", true)
	put(t, c, "y", "12", true)
	c.SyncDir(".")
	wantDisks(t, disk, "x= y=12", "x=1 y=12", "x=12 y=12", "x=00 y=12")
}
