package data_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"kith/internal/testflag"
	"kith/nnclr/data"
	"kith/nnclr/data/datatest"
)

// names lists the images of a folder.
func names(t *testing.T, dir string, o data.Options) []string {
	t.Helper()
	d, err := data.OpenSplit(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for i := range d.Len() {
		list = append(list, data.Name(d, i))
	}
	return list
}

// TestOddTrees: depth, links, names, hidden files, wrong extensions.
func TestOddTrees(t *testing.T) {
	dir := t.TempDir()
	b := encode(t, picture(1, 8))
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{
		"z.png", "a/1/2/3/4/5/6/7/8/9/10/11.png", "a.b/x.png", "a-b/y.png", "no-extension", "wrong.txt",
		".hidden.png", "._fork.png", ".git/x.png", "line\nbreak.png", "quote\".png", "tab\t.png",
	} {
		write(t, at(name), b)
	}
	write(t, at("notes.txt"), []byte("no image"))
	write(t, at("claims.png"), []byte("no image"))
	write(t, at("table.tsv"), []byte("x\ty\n"))
	want := []string{"a-b/y.png", "a.b/x.png", "a/1/2/3/4/5/6/7/8/9/10/11.png", "claims.png", "line\nbreak.png", "no-extension", "quote\".png", "tab\t.png", "wrong.txt", "z.png"}
	if runtime.GOOS == "linux" {
		write(t, at("\xff\xfe.png"), b)
		want = append(want, "b64://4ucG5n")
	}
	got := names(t, dir, data.Options{})
	if !slices.Equal(got, want) {
		t.Errorf("images\n%q, want\n%q", got, want)
	}
	d, _ := data.OpenSplit(dir, data.Options{})
	datatest.Run(t, d)
	s, err := data.Open([]string{dir}, data.Options{})
	if err != nil || s.Score != nil || len(s.Classes) > 0 {
		t.Errorf("a mixed tree has labels: %+v, %v", s, err)
	}
	notes := strings.Join(s.Notes, "\n")
	for _, want := range []string{"1 .tsv", "1 .txt", "3 hidden names"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes %q do not say %q", notes, want)
		}
	}
}

// TestLinks: to files always, to folders on request, loops never.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	b := encode(t, picture(1, 8))
	write(t, filepath.Join(dir, "in", "a.png"), b)
	write(t, filepath.Join(dir, "other", "b.png"), b)
	for from, to := range map[string]string{
		"in/file.png": "../other/b.png", "in/folder": "../other", "in/loop": ".", "in/up": "..", "in/dangling.png": "nowhere.png", "in/dangling": "nowhere",
	} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}
	in := filepath.Join(dir, "in")
	if got, want := names(t, in, data.Options{}), []string{"a.png", "dangling.png", "file.png"}; !slices.Equal(got, want) {
		t.Errorf("images %q, want %q", got, want)
	}
	got := names(t, in, data.Options{FollowLinks: true})
	if len(got) != 4 || !slices.Contains(got, "folder/b.png") {
		t.Errorf("following links: %q", got)
	}
	d, _ := data.OpenSplit(in, data.Options{})
	if _, _, err := d.At(1); err == nil || !strings.Contains(err.Error(), "dangling") {
		t.Errorf("dangling link: %v", err)
	}
}

// TestLabelRule: what counts as class folders.
func TestLabelRule(t *testing.T) {
	b := encode(t, picture(1, 8))
	for name, c := range map[string]struct {
		files   []string
		classes int
	}{
		"two folders":              {[]string{"a/1.png", "a/2.png", "b/1.png", "b/2.png"}, 2},
		"deeper":                   {[]string{"a/x/1.png", "a/2.png", "b/1.png", "b/y/z/2.png"}, 2},
		"one folder":               {[]string{"a/1.png", "a/2.png"}, 0},
		"an image outside":         {[]string{"a/1.png", "a/2.png", "b/1.png", "b/2.png", "c.png"}, 0},
		"one image per folder":     {[]string{"a/1.png", "b/1.png", "c/1.png"}, 0},
		"splits, not classes":      {[]string{"train/1.png", "train/2.png", "val/1.png", "val/2.png"}, 0},
		"classes in splits":        {[]string{"Train/a/1.png", "Train/a/2.png", "Train/b/1.png", "Train/b/2.png", "validation/a/1.png", "validation/a/2.png", "validation/b/1.png", "validation/b/2.png"}, 2},
		"a class in one split":     {[]string{"train/a/1.png", "train/a/2.png", "train/b/1.png", "train/b/2.png", "test/a/1.png", "test/a/2.png", "test/c/1.png", "test/c/2.png"}, 3},
		"unlabeled beside labeled": {[]string{"train/a/1.png", "train/a/2.png", "train/b/1.png", "train/b/2.png", "unlabeled/1.png", "unlabeled/x/2.png"}, 2},
	} {
		dir := t.TempDir()
		for _, f := range c.files {
			write(t, filepath.Join(dir, f), b)
		}
		s, err := data.Open([]string{dir}, data.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(s.Classes) != c.classes {
			t.Errorf("%s: classes %q, want %d", name, s.Classes, c.classes)
		}
		if name == "a class in one split" && !strings.Contains(strings.Join(s.Notes, ""), "2 classes are not in every split") {
			t.Errorf("%s: notes %q", name, s.Notes)
		}
		if name == "unlabeled beside labeled" && s.Train.Len() != 6 {
			t.Errorf("%s: %d training images, want 6", name, s.Train.Len())
		}
	}
}

// TestRefusedSources: each says what is wrong and what to do.
func TestRefusedSources(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	os.Mkdir(at("empty"), 0o755)
	write(t, at("texts/a.md"), []byte("x"))
	write(t, at("a.zst"), []byte("\x28\xb5\x2f\xfd...."))
	write(t, at("a.h5"), []byte("\x89HDF\r\n\x1a\n"))
	write(t, at("a.parquet"), []byte("PAR1...."))
	write(t, at("a.pkl"), []byte("\x80\x02}q\x00"))
	write(t, at("a.png"), encode(t, picture(1, 8)))
	write(t, at("junk"), []byte("junk and more junk"))
	write(t, at("nothing"), nil)
	write(t, at("empty.csv"), nil)
	write(t, at("no-path.csv"), []byte("a,b\n1,2\n"))
	write(t, at("split.csv"), []byte("path,split\nx.png,dev\n"))
	write(t, at("ragged.csv"), []byte("path,label\nx.png\n"))
	write(t, at("empty.txt"), []byte("\n\n"))
	write(t, at("py/data_batch_1"), []byte("x"))
	write(t, at("py/batches.meta"), []byte("x"))
	write(t, at("odd/data_batch_1.bin"), make([]byte, 3074))
	write(t, at("short.tar.gz"), gz(tarOf(t, tree(t)))[:1000])
	write(t, at("short.tar"), tarOf(t, tree(t))[:5000])
	write(t, at("idx"), []byte{0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9, 1})
	write(t, at("idx0"), append([]byte{0, 0, 8, 3, 0, 0, 0, 2}, make([]byte, 8)...))
	write(t, at("idx13"), []byte{0, 0, 13, 3, 0, 0, 0, 0})
	for source, want := range map[string]string{
		at("absent"): "no such file", at("empty"): "no images", at("texts"): "1 .md", at("a.zst"): "zstd -d",
		at("a.h5"): "HDF5", at("a.parquet"): "parquet", at("a.pkl"): "pickle", at("a.png"): "a single image",
		at("junk"): "not a source", at("nothing"): "not a source", at("empty.csv"): "header", at("no-path.csv"): "no column path",
		at("split.csv"): `no split is called "dev"`, at("ragged.csv"): "wrong number of fields", at("empty.txt"): "empty",
		at("py"): "cifar-10-binary", at("odd"): "not a multiple", at("short.tar.gz"): "unexpected EOF", at("short.tar"): "unexpected EOF",
		at("idx"): "IDX", at("idx0"): "IDX", "idx:" + at("idx13"): "0x0d", "cifar10:" + at("empty"): "data_batch_1.bin",
		"builtin:x": "builtin:patches", "builtin:patches#dev": "test, train",
	} {
		_, err := data.Open([]string{source}, data.Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", source, err, want)
		}
		var e *data.Error
		if err != nil && (!asError(err, &e) || e.Source != source) {
			t.Errorf("%s: error of type %T does not carry its source", source, err)
		}
	}
}

func asError(err error, e **data.Error) bool {
	x, ok := err.(*data.Error)
	*e = x
	return ok
}

// TestArchiveMembers: links and devices are passed over, names never leave the archive.
func TestArchiveMembers(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	img := encode(t, picture(1, 8))
	add := func(h tar.Header, body []byte) {
		h.Size, h.Mode = int64(len(body)), 0o644
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		w.Write(body)
	}
	long := strings.Repeat("long/", 60) + "name.png"
	add(tar.Header{Name: "a/", Typeflag: tar.TypeDir}, nil)
	add(tar.Header{Name: "a/1.png", Typeflag: tar.TypeReg}, img)
	add(tar.Header{Name: "./a/2.png", Typeflag: tar.TypeReg}, img)
	add(tar.Header{Name: "a/link.png", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, nil)
	add(tar.Header{Name: "a/hard.png", Typeflag: tar.TypeLink, Linkname: "a/1.png"}, nil)
	add(tar.Header{Name: "a/device.png", Typeflag: tar.TypeChar}, nil)
	add(tar.Header{Name: "/absolute.png", Typeflag: tar.TypeReg}, img)
	add(tar.Header{Name: "a/../../../escape.png", Typeflag: tar.TypeReg}, img)
	add(tar.Header{Name: "a/.hidden.png", Typeflag: tar.TypeReg}, img)
	add(tar.Header{Name: "b/" + long, Typeflag: tar.TypeReg}, img)
	add(tar.Header{Name: "b/content", Typeflag: tar.TypeReg}, img)
	add(tar.Header{Name: "b/empty.png", Typeflag: tar.TypeReg}, nil)
	add(tar.Header{Name: "b/text", Typeflag: tar.TypeReg}, []byte("text"))
	w.Close()
	dir := t.TempDir()
	for name, content := range map[string][]byte{"a.tar": b.Bytes(), "a.tgz": gz(b.Bytes())} {
		at := filepath.Join(dir, name)
		write(t, at, content)
		for _, insecure := range []string{"", "tarinsecurepath=0"} {
			t.Setenv("GODEBUG", insecure)
			got := names(t, at, data.Options{})
			want := []string{"/absolute.png", "a/1.png", "a/2.png", "b/content", "b/empty.png", "b/" + long}
			if !slices.Equal(got, want) {
				t.Errorf("%s: images %q, want %q", name, got, want)
			}
		}
		d, _ := data.OpenSplit(at, data.Options{})
		datatest.Run(t, d)
	}
	if _, err := os.Stat(filepath.Join(dir, "escape.png")); err == nil {
		t.Error("a member was written to disk")
	}
}

// TestBombs: archives that expand without end are given up, and long names refused.
func TestBombs(t *testing.T) {
	dir := t.TempDir()
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	w := tar.NewWriter(z)
	w.WriteHeader(&tar.Header{Name: "a.png", Size: 6 << 20, Typeflag: tar.TypeReg})
	for range 6 {
		w.Write(make([]byte, 1<<20))
	}
	w.Close()
	z.Close()
	write(t, filepath.Join(dir, "bomb.tgz"), b.Bytes())
	write(t, filepath.Join(dir, "name.tar"), tarOf(t, []member{{strings.Repeat("n", 2000) + ".png", encode(t, picture(1, 8))}}))
	write(t, filepath.Join(dir, "bomb.zip"), zipOf(t, []member{{"a.png", append(encode(t, picture(1, 8)), make([]byte, 4<<20)...)}, {"b.png", encode(t, picture(2, 8))}}))
	for name, want := range map[string]string{"bomb.tgz": "200 times", "name.tar": "name of 2004 bytes"} {
		if _, err := data.Open([]string{filepath.Join(dir, name)}, data.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	d, err := data.OpenSplit(filepath.Join(dir, "bomb.zip"), data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.At(0); err == nil || !strings.Contains(err.Error(), "bomb") {
		t.Errorf("a member that expands 1000 times: %v", err)
	}
	if _, _, err := d.At(1); err != nil {
		t.Errorf("its neighbor: %v", err)
	}
}

// TestSpool: an archive that exceeds data_ram is unpacked to the cache, once.
func TestSpool(t *testing.T) {
	dir := t.TempDir()
	at, cache := filepath.Join(dir, "a.tar.gz"), filepath.Join(dir, "cache")
	write(t, at, gz(tarOf(t, tree(t))))
	o := data.Options{RAM: 10_000, Cache: cache}
	for range 2 {
		s, err := data.Open([]string{at}, o)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(contents(t, s.Train), wanted(0, 12)) || !slices.Equal(contents(t, s.Score), wanted(12, 20)) {
			t.Error("images from the cache differ")
		}
		datatest.Run(t, s.Train)
		list, err := os.ReadDir(cache)
		if err != nil || len(list) != 1 {
			t.Errorf("cache holds %v, %v", list, err)
		}
	}
}

// TestUnreadable files and folders are bad images, not the end of the run.
func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	dir := t.TempDir()
	b := encode(t, picture(1, 8))
	write(t, filepath.Join(dir, "a.png"), b)
	write(t, filepath.Join(dir, "b.png"), b)
	write(t, filepath.Join(dir, "sub", "c.png"), b)
	os.Chmod(filepath.Join(dir, "b.png"), 0)
	os.Chmod(filepath.Join(dir, "sub"), 0)
	defer os.Chmod(filepath.Join(dir, "sub"), 0o755)
	d, err := data.OpenSplit(dir, data.Options{})
	if err != nil || d.Len() != 3 {
		t.Fatalf("%v", err)
	}
	for i := 1; i < 3; i++ {
		if _, _, err := d.At(i); err == nil || !strings.Contains(err.Error(), "permission") {
			t.Errorf("image %d: %v", i, err)
		}
	}
}

// TestManyFiles: ten thousand in one folder.
func TestManyFiles(t *testing.T) {
	n := 1000
	if testflag.Long() {
		n = 10_000
	}
	dir := t.TempDir()
	b := encode(t, picture(1, 4))
	for i := range n {
		write(t, filepath.Join(dir, fmt.Sprintf("%05d.png", i)), b)
	}
	if got := names(t, dir, data.Options{}); len(got) != n || got[n/2] != fmt.Sprintf("%05d.png", n/2) {
		t.Errorf("%d images", len(got))
	}
}
