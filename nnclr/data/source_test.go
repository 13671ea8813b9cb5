package data_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kith/internal/testflag"
	"kith/nnclr/data"
	"kith/nnclr/data/datatest"
)

// The known images: 20 pictures of 32×32 pixels in four classes, 12 for training, 8 for testing.
const known = 20

var classNames = []string{"ant", "bee", "cow", "dog"}

func picture(i, side int) *data.Picture {
	p := new(data.Picture)
	p.Resize(side, side)
	for j := range p.Pix {
		p.Pix[j] = byte(i*37 + j*j/5 + j*11)
	}
	return p
}

func encode(t testing.TB, p *data.Picture) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func splitOf(i int) string {
	if i < 12 {
		return "train"
	}
	return "test"
}

// path is where image i lies in a tree of class folders. Sorted, paths keep the order of i within
// class and split only; compare by content.
func path(i int) string {
	return fmt.Sprintf("%s/%s/%02d.png", splitOf(i), classNames[i%4], i)
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A member is one file of an archive.
type member struct {
	name string
	b    []byte
}

func tree(t testing.TB) (list []member) {
	for i := range known {
		list = append(list, member{path(i), encode(t, picture(i, 32))})
	}
	return list
}

func tarOf(t testing.TB, list []member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range list {
		h := &tar.Header{Name: m.name, Size: int64(len(m.b)), Mode: 0o644, Typeflag: tar.TypeReg}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		w.Write(m.b)
	}
	w.Close()
	return b.Bytes()
}

func gz(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func zipOf(t testing.TB, list []member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range list {
		f, err := w.Create(m.name)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(m.b)
	}
	w.Close()
	return b.Bytes()
}

// planes is a picture in CIFAR's and STL's layout.
func planes(p *data.Picture, columns bool) (b []byte) {
	for c := range 3 {
		for a := range p.H {
			for o := range p.W {
				x, y := o, a
				if columns {
					x, y = a, o
				}
				b = append(b, p.Pix[3*(y*p.W+x)+c])
			}
		}
	}
	return b
}

func cifarMembers(lead int) []member {
	files := map[string][]byte{}
	for i := range known {
		name := "test_batch.bin"
		if i < 12 {
			name = fmt.Sprintf("data_batch_%d.bin", 1+i/6)
		}
		if lead == 2 {
			name = splitOf(i) + ".bin"
			files[name] = append(files[name], byte(i%2))
		}
		files[name] = append(files[name], byte(i%4))
		files[name] = append(files[name], planes(picture(i, 32), false)...)
	}
	names := "batches.meta.txt"
	if lead == 2 {
		names = "fine_label_names.txt"
		files["coarse_label_names.txt"] = []byte("x\ny\n")
	}
	files[names] = []byte(strings.Join(classNames, "\n") + "\n\n")
	var list []member
	for name, b := range files {
		list = append(list, member{name, b})
	}
	slices.SortFunc(list, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return list
}

// sources writes the known images in every form and returns how to open each.
func sources(t testing.TB, dir string) map[string]string {
	t.Helper()
	at := func(name string) string { return filepath.Join(dir, name) }
	files := tree(t)
	for _, m := range files {
		write(t, at("folder/"+m.name), m.b)
	}
	write(t, at("a.tar"), tarOf(t, files))
	write(t, at("a.tar.gz"), gz(tarOf(t, files)))
	var deep []member
	for _, m := range files {
		deep = append(deep, member{"top/" + m.name, m.b})
	}
	write(t, at("deep.tgz"), gz(tarOf(t, deep)))
	write(t, at("a.zip"), zipOf(t, files))
	table := "id,path,label,split\n"
	for i := range known {
		table += fmt.Sprintf("%d,\"folder/%s\",%s,%s\n", i, path(i), classNames[i%4], splitOf(i))
	}
	write(t, at("table.csv"), []byte(table))
	write(t, at("table.tsv"), []byte(strings.ReplaceAll(strings.ReplaceAll(table, ",", "\t"), "\"", "")))
	for _, lead := range []int{1, 2} {
		list := cifarMembers(lead)
		for _, m := range list {
			write(t, at(fmt.Sprintf("cifar%d/%s", lead, m.name)), m.b)
		}
		write(t, at(fmt.Sprintf("cifar%d.tar.gz", lead)), gz(tarOf(t, list)))
	}
	return map[string]string{
		"folder": at("folder"), "tar": at("a.tar"), "tar.gz": at("a.tar.gz"), "top folder": at("deep.tgz"),
		"zip": at("a.zip"), "csv": at("table.csv"), "tsv": at("table.tsv"),
		"cifar10": "cifar10:" + at("cifar1"), "cifar10 by content": at("cifar1"), "cifar10.tar.gz": at("cifar1.tar.gz"),
		"cifar100": at("cifar2"), "cifar100.tar.gz": "cifar100:" + at("cifar2.tar.gz"),
	}
}

// contents is a sorted list of label and pixels of each image.
func contents(t testing.TB, d data.Dataset) []string {
	t.Helper()
	var list []string
	var p data.Picture
	for i := range d.Len() {
		label, err := data.Read(d, i, &p)
		if err != nil {
			t.Fatalf("image %d (%s): %v", i, data.Name(d, i), err)
		}
		list = append(list, fmt.Sprintf("%s %d×%d %x", className(d, label), p.W, p.H, p.Pix))
	}
	slices.Sort(list)
	return list
}

func className(d data.Dataset, label int) string {
	names := data.ClassNames(d)
	if label >= 0 && label < len(names) {
		return names[label]
	}
	return fmt.Sprint(label)
}

func wanted(from, to int) (list []string) {
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprintf("%s 32×32 %x", classNames[i%4], picture(i, 32).Pix))
	}
	slices.Sort(list)
	return list
}

// TestSourcesAgree: every form of the same images gives the same images, labels and splits, and
// keeps the contract.
func TestSourcesAgree(t *testing.T) {
	for name, source := range sources(t, t.TempDir()) {
		t.Run(name, func(t *testing.T) {
			s, err := data.Open([]string{source}, data.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(s.Classes, classNames) {
				t.Errorf("classes %v, want %v", s.Classes, classNames)
			}
			if !slices.Equal(contents(t, s.Train), wanted(0, 12)) {
				t.Error("training images differ from the known ones")
			}
			if s.Score == nil || !slices.Equal(contents(t, s.Score), wanted(12, 20)) {
				t.Error("test images differ from the known ones")
			}
			datatest.Run(t, s.Train)
			d, err := data.OpenSplit(source+"#test", data.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(contents(t, d), wanted(12, 20)) {
				t.Error("#test gives other images")
			}
			if _, err := data.OpenSplit(source+"#nonsense", data.Options{}); err == nil || !strings.Contains(err.Error(), "test, train") {
				t.Errorf("#nonsense: %v", err)
			}
			none, err := data.Open([]string{source}, data.Options{Labels: "none"})
			if err != nil || none.Score != nil || none.Train.Len() != 12 || len(none.Classes) > 0 {
				t.Errorf("labels=none: %+v, %v", none, err)
			}
		})
	}
}

// TestSTL10: column-major planes, labels 1..10, unlabeled images joined to the training set.
func TestSTL10(t *testing.T) {
	dir := t.TempDir()
	var trainX, trainY, testX, testY, freeX []byte
	for i := range known {
		b := planes(picture(i, 96), true)
		switch {
		case i < 6:
			trainX, trainY = append(trainX, b...), append(trainY, byte(i%4+1))
		case i < 12:
			freeX = append(freeX, b...)
		default:
			testX, testY = append(testX, b...), append(testY, byte(i%4+1))
		}
	}
	for name, b := range map[string][]byte{"train_X.bin": trainX, "train_y.bin": trainY, "test_X.bin": testX,
		"test_y.bin": testY, "unlabeled_X.bin": freeX, "class_names.txt": []byte(strings.Join(classNames, "\n"))} {
		write(t, filepath.Join(dir, name), b)
	}
	s, err := data.Open([]string{dir}, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Train.Len() != 12 || s.Bank.Len() != 6 || s.Score.Len() != 8 {
		t.Fatalf("%d training, %d bank, %d test images", s.Train.Len(), s.Bank.Len(), s.Score.Len())
	}
	var p data.Picture
	for i := range 12 {
		label, err := data.Read(s.Train, i, &p)
		want := i % 4
		if i >= 6 {
			want = -1
		}
		if err != nil || label != want || !bytes.Equal(p.Pix, picture(i, 96).Pix) {
			t.Errorf("image %d: label %d (want %d), pixels equal %v, %v", i, label, want, bytes.Equal(p.Pix, picture(i, 96).Pix), err)
		}
	}
	datatest.Run(t, s.Train)
	write(t, filepath.Join(dir, "train_y.bin"), trainY[1:])
	if _, err := data.Open([]string{dir}, data.Options{}); err == nil || !strings.Contains(err.Error(), "6 images, but 5 labels") {
		t.Errorf("missing label: %v", err)
	}
}

func idxOf(list []*data.Picture) []byte {
	b := []byte{0, 0, 8, 3}
	for _, n := range []int{len(list), list[0].H, list[0].W} {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	for _, p := range list {
		for i := 0; i < len(p.Pix); i += 3 {
			b = append(b, p.Pix[i])
		}
	}
	return b
}

// TestIDX: compressed or not, labels found by name; and Fashion-MNIST's layout.
func TestIDX(t *testing.T) {
	dir := t.TempDir()
	var list []*data.Picture
	labels := []byte{0, 0, 8, 1, 0, 0, 0, known}
	for i := range known {
		list = append(list, picture(i, 28))
		labels = append(labels, byte(i%10))
	}
	for _, prefix := range []string{"train", "t10k"} {
		write(t, filepath.Join(dir, prefix+"-images-idx3-ubyte.gz"), gz(idxOf(list)))
		write(t, filepath.Join(dir, prefix+"-labels-idx1-ubyte.gz"), gz(labels))
	}
	write(t, filepath.Join(dir, "plain"), idxOf(list))
	write(t, filepath.Join(dir, "plain-labels"), labels)
	images := filepath.Join(dir, "train-images-idx3-ubyte.gz")
	plain := filepath.Join(dir, "plain")
	for _, source := range []string{images, "idx:" + images, plain + ",labels", "fashion:" + dir, dir, plain} {
		source = strings.Replace(source, ",labels", ","+plain+"-labels", 1)
		if strings.Contains(source, ",") {
			source = "idx:" + source
		}
		d, err := data.OpenSplit(source, data.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var p data.Picture
		for i := range known {
			label, err := data.Read(d, i, &p)
			want := i % 10
			if source == plain {
				want = -1
			}
			if err != nil || label != want || p.W != 28 || p.Pix[3*100+1] != list[i].Pix[3*100] {
				t.Errorf("%s: image %d: label %d, want %d; %v", source, i, label, want, err)
			}
		}
		datatest.Run(t, d)
	}
	_, err := data.Open([]string{"fashion:" + filepath.Join(dir, "none")}, data.Options{})
	if err == nil || !strings.Contains(err.Error(), "dataset-fashion-mnist") {
		t.Errorf("absent Fashion-MNIST: %v", err)
	}
}

// TestWebDataset: groups by the first dot, labels from .cls and .json, braces.
func TestWebDataset(t *testing.T) {
	dir := t.TempDir()
	for shard := range 2 {
		var list []member
		for i := shard * 10; i < shard*10+10; i++ {
			key := fmt.Sprintf("s.x/%04d", i)
			list = append(list, member{key + ".png", encode(t, picture(i, 32))})
			if i%2 == 0 {
				list = append(list, member{key + ".cls", []byte(classNames[i%4] + "\n")})
			} else {
				list = append(list, member{key + ".json", fmt.Appendf(nil, `{"label": %q, "w": 3}`, classNames[i%4])})
			}
			list = append(list, member{key + ".txt", []byte("a caption")}, member{key + ".seg.npy", []byte("x")})
		}
		list = append(list, member{"lonely.cls", []byte("cow")})
		write(t, filepath.Join(dir, fmt.Sprintf("s-%03d.tar", shard)), tarOf(t, list))
	}
	for _, source := range []string{
		"wds:" + dir + "/s-{000..001}.tar", "wds:" + dir + "/s-*.tar",
		"wds:" + dir + "/s-000.tar::" + dir + "/s-001.tar", "wds:" + dir + "/s-{000,001}.tar",
	} {
		d, err := data.OpenSplit(source, data.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(contents(t, d), wanted(0, 20)) {
			t.Errorf("%s: images differ", source)
		}
		datatest.Run(t, d)
	}
	one, err := data.OpenSplit(dir+"/s-000.tar", data.Options{}) // sidecars make it WebDataset
	if err != nil || !slices.Equal(contents(t, one), wanted(0, 10)) {
		t.Errorf("a tar with sidecars: %v", err)
	}
	for source, want := range map[string]string{
		"wds:" + dir + "/s-{000..002}.tar": "s-002.tar", "wds:" + dir + "/none*.tar": "no shard matches",
		"wds:" + dir + "/s-{0..x}.tar": "range of numbers", "wds:" + dir + "/s-{0": "closing brace",
	} {
		if _, err := data.Open([]string{source}, data.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
	write(t, filepath.Join(dir, "empty.tar"), tarOf(t, []member{{"a.cls", []byte("1")}, {"b.cls", []byte("2")}}))
	if _, err := data.Open([]string{"wds:" + dir + "/empty.tar"}, data.Options{}); err == nil || !strings.Contains(err.Error(), "no images in 2 groups") {
		t.Errorf("no image in any group: %v", err)
	}
}

// TestJoining sources merges their classes by name.
func TestJoining(t *testing.T) {
	dir := t.TempDir()
	for i := range 8 {
		write(t, filepath.Join(dir, "a", []string{"bee", "dog"}[i%2], fmt.Sprint(i, ".png")), encode(t, picture(i, 32)))
		write(t, filepath.Join(dir, "b", []string{"dog", "ant"}[i%2], fmt.Sprint(i, ".png")), encode(t, picture(i+8, 32)))
	}
	s, err := data.Open([]string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"ant", "bee", "dog"}; !slices.Equal(s.Classes, want) {
		t.Errorf("classes %v, want %v", s.Classes, want)
	}
	n := map[string]int{}
	for _, c := range contents(t, s.Train) {
		n[strings.Fields(c)[0]]++
	}
	if n["ant"] != 4 || n["bee"] != 4 || n["dog"] != 8 {
		t.Errorf("images by class: %v", n)
	}
	datatest.Run(t, s.Train)
}

// TestHoldOut: a labeled source without a test split gives up a tenth, the same for equal seeds.
func TestHoldOut(t *testing.T) {
	dir := t.TempDir()
	for i := range 100 {
		write(t, filepath.Join(dir, classNames[i%4], fmt.Sprintf("%03d.png", i)), encode(t, picture(i, 32)))
	}
	open := func(seed uint64) (train, score []string) {
		s, err := data.Open([]string{dir}, data.Options{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return contents(t, s.Train), contents(t, s.Score)
	}
	train, score := open(1)
	if len(train) != 90 || len(score) != 10 {
		t.Fatalf("%d and %d images, want 90 and 10", len(train), len(score))
	}
	for _, x := range score {
		if slices.Contains(train, x) {
			t.Error("an image is trained on and scored")
		}
	}
	if _, again := open(1); !slices.Equal(again, score) {
		t.Error("the same seed holds out other images")
	}
	if _, other := open(2); slices.Equal(other, score) {
		t.Error("seeds 1 and 2 hold out the same images")
	}
}

// TestPatchesContract and the like for what is installed.
func TestBuiltIn(t *testing.T) {
	s, err := data.Open([]string{"builtin:patches"}, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	datatest.Run(t, s.Train)
	datatest.Run(t, s.Score)
	if _, err := data.Open([]string{"builtin:cats"}, data.Options{}); err == nil {
		t.Error("builtin:cats opened")
	}
}

// TestFashionMNIST reads the Debian package, where it is installed.
func TestFashionMNIST(t *testing.T) {
	s, err := data.Open([]string{"fashion"}, data.Options{})
	if errors.Is(err, os.ErrNotExist) {
		testflag.Need(t, "fashion", "the Debian package dataset-fashion-mnist is not installed")
	}
	if err != nil {
		t.Fatal(err)
	}
	if s.Train.Len() != 60000 || s.Score.Len() != 10000 || len(s.Classes) != 10 {
		t.Errorf("%d and %d images in %d classes", s.Train.Len(), s.Score.Len(), len(s.Classes))
	}
	datatest.Run(t, s.Train)
}

// TestLabelTable: labels from a table, by path.
func TestLabelTable(t *testing.T) {
	dir := t.TempDir()
	table := "path,label\n"
	for i := range 8 {
		name := fmt.Sprintf("x/%d.png", i)
		write(t, filepath.Join(dir, "in", name), encode(t, picture(i, 32)))
		if i < 6 {
			table += fmt.Sprintf("%s,%s\n", name, classNames[2*(i%2)])
		}
	}
	at := filepath.Join(dir, "labels.csv")
	write(t, at, []byte(table))
	d, err := data.OpenSplit(filepath.Join(dir, "in"), data.Options{Labels: at})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"ant", "cow"}; !slices.Equal(data.ClassNames(d), want) {
		t.Errorf("classes %v, want %v", data.ClassNames(d), want)
	}
	var p data.Picture
	for i := range d.Len() {
		label, err := data.Read(d, i, &p)
		want := i % 2
		if i >= 6 {
			want = -1
		}
		if err != nil || label != want {
			t.Errorf("image %d: label %d, want %d; %v", i, label, want, err)
		}
	}
	write(t, at, []byte("path,label\nelsewhere.png,ant\n"))
	for labels, want := range map[string]string{at: "names none of the 8 images", "absent.csv": "absent.csv", "sideways": "there are auto"} {
		if _, err := data.OpenSplit(filepath.Join(dir, "in"), data.Options{Labels: labels}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("labels=%s: %v, want %q", labels, err, want)
		}
	}
}
