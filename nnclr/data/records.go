package data

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A format is a binary data set: files of equal records, each label bytes and three planes.
type format struct {
	name   string
	side   int
	lead   int  // label bytes before the planes
	label  int  // which of them is the label
	column bool // planes are stored column by column (STL-10)
	split  map[string]string
	names  string // file with the class names
}

// The formats, by the file that gives them away.
var (
	cifar10 = format{
		name: "CIFAR-10", side: 32, lead: 1, names: "batches.meta.txt",
		split: map[string]string{
			"data_batch_1.bin": train, "data_batch_2.bin": train, "data_batch_3.bin": train,
			"data_batch_4.bin": train, "data_batch_5.bin": train, "test_batch.bin": test,
		},
	}
	cifar100 = format{
		name: "CIFAR-100", side: 32, lead: 2, label: 1, names: "fine_label_names.txt",
		split: map[string]string{"train.bin": train, "test.bin": test},
	}
	stl10 = format{
		name: "STL-10", side: 96, column: true, names: "class_names.txt",
		split: map[string]string{"train_X.bin": train, "test_X.bin": test, "unlabeled_X.bin": unlabeled},
	}
)

func (f *format) bytes() int { return f.lead + 3*f.side*f.side }

// isRecord says whether a member of an archive belongs to a binary data set.
func isRecord(name string) bool {
	b := base(name)
	for _, f := range []*format{&cifar10, &cifar100, &stl10} {
		if f.split[b] != "" || b == f.names {
			return true
		}
	}
	return b == "coarse_label_names.txt" || b == "train_y.bin" || b == "test_y.bin"
}

// A file that can be read at any place, and its length.
type extent struct {
	io.ReaderAt
	size int64
}

// records is one split of a binary data set.
type records struct {
	*format
	parts   []extent
	starts  []int // first image of each part, and the end
	labels  []byte
	classes []string
}

func (r *records) Len() int { return r.starts[len(r.starts)-1] }

func (r *records) At(i int) (image.Image, int, error) { return at(r, i) }

func (r *records) Read(i int, p *Picture) (int, error) {
	if i < 0 || i >= r.Len() {
		return -1, outside(i, r.Len())
	}
	// The part is the last one that starts at or before i.
	part, found := slices.BinarySearch(r.starts, i)
	if !found {
		part--
	}
	for part+1 < len(r.starts) && r.starts[part+1] == i { // behind empty files
		part++
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	n := r.bytes()
	*buf = growBytes(*buf, n)
	if _, err := r.parts[part].ReadAt(*buf, int64(i-r.starts[part])*int64(n)); err != nil {
		return -1, pathless(unexpected(err))
	}
	r.planes(p, (*buf)[r.lead:])
	label := -1
	switch {
	case r.lead > 0:
		label = int((*buf)[r.label])
	case r.labels != nil:
		label = int(r.labels[i]) - 1 // STL-10 counts from 1
	}
	// A file of another data set can have the right length by chance; its labels give it away.
	if label >= len(r.classes) && len(r.classes) > 0 {
		return -1, fmt.Errorf("label %d of %d classes", label, len(r.classes))
	}
	return label, nil
}

// planes interleaves the red, green and blue planes.
func (f *format) planes(p *Picture, b []byte) {
	side := f.side
	p.Resize(side, side)
	n := side * side
	for c := range 3 {
		plane := b[c*n : (c+1)*n]
		for y := range side {
			for x := range side {
				v := plane[y*side+x]
				if f.column {
					v = plane[x*side+y]
				}
				p.Pix[3*(y*side+x)+c] = v
			}
		}
	}
}

func (r *records) Classes() []string { return r.classes }

func (r *records) Name(i int) string { return fmt.Sprintf("%s#%d", r.name, i) }

// A finder gives the files of a data set by base name; absent ones are nil.
type finder func(name string) (*extent, error)

// openRecordFolder opens a binary data set in a folder.
func openRecordFolder(f *format, dir string, o Options) (*collection, error) {
	return f.open(func(name string) (*extent, error) {
		file, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, pathless(err)
		}
		info, err := file.Stat()
		return &extent{file, info.Size()}, err
	}, o)
}

// openRecords opens a binary data set inside an archive.
func openRecords(list []entry, s store, o Options) (*collection, error) {
	find := func(name string) (*extent, error) {
		i := slices.IndexFunc(list, func(e entry) bool { return base(e.name) == name })
		if i < 0 {
			return nil, nil
		}
		b, err := s.read(&list[i], nil)
		return &extent{bytes.NewReader(b), int64(len(b))}, err
	}
	for _, f := range []*format{&cifar10, &stl10, &cifar100} {
		if slices.ContainsFunc(list, func(e entry) bool { return f.split[base(e.name)] != "" }) {
			return f.open(find, o)
		}
	}
	return nil, errors.New("no images")
}

func (f *format) open(find finder, o Options) (*collection, error) {
	if f.name == cifar100.name && o.Labels == "coarse" {
		g := *f
		g.label, g.names = 0, "coarse_label_names.txt"
		f = &g
	}
	classes, err := readNames(find, f.names)
	if err != nil {
		return nil, err
	}
	c := &collection{splits: make(map[string]Dataset), classes: classes}
	// Batches are numbered, so the order of their names is that of the data set.
	var files []string
	for file := range f.split {
		files = append(files, file)
	}
	slices.Sort(files)
	for _, file := range files {
		if err := f.add(c, find, file); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if len(c.splits) == 0 {
		return nil, fmt.Errorf("no file of %s: expected %s", f.name, strings.Join(files, ", "))
	}
	return c, nil
}

// add appends a file to its split.
func (f *format) add(c *collection, find finder, file string) error {
	e, err := find(file)
	if e == nil || err != nil {
		return err
	}
	n := int64(f.bytes())
	if e.size%n != 0 || e.size == 0 {
		return fmt.Errorf("%d bytes are not a multiple of %s's records of %d", e.size, f.name, n)
	}
	r, _ := c.splits[f.split[file]].(*records)
	if r == nil {
		r = &records{format: f, starts: []int{0}, classes: c.classes}
		c.splits[f.split[file]] = r
	}
	r.parts = append(r.parts, *e)
	r.starts = append(r.starts, r.Len()+int(e.size/n))
	if f.lead > 0 {
		return nil
	}
	return r.readLabels(find, strings.Replace(file, "_X", "_y", 1))
}

// readLabels reads the file of labels that lies beside a file of images (STL-10), if there is one.
func (r *records) readLabels(find finder, file string) error {
	e, err := find(file)
	if e == nil || err != nil {
		return err
	}
	if e.size != int64(r.Len()) {
		return fmt.Errorf("%d images, but %d labels in %s", r.Len(), e.size, file)
	}
	r.labels = make([]byte, e.size)
	_, err = e.ReadAt(r.labels, 0)
	return unexpected(err)
}

// readNames reads one class name a line; a missing file means no names.
func readNames(find finder, file string) ([]string, error) {
	e, err := find(file)
	if e == nil || err != nil {
		return nil, err
	}
	if e.size > 1<<20 {
		return nil, fmt.Errorf("%s: %d bytes of class names", file, e.size)
	}
	b := make([]byte, e.size)
	if _, err := e.ReadAt(b, 0); err != nil && err != io.EOF {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" {
			names = append(names, line)
		}
	}
	return names, nil
}
