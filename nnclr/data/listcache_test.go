package data

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestListingIsKept: a second opening takes the listing from the cache; changes are seen; a damaged
// cache is as good as none.
func TestListingIsKept(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	put := func(name string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("P6 1 1 255\nabc"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a/1.ppm", "a/2.ppm", "b/1.ppm", "b/2.ppm", "b/.hidden"} {
		put(name)
	}
	if err := os.WriteFile(filepath.Join(dir, "b", "note.md"), []byte("a note"), 0o644); err != nil {
		t.Fatal(err)
	}
	o := Options{Cache: cache, keepFrom: 4}
	open := func(o Options) int {
		t.Helper()
		c, err := openFolder(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		d := c.splits[""]
		if len(ClassNames(d)) != 2 || len(c.notes) != 3 {
			t.Errorf("classes %v, notes %q", ClassNames(d), c.notes)
		}
		return d.Len()
	}
	kept := func() []string {
		list, err := filepath.Glob(filepath.Join(cache, "listing-*"))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if open(Options{Cache: cache}); len(kept()) > 0 {
		t.Error("the listing of a small source was kept")
	}
	if n := open(o); n != 4 || len(kept()) != 1 {
		t.Fatalf("%d images, %d listings", n, len(kept()))
	}
	// Another file with the directory's time set back shows that the cache is what answers.
	info, err := os.Stat(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	put("a/3.ppm")
	os.Chtimes(filepath.Join(dir, "a"), info.ModTime(), info.ModTime())
	if n := open(o); n != 4 {
		t.Errorf("%d images, want the 4 of the cache", n)
	}
	again := o
	again.Reindex = true
	if n := open(again); n != 5 {
		t.Errorf("%d images after a new listing, want 5", n)
	}
	put("b/3.ppm")
	later := info.ModTime().Add(time.Hour)
	os.Chtimes(filepath.Join(dir, "b"), later, later)
	if n := open(o); n != 6 {
		t.Errorf("%d images after a change, want 6", n)
	}
	if err := os.WriteFile(kept()[0], []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	if n := open(o); n != 6 {
		t.Errorf("%d images with a damaged cache, want 6", n)
	}
}
