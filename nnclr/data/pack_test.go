package data_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kith/nnclr/data"
	"kith/nnclr/data/datatest"
)

// TestPack: a pack holds the same pixels, labels and classes, in the same bytes each time, and its
// shards are tars with labels beside the images.
func TestPack(t *testing.T) {
	dir := t.TempDir()
	for i := range known {
		write(t, filepath.Join(dir, "in", classNames[i%4], string(rune('a'+i))+".png"), encode(t, picture(i, 70)))
	}
	write(t, filepath.Join(dir, "in", "bee", "broken.png"), []byte("no image"))
	d, err := data.OpenSplit(filepath.Join(dir, "in"), data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	bad := new(data.Bad)
	pack := func(name, form string, shard int64, workers int) string {
		out := filepath.Join(dir, name)
		p := data.Packer{Source: "in", Form: form, ShardBytes: shard, Workers: workers, Bad: bad}
		info, err := p.Pack(context.Background(), d, out)
		if err != nil {
			t.Fatal(err)
		}
		if info.Count != known {
			t.Errorf("%s: %d images packed, want %d", name, info.Count, known)
		}
		return out
	}
	one := pack("one", "raw", 100_000, 1)
	two := pack("two", "", 100_000, 3)
	if a, b := hashTree(t, one), hashTree(t, two); !slices.Equal(a, b) || len(a) < 6 {
		t.Errorf("packs of the same data differ, or have too few shards: %v, %v", a, b)
	}
	if list := bad.List(); len(list) != 1 || !strings.Contains(list[0].Name, "broken") {
		t.Errorf("bad images: %v", list)
	}
	good := data.Subset(d, goodOf(d))
	for _, source := range []string{one, pack("copied", "copy", 0, 2), "pack:" + two} {
		got, err := data.OpenSplit(source, data.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(contents(t, got), contents(t, good)) {
			t.Errorf("%s: images differ from the source's", source)
		}
		datatest.Run(t, got)
	}
	// Any reader of WebDataset takes the shards.
	wds, err := data.OpenSplit("wds:"+one+"/shard-*.tar", data.Options{})
	if err != nil || wds.Len() != known {
		t.Fatalf("shards as WebDataset: %v", err)
	}
	jpg, err := data.OpenSplit(pack("jpg", "jpg", 0, 1), data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var p data.Picture
	if label, err := data.Read(jpg, 0, &p); err != nil || label != 0 || p.W != 70 || p.H != 70 {
		t.Errorf("jpg: label %d, %d×%d, %v", label, p.W, p.H, err)
	}
	if _, err := (data.Packer{}).Pack(context.Background(), d, one); err == nil {
		t.Error("an existing folder was overwritten")
	}
	if _, err := (data.Packer{Form: "bmp"}).Pack(context.Background(), d, filepath.Join(dir, "x")); err == nil {
		t.Error("form bmp was accepted")
	}
}

func goodOf(d data.Dataset) (index []int) {
	var p data.Picture
	for i := range d.Len() {
		if _, err := data.Read(d, i, &p); err == nil {
			index = append(index, i)
		}
	}
	return index
}

// hashTree lists the files below a folder with their contents.
func hashTree(t *testing.T, root string) (list []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(root, path))
		list = append(list, path+string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestPackReduces: shorter sides above the limit are reduced to it, others stay.
func TestPackReduces(t *testing.T) {
	dir := t.TempDir()
	for i, side := range []int{40, 70, 100} {
		write(t, filepath.Join(dir, "in", string(rune('a'+i))+".png"), encode(t, picture(i, side)))
	}
	d, err := data.OpenSplit(filepath.Join(dir, "in"), data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (data.Packer{ShortSide: 64}).Pack(context.Background(), d, filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	got, err := data.OpenSplit(filepath.Join(dir, "out"), data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []*data.Picture{picture(0, 40), data.Scale(picture(1, 70), data.Bicubic, 64, 64), data.Scale(picture(2, 100), data.Bicubic, 64, 64)} {
		var p data.Picture
		if _, err := data.Read(got, i, &p); err != nil || p.W != want.W || !bytes.Equal(p.Pix, want.Pix) {
			t.Errorf("image %d: %d pixels wide, want %d; %v", i, p.W, want.W, err)
		}
	}
}

// TestPackResumes: canceled in the middle, it goes on behind the last whole shard, and the result
// is the same.
func TestPackResumes(t *testing.T) {
	dir := t.TempDir()
	for i := range 60 {
		write(t, filepath.Join(dir, "in", string(rune('A'+i))+".png"), encode(t, picture(i, 64)))
	}
	d, err := data.OpenSplit(filepath.Join(dir, "in"), data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := data.Packer{ShardBytes: 50_000}
	if _, err := p.Pack(context.Background(), d, filepath.Join(dir, "whole")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stop := &canceling{d, cancel, 40}
	if _, err := p.Pack(ctx, stop, filepath.Join(dir, "again")); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want canceled", err)
	}
	before, _ := filepath.Glob(filepath.Join(dir, "again.partial", "*.done"))
	if len(before) == 0 {
		t.Fatal("no shard was finished before the interruption")
	}
	if _, err := (data.Packer{ShardBytes: 50_000, Form: "jpg"}).Pack(context.Background(), d, filepath.Join(dir, "again")); err == nil {
		t.Error("another pack was continued")
	}
	seen := &counting{Dataset: d}
	if _, err := p.Pack(context.Background(), seen, filepath.Join(dir, "again")); err != nil {
		t.Fatal(err)
	}
	if seen.reads >= 60 {
		t.Errorf("%d images read after %d finished shards", seen.reads, len(before))
	}
	if !slices.Equal(hashTree(t, filepath.Join(dir, "whole")), hashTree(t, filepath.Join(dir, "again"))) {
		t.Error("the resumed pack differs")
	}
}

// canceling cancels when image at is read.
type canceling struct {
	data.Dataset
	cancel func()
	at     int
}

func (c *canceling) Name(i int) string { return data.Name(c.Dataset, i) }
func (c *canceling) Size(i int) int64 {
	return c.Dataset.(interface{ Size(i int) int64 }).Size(i)
}
func (c *canceling) Label(i int) int { return -1 }
func (c *canceling) Read(i int, p *data.Picture) (int, error) {
	if i == c.at {
		c.cancel()
	}
	return data.Read(c.Dataset, i, p)
}

// counting counts reads; packs read in order on one goroutine here.
type counting struct {
	data.Dataset
	reads int
}

func (c *counting) Name(i int) string { return data.Name(c.Dataset, i) }
func (c *counting) Size(i int) int64 {
	return c.Dataset.(interface{ Size(i int) int64 }).Size(i)
}
func (c *counting) Label(i int) int { return -1 }
func (c *counting) Read(i int, p *data.Picture) (int, error) {
	c.reads++
	return data.Read(c.Dataset, i, p)
}

// TestDamagedPack: every damage is an error that names the file.
func TestDamagedPack(t *testing.T) {
	dir := t.TempDir()
	for i := range 4 {
		write(t, filepath.Join(dir, "in", classNames[i%2], string(rune('a'+i))+".png"), encode(t, picture(i, 16)))
	}
	d, err := data.OpenSplit(filepath.Join(dir, "in"), data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	if _, err := (data.Packer{}).Pack(context.Background(), d, out); err != nil {
		t.Fatal(err)
	}
	index, _ := os.ReadFile(filepath.Join(out, "index.bin"))
	info, _ := os.ReadFile(filepath.Join(out, "pack.json"))
	damage := func(at int, b byte) []byte { x := bytes.Clone(index); x[at] = b; return x }
	for _, c := range []struct {
		file string
		b    []byte
		want string
	}{
		{"index.bin", index[:40], "index.bin has 40 bytes"},
		{"index.bin", damage(0, 1), "shard 1 of 1"},
		{"index.bin", damage(11, 0x80), "outside of its shard"},
		{"index.bin", damage(14, 9), "outside of its shard"},
		{"index.bin", damage(20, 2), "label 2 of 2 classes"},
		{"pack.json", []byte("{"), "pack.json"},
		{"pack.json", bytes.Replace(info, []byte("kith-pack-1"), []byte("kith-pack-9"), 1), "kith-pack-9"},
		{"pack.json", bytes.Replace(info, []byte(`"shard-00000.tar"`), []byte(`"../x"`), 1), "not a file name"},
		{"shard-00000.tar", []byte("short"), "has 5 bytes"},
	} {
		old, _ := os.ReadFile(filepath.Join(out, c.file))
		write(t, filepath.Join(out, c.file), c.b)
		if _, err := data.Open([]string{out}, data.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s damaged: %v, want %q", c.file, err, c.want)
		}
		write(t, filepath.Join(out, c.file), old)
	}
}

// TestManifest: changes, losses and additions are told apart.
func TestManifest(t *testing.T) {
	dir := t.TempDir()
	for i := range 10 {
		write(t, filepath.Join(dir, string(rune('a'+i))+".png"), encode(t, picture(i, 16)))
	}
	open := func() data.Dataset {
		d, err := data.OpenSplit(dir, data.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	ctx := context.Background()
	var manifest bytes.Buffer
	if err := data.WriteManifest(ctx, open(), &manifest); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(manifest.String()), "\n")
	if len(lines) != 10 || !strings.HasSuffix(lines[0], "\ta.png") || !slices.IsSortedFunc(lines, func(a, b string) int { return strings.Compare(a[len(a)-5:], b[len(b)-5:]) }) {
		t.Errorf("manifest:\n%s", manifest.String())
	}
	before := data.Digest(open(), data.Options{})
	c, err := data.Verify(ctx, bytes.NewReader(manifest.Bytes()), open())
	if err != nil || c.Any() {
		t.Errorf("unchanged: %+v, %v", c, err)
	}
	b := encode(t, picture(3, 16))
	b[60] ^= 1
	write(t, filepath.Join(dir, "d.png"), b) // same size
	os.Remove(filepath.Join(dir, "f.png"))
	write(t, filepath.Join(dir, "new.png"), encode(t, picture(50, 16)))
	c, err = data.Verify(ctx, bytes.NewReader(manifest.Bytes()), open())
	want := data.Changes{Changed: []string{"d.png"}, Missing: []string{"f.png"}, New: []string{"new.png"}}
	if err != nil || !slices.Equal(c.Changed, want.Changed) || !slices.Equal(c.Missing, want.Missing) || !slices.Equal(c.New, want.New) {
		t.Errorf("changes %+v, want %+v; %v", c, want, err)
	}
	if after := data.Digest(open(), data.Options{}); after == before {
		t.Error("the data digest does not see a file come and go")
	}
	if a, b := data.Digest(open(), data.Options{}), data.Digest(open(), data.Options{IgnoreEXIF: true}); a == b {
		t.Error("the data digest does not see exif=ignore")
	}
	d := open()
	if a, b := data.Digest(data.Subset(d, []int{0, 1}), data.Options{}), data.Digest(data.Subset(d, []int{1, 0}), data.Options{}); a == b {
		t.Error("the data digest does not see the order of images")
	}
	if _, err := data.Verify(ctx, strings.NewReader("nonsense\n"), open()); err == nil {
		t.Error("nonsense is a manifest")
	}
}

// TestSurvey counts what is there.
func TestSurvey(t *testing.T) {
	dir := t.TempDir()
	for i := range 8 {
		write(t, filepath.Join(dir, classNames[i%2], string(rune('a'+i))+".png"), encode(t, picture(i, 16+16*(i%2))))
	}
	write(t, filepath.Join(dir, "ant", "twin.png"), encode(t, picture(0, 16)))
	write(t, filepath.Join(dir, "bee", "bad.jpg"), []byte("\xff\xd8\xff"))
	d, err := data.OpenSplit(dir, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := data.Survey(context.Background(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Images != 10 || r.Good != 9 || r.Formats["png"] != 9 || r.ShortSides["16-31"] != 5 || r.ShortSides["32-63"] != 4 ||
		r.Classes["ant"] != 5 || r.Classes["bee"] != 4 || len(r.Bad) != 1 {
		t.Errorf("report %+v", r)
	}
	if len(r.Duplicates) != 1 || !slices.Equal(r.Duplicates[0], []string{"ant/a.png", "ant/twin.png"}) {
		t.Errorf("duplicates %v", r.Duplicates)
	}
	sum, n := 0.0, 0.0
	for i := range 9 {
		p := picture(i, 16+16*(i%2))
		if i == 8 {
			p = picture(0, 16)
		}
		for j := 0; j < len(p.Pix); j += 3 {
			sum += float64(p.Pix[j]) / 255
			n++
		}
	}
	if math.Abs(r.Mean[0]-sum/n) > 1e-9 || r.Std[0] < 0.1 {
		t.Errorf("mean %v std %v, want mean %g", r.Mean, r.Std, sum/n)
	}
}
