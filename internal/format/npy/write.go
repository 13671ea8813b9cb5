package npy

import (
	"fmt"
	"io"
	"math"
)

// Write writes a whole array to w.
func Write[T Number](w io.Writer, shape []int, v []T) error {
	if len(shape) > maxRank {
		return fmt.Errorf("rank %d is above %d", len(shape), maxRank)
	}
	if n, ok := elements(shape, 8); !ok || n != int64(len(v)) {
		return fmt.Errorf("shape %v does not have %d elements", shape, len(v))
	}
	if _, err := w.Write(header(descr[T](), shape, 0)); err != nil {
		return err
	}
	return writeAll(w, v)
}

// batch is how many elements are encoded at a time.
const batch = 1 << 14

// writeAll encodes and writes in batches, so that an array is not held twice.
func writeAll[T Number](w io.Writer, v []T) error {
	var b []byte
	for len(v) > 0 {
		n := min(len(v), batch)
		b = encode(b[:0], v[:n])
		if _, err := w.Write(b); err != nil {
			return err
		}
		v = v[n:]
	}
	return nil
}

// A Writer writes a matrix row by row, for when nobody knows beforehand how many there will be. The
// header is written again at the end, with their number, over the space that was left for it.
type Writer[T Number] struct {
	w    io.WriteSeeker
	cols int
	rows int
	head int // bytes of the header
	err  error
}

// NewWriter begins a matrix of cols columns at w's start.
func NewWriter[T Number](w io.WriteSeeker, cols int) (*Writer[T], error) {
	if cols < 1 {
		return nil, fmt.Errorf("a matrix of %d columns", cols)
	}
	room := len(header(descr[T](), []int{math.MaxInt, cols}, 0))
	head := header(descr[T](), []int{0, cols}, room)
	_, err := w.Write(head)
	return &Writer[T]{w: w, cols: cols, head: len(head), err: err}, err
}

// Write appends rows: a multiple of cols elements. An error sticks.
func (w *Writer[T]) Write(v []T) error {
	if w.err == nil && len(v)%w.cols != 0 {
		w.err = fmt.Errorf("%d elements are no rows of %d", len(v), w.cols)
	}
	if w.err == nil {
		w.err = writeAll(w.w, v)
		w.rows += len(v) / w.cols
	}
	return w.err
}

// Close writes the number of rows. It does not close the file below.
func (w *Writer[T]) Close() error {
	if w.err != nil {
		return w.err
	}
	if _, err := w.w.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := w.w.Write(header(descr[T](), []int{w.rows, w.cols}, w.head))
	return err
}
