package data

import (
	"fmt"
	"image"
	"os"
	"strings"
)

// labelTable says whether the option Labels names a table of labels.
func (o Options) labelTable() bool {
	ext := extension(o.Labels)
	return ext == ".csv" || ext == ".tsv"
}

// relabel replaces the labels of a collection as the option says: by none, or by those of a table
// with the columns path and label.
func (c *collection) relabel(o Options) error {
	switch {
	case o.Labels == "none":
		for name, d := range c.splits {
			c.splits[name] = bare{d}
		}
		c.classes = nil
	case o.labelTable():
		return c.fromTable(o)
	}
	return nil
}

// fromTable labels files by their paths in the source. What the table does not name has no label.
func (c *collection) fromTable(o Options) error {
	f, err := os.Open(o.Labels)
	if err != nil {
		return fmt.Errorf("labels: %s: %w", o.Labels, pathless(err))
	}
	defer f.Close()
	rows, texts, err := readCSV(f, extension(o.Labels) == ".tsv")
	if err != nil {
		return fmt.Errorf("labels: %s: %w", o.Labels, err)
	}
	label := make(map[string]string, len(rows))
	for i, row := range rows {
		label[strings.TrimPrefix(row.name, "./")] = texts[i]
	}
	var all []entry
	var found []string
	n := 0
	for _, d := range c.splits { // any order: classes are sorted
		set, ok := d.(*files)
		if !ok {
			return fmt.Errorf("labels: a table labels files, and this source has none")
		}
		for _, e := range set.entries {
			text := label[e.name]
			if text != "" {
				n++
			}
			all, found = append(all, e), append(found, text)
		}
	}
	if n == 0 {
		return fmt.Errorf("labels: %s names none of the %d images", o.Labels, len(all))
	}
	c.name(all, found, o)
	id := make(map[string]int32, len(all))
	for _, e := range all {
		id[e.name] = e.label
	}
	for _, d := range c.splits { // any order: each is changed by itself
		set := d.(*files)
		set.classes = c.classes
		for i := range set.entries {
			set.entries[i].label = id[set.entries[i].name]
		}
	}
	c.notes = append(c.notes, fmt.Sprintf("labels: %d classes for %d of %d images from %s", len(c.classes), n, len(all), o.Labels))
	return nil
}

// A bare dataset hides the labels of another.
type bare struct{ of Dataset }

func (b bare) Len() int { return b.of.Len() }

func (b bare) At(i int) (image.Image, int, error) {
	img, _, err := b.of.At(i)
	return img, -1, err
}

func (b bare) Read(i int, p *Picture) (int, error) {
	_, err := Read(b.of, i, p)
	return -1, err
}

func (b bare) Open(i int) ([]byte, int, error) {
	o, ok := b.of.(Opener)
	if !ok {
		return nil, -1, fmt.Errorf("image %d has no encoded form", i)
	}
	data, _, err := o.Open(i)
	return data, -1, err
}

func (b bare) Name(i int) string { return Name(b.of, i) }
func (b bare) Size(i int) int64  { return size(b.of, i) }
func (b bare) Label(int) int     { return -1 }
func (b bare) Centered() bool    { c, ok := b.of.(Centered); return ok && c.Centered() }
