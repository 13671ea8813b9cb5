package data

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"sync"
)

// A Report is what Survey found.
type Report struct {
	Images     int
	Good       int
	Formats    map[string]int // jpeg, png, … ; "pixels" for sources without files
	ShortSides map[string]int // histogram: "32-63"
	Mean, Std  [3]float64     // per channel, over the good images, each pixel alike; in 0..1
	Duplicates [][]string     // names of images with equal files or pixels
	Classes    map[string]int
	Bad        []BadImage
}

// channelSums are exact: sums of bytes and of their squares.
type channelSums struct{ n, x, xx [3]uint64 }

// Survey reads and decodes every image of d.
func Survey(ctx context.Context, d Dataset, bad *Bad) (*Report, error) {
	r := &Report{
		Images: d.Len(), Formats: make(map[string]int), ShortSides: make(map[string]int),
		Classes: make(map[string]int),
	}
	if bad == nil {
		bad = new(Bad)
	}
	var mu sync.Mutex
	var sums channelSums
	same := make(map[[32]byte][]int)
	pictures := sync.Pool{New: func() any { return new(Picture) }}
	err := parallel(ctx, d.Len(), func(i int) error {
		p := pictures.Get().(*Picture)
		defer pictures.Put(p)
		format, hash, label, err := inspect(d, i, p)
		bad.note(d, i, err)
		if err != nil {
			return nil
		}
		s := sumChannels(p) // outside of the lock: this is the work
		mu.Lock()
		defer mu.Unlock()
		r.Good++
		r.Formats[format]++
		r.ShortSides[sideRange(min(p.W, p.H))]++
		if names := ClassNames(d); label >= 0 && label < len(names) {
			r.Classes[names[label]]++
		} else if label >= 0 {
			r.Classes[fmt.Sprint(label)]++
		}
		same[hash] = append(same[hash], i)
		sums.add(&s)
		return nil
	})
	r.Bad = bad.List()
	r.finish(d, &sums, same)
	return r, err
}

// inspect reads image i by its file, where it has one: two copies of a file are duplicates, and so
// are equal pixels, but for files the bytes are at hand and say more.
func inspect(d Dataset, i int, p *Picture) (format string, hash [32]byte, label int, err error) {
	if label, err = Read(d, i, p); err != nil {
		return "", hash, label, err
	}
	if o, ok := d.(Opener); ok {
		if b, _, err := o.Open(i); err == nil {
			k, _ := sniff(b)
			return k.String(), sha256.Sum256(b), label, nil
		}
	}
	return "pixels", sha256.Sum256(p.Pix), label, nil
}

// String is the format's name.
func (k kind) String() string {
	return [...]string{"unknown", "jpeg", "png", "gif", "webp", "bmp", "ppm", "tiff", "refused"}[k]
}

func sumChannels(p *Picture) (s channelSums) {
	for i := 0; i+3 <= len(p.Pix); i += 3 {
		for c := range 3 {
			v := uint64(p.Pix[i+c])
			s.x[c] += v
			s.xx[c] += v * v
		}
	}
	n := uint64(p.W) * uint64(p.H)
	s.n = [3]uint64{n, n, n}
	return s
}

func (s *channelSums) add(o *channelSums) {
	for c := range 3 {
		s.n[c] += o.n[c]
		s.x[c] += o.x[c]
		s.xx[c] += o.xx[c]
	}
}

// sideRange names the power of two that a side lies in.
func sideRange(side int) string {
	lo := 1
	for 2*lo <= side {
		lo *= 2
	}
	return fmt.Sprintf("%d-%d", lo, 2*lo-1)
}

func (r *Report) finish(d Dataset, s *channelSums, same map[[32]byte][]int) {
	for c := range 3 {
		if s.n[c] == 0 {
			continue
		}
		n := float64(s.n[c])
		mean := float64(s.x[c]) / n
		r.Mean[c] = mean / 255
		r.Std[c] = math.Sqrt(max(0, float64(s.xx[c])/n-mean*mean)) / 255
	}
	for _, index := range same {
		if len(index) < 2 {
			continue
		}
		slices.Sort(index)
		var names []string
		for _, i := range index {
			names = append(names, Name(d, i))
		}
		r.Duplicates = append(r.Duplicates, names)
	}
	slices.SortFunc(r.Duplicates, slices.Compare)
}
