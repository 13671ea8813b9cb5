package data

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// A BadImage is an image that cannot be used, and why.
type BadImage struct {
	Index  int
	Name   string
	Bytes  int64 // encoded; 0 if unknown
	Reason string
}

// Bad keeps the bad images of one dataset; the loaders of that dataset share it. The zero value
// skips and counts them. A nil *Bad in a Loader stands for a new one.
type Bad struct {
	Fail bool    // stop at the first
	Max  float64 // largest share of bad ones among the distinct images tried; 0: 1 %

	mu    sync.Mutex
	tried []uint64 // a bit per image
	count int      // bits that are set
	list  map[int]BadImage
}

// List returns the bad images found so far, by index.
func (b *Bad) List() []BadImage {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]BadImage, 0, len(b.list))
	for _, x := range b.list {
		list = append(list, x)
	}
	slices.SortFunc(list, func(x, y BadImage) int { return x.Index - y.Index })
	return list
}

// Tried is the number of distinct images that were read, good and bad.
func (b *Bad) Tried() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}

// WriteBad writes bad_files.tsv: path, bytes and reason of each image.
func WriteBad(w io.Writer, list []BadImage) error {
	var text strings.Builder
	for _, x := range list {
		fmt.Fprintf(&text, "%s\t%d\t%s\n", cell(x.Name), x.Bytes, cell(x.Reason))
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// cell is a text without tabs and line breaks.
func cell(s string) string {
	return strings.NewReplacer("\\", "\\\\", "\t", "\\t", "\n", "\\n", "\r", "\\r").Replace(s)
}

// known says whether image i is known to be bad.
func (b *Bad) known(i int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, bad := b.list[i]
	return bad
}

// note records that image i of d was tried, and what came of it.
func (b *Bad) note(d Dataset, i int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tried == nil {
		b.tried = make([]uint64, (d.Len()+63)/64)
	}
	if bit := uint64(1) << (i % 64); b.tried[i/64]&bit == 0 {
		b.tried[i/64] |= bit
		b.count++
	}
	if err == nil {
		return
	}
	if b.list == nil {
		b.list = make(map[int]BadImage)
	}
	b.list[i] = BadImage{i, Name(d, i), size(d, i), err.Error()}
}

// minTried is how many images are read before their share of bad ones is judged.
const minTried = 200

// judge returns an error if too many images are bad. It waits for 200 images, or for all of them.
func (b *Bad) judge(all bool) error {
	b.mu.Lock()
	tried, bad := b.count, len(b.list)
	b.mu.Unlock()
	// Early on a single bad image would be a large share; at the end of an epoch the share is known.
	limit := b.Max
	if limit <= 0 {
		limit = 0.01
	}
	if bad == 0 || tried < minTried && !all || float64(bad) <= limit*float64(tried) {
		return nil
	}
	return &Error{"data", fmt.Errorf("%d of %d images are bad, more than max_bad %g%%: %s",
		bad, tried, 100*limit, b.reasons())}
}

// reasons lists the five most frequent ones, with an example each.
func (b *Bad) reasons() string {
	n := make(map[string]int)
	example := make(map[string]string)
	for _, x := range b.List() {
		if n[x.Reason]++; n[x.Reason] == 1 {
			example[x.Reason] = x.Name
		}
	}
	var order []string
	for r := range n {
		order = append(order, r)
	}
	slices.SortFunc(order, func(a, b string) int {
		if n[a] != n[b] {
			return n[b] - n[a]
		}
		return strings.Compare(a, b)
	})
	var s []string
	for _, r := range order[:min(5, len(order))] {
		s = append(s, fmt.Sprintf("%d %s (%s)", n[r], r, example[r]))
	}
	return strings.Join(s, "; ")
}
