// Package datatest checks that a dataset keeps the contract of data.Dataset: a new source is done
// when Run passes.
package datatest

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"kith/nnclr/data"
)

// Sampled is how many images of a large dataset Run reads.
const Sampled = 64

// Run checks bounds, labels, equal pixels each time and by every way of reading, agreement of
// concurrent readers (let the tests run with -race too), and that a bad image does no harm to its
// neighbors. Bad images are allowed, as long as they stay bad.
func Run(t *testing.T, d data.Dataset) {
	t.Helper()
	n := d.Len()
	if n <= 0 {
		t.Fatalf("%d images", n)
	}
	var index []int
	for k := range min(n, Sampled) {
		index = append(index, k*n/min(n, Sampled))
	}
	first := make([]result, len(index))
	for k, i := range index {
		first[k] = read(d, i)
	}
	t.Run("bounds", func(t *testing.T) { bounds(t, d) })
	t.Run("labels", func(t *testing.T) { labels(t, d, index, first) })
	t.Run("again", func(t *testing.T) {
		for k := len(index) - 1; k >= 0; k-- { // another order, after bad images too
			if got := read(d, index[k]); !got.equal(first[k]) {
				t.Errorf("image %d: second reading differs: %v, then %v", index[k], first[k], got)
			}
		}
	})
	t.Run("ways", func(t *testing.T) { ways(t, d, index, first) })
	t.Run("concurrent", func(t *testing.T) { concurrent(t, d, index, first) })
}

// A result is what reading an image gave.
type result struct {
	pix   []byte
	w, h  int
	label int
	err   string
}

func (r result) equal(o result) bool {
	return r.w == o.w && r.h == o.h && r.label == o.label && r.err == o.err && bytes.Equal(r.pix, o.pix)
}

func (r result) String() string {
	return fmt.Sprintf("%d×%d label %d error %q", r.w, r.h, r.label, r.err)
}

// read goes through At, the one method that all datasets have.
func read(d data.Dataset, i int) result {
	img, label, err := d.At(i)
	if err != nil {
		return result{label: label, err: err.Error()}
	}
	var p data.Picture
	if err := p.Set(img); err != nil {
		return result{label: label, err: err.Error()}
	}
	return result{pix: p.Pix, w: p.W, h: p.H, label: label}
}

func bounds(t *testing.T, d data.Dataset) {
	for _, i := range []int{-1, d.Len(), d.Len() + 1000} {
		if _, _, err := d.At(i); err == nil {
			t.Errorf("At(%d) of %d images: no error", i, d.Len())
		}
		if r, ok := d.(data.Reader); ok {
			if _, err := r.Read(i, new(data.Picture)); err == nil {
				t.Errorf("Read(%d) of %d images: no error", i, d.Len())
			}
		}
		if o, ok := d.(data.Opener); ok {
			if _, _, err := o.Open(i); err == nil {
				t.Errorf("Open(%d) of %d images: no error", i, d.Len())
			}
		}
	}
}

func labels(t *testing.T, d data.Dataset, index []int, first []result) {
	classes := len(data.ClassNames(d))
	for k, r := range first {
		if r.label < -1 || classes > 0 && r.label >= classes {
			t.Errorf("image %d: label %d of %d classes", index[k], r.label, classes)
		}
		if r.err == "" && (r.w < 1 || r.h < 1 || len(r.pix) != 3*r.w*r.h) {
			t.Errorf("image %d: %d bytes for %d×%d pixels", index[k], len(r.pix), r.w, r.h)
		}
		if data.Name(d, index[k]) == "" {
			t.Errorf("image %d has an empty name", index[k])
		}
	}
}

// ways reads through Read into one used picture, and decodes what Open gives.
func ways(t *testing.T, d data.Dataset, index []int, first []result) {
	p := data.Picture{Pix: bytes.Repeat([]byte{0xa5}, 100), W: 3, H: 3}
	for k, i := range index {
		label, err := data.Read(d, i, &p)
		got := result{pix: p.Pix, w: p.W, h: p.H, label: label}
		if err != nil {
			got = result{label: label, err: err.Error()}
		}
		if !got.equal(first[k]) {
			t.Errorf("image %d: Read gives %v, At gave %v", i, got, first[k])
		}
		o, ok := d.(data.Opener)
		if !ok {
			continue
		}
		a, la, erra := o.Open(i)
		b, lb, errb := o.Open(i)
		if !bytes.Equal(a, b) || la != lb || (erra == nil) != (errb == nil) {
			t.Errorf("image %d: Open gives different bytes", i)
		}
		if erra == nil && la != first[k].label {
			t.Errorf("image %d: Open gives label %d, At %d", i, la, first[k].label)
		}
	}
}

func concurrent(t *testing.T, d data.Dataset, index []int, first []result) {
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			var p data.Picture
			for k := range index {
				k = (k*7 + g*13) % len(index) // each in its own order
				label, err := data.Read(d, index[k], &p)
				got := result{pix: p.Pix, w: p.W, h: p.H, label: label}
				if err != nil {
					got = result{label: label, err: err.Error()}
				}
				if !got.equal(first[k]) {
					t.Errorf("image %d: goroutine %d reads %v, alone it was %v", index[k], g, got, first[k])
				}
			}
		})
	}
	group.Wait()
}
