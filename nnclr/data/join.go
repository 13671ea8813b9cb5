package data

import (
	"fmt"
	"image"
	"slices"

	"kith/tensor/rng"
)

// joined is several datasets one after another, their classes merged by name.
type joined struct {
	part    []Dataset
	start   []int     // first image of each part, and the end
	label   [][]int32 // of each part: its label → ours; nil: as they are
	classes []string
}

// join concatenates datasets. Where classes have names, equal names are one class; else labels stay
// as they are.
func join(part []Dataset, classes []string) Dataset {
	if len(part) == 1 && slices.Equal(ClassNames(part[0]), classes) {
		return part[0]
	}
	j := &joined{part: part, start: []int{0}, classes: classes}
	for _, d := range part {
		j.start = append(j.start, j.Len()+d.Len())
		var to []int32
		for _, name := range ClassNames(d) {
			to = append(to, int32(slices.Index(classes, name)))
		}
		j.label = append(j.label, to)
	}
	return j
}

func (j *joined) Len() int { return j.start[len(j.start)-1] }

// find returns the part that holds image i, and its index there.
func (j *joined) find(i int) (part, at int) {
	part, found := slices.BinarySearch(j.start, i)
	if !found {
		part--
	}
	for part+1 < len(j.part) && j.start[part+1] == i { // behind empty parts
		part++
	}
	return part, i - j.start[part]
}

func (j *joined) At(i int) (image.Image, int, error) { return at(j, i) }

func (j *joined) Read(i int, p *Picture) (int, error) {
	if i < 0 || i >= j.Len() {
		return -1, outside(i, j.Len())
	}
	part, at := j.find(i)
	label, err := Read(j.part[part], at, p)
	return j.relabel(part, label), err
}

func (j *joined) relabel(part, label int) int {
	if to := j.label[part]; label >= 0 && label < len(to) {
		return int(to[label])
	}
	return label
}

func (j *joined) Open(i int) ([]byte, int, error) {
	if i < 0 || i >= j.Len() {
		return nil, -1, outside(i, j.Len())
	}
	part, at := j.find(i)
	o, ok := j.part[part].(Opener)
	if !ok {
		return nil, -1, fmt.Errorf("image %d has no encoded form", i)
	}
	b, label, err := o.Open(at)
	return b, j.relabel(part, label), err
}

func (j *joined) Classes() []string { return j.classes }

func (j *joined) Name(i int) string {
	part, at := j.find(i)
	return Name(j.part[part], at)
}

func (j *joined) Size(i int) int64 {
	part, at := j.find(i)
	return size(j.part[part], at)
}

// Label is the label of image i.
func (j *joined) Label(i int) int {
	part, at := j.find(i)
	return j.relabel(part, labelOf(j.part[part], at))
}

// Centered: all parts are.
func (j *joined) Centered() bool {
	return !slices.ContainsFunc(j.part, func(d Dataset) bool { c, ok := d.(Centered); return !ok || !c.Centered() })
}

// A subset is some images of a dataset.
type subset struct {
	of    Dataset
	index []int
}

// Subset is the images of d at the given indices, in that order.
func Subset(d Dataset, index []int) Dataset { return &subset{d, index} }

func (s *subset) Len() int { return len(s.index) }

func (s *subset) At(i int) (image.Image, int, error) { return at(s, i) }

func (s *subset) Read(i int, p *Picture) (int, error) {
	if i < 0 || i >= len(s.index) {
		return -1, outside(i, len(s.index))
	}
	return Read(s.of, s.index[i], p)
}

func (s *subset) Open(i int) ([]byte, int, error) {
	if i < 0 || i >= len(s.index) {
		return nil, -1, outside(i, len(s.index))
	}
	o, ok := s.of.(Opener)
	if !ok {
		return nil, -1, fmt.Errorf("image %d has no encoded form", i)
	}
	return o.Open(s.index[i])
}

func (s *subset) Classes() []string { return ClassNames(s.of) }
func (s *subset) Name(i int) string { return Name(s.of, s.index[i]) }
func (s *subset) Size(i int) int64  { return size(s.of, s.index[i]) }
func (s *subset) Label(i int) int   { return labelOf(s.of, s.index[i]) }
func (s *subset) Centered() bool    { c, ok := s.of.(Centered); return ok && c.Centered() }

// size is the number of encoded bytes of image i, 0 where there are none.
func size(d Dataset, i int) int64 {
	if s, ok := d.(interface{ Size(i int) int64 }); ok {
		return s.Size(i)
	}
	return 0
}

// holdOut splits off a tenth of d at random, for scoring.
func holdOut(d Dataset, seed uint64) (rest, held Dataset) {
	order := rng.New(seed).Fold("holdout").Stream().Perm(d.Len())
	n := d.Len() / 10
	// Both parts in the order of the source: neighboring images stay neighbors on disk.
	slices.Sort(order[:n])
	slices.Sort(order[n:])
	return Subset(d, order[n:]), Subset(d, order[:n])
}
