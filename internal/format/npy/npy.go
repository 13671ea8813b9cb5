// Package npy reads and writes NumPy's array files: a short header, then the elements.
//
//	\x93NUMPY | 1 0 | u16 length | {'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), } … \n | data
//
// The header is padded with spaces so that the data begins at a multiple of 64 bytes.
// Format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html
package npy

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Number is an element type of Go that arrays are read and written as.
type Number interface {
	float32 | float64 | int32 | int64 | uint8
}

const (
	magic     = "\x93NUMPY"
	alignment = 64
	maxHeader = 64 << 10 // bytes; version 2 allows 4 GB
	maxRank   = 32       // NumPy's own limit of old
)

// sizes of the element types, by their names in a header. Big-endian files are refused.
var sizes = map[string]int{"<f4": 4, "<f8": 8, "<i4": 4, "<i8": 8, "|u1": 1}

// descr is the name of T.
func descr[T Number]() string {
	var zero T
	switch any(zero).(type) {
	case float32:
		return "<f4"
	case float64:
		return "<f8"
	case int32:
		return "<i4"
	case int64:
		return "<i8"
	}
	return "|u1"
}

// header gives the bytes in front of the data, at least min many.
func header(descr string, shape []int, min int) []byte {
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, tuple(shape))
	size := len(magic) + 4 + len(text) + 1
	size = max(size, min)
	size = (size + alignment - 1) / alignment * alignment
	b := append(make([]byte, 0, size), magic...)
	b = append(b, 1, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(size-len(magic)-4))
	b = append(b, text...)
	for len(b) < size-1 {
		b = append(b, ' ')
	}
	return append(b, '\n')
}

// tuple is a shape as Python writes it: (), (3,), (3, 2).
func tuple(shape []int) string {
	words := make([]string, len(shape))
	for i, n := range shape {
		words[i] = strconv.Itoa(n)
	}
	if len(words) == 1 {
		return "(" + words[0] + ",)"
	}
	return "(" + strings.Join(words, ", ") + ")"
}

// elements is the product of a shape's sizes; false where size bytes each do not fit in 63 bits.
func elements(shape []int, size int) (n int64, ok bool) {
	n = 1
	for _, s := range shape {
		if s < 0 || s > 0 && n > math.MaxInt64/int64(size)/int64(s) {
			return 0, false
		}
		n *= int64(s)
	}
	return n, true
}

// encode appends elements, little-endian.
func encode[T Number](b []byte, v []T) []byte {
	le := binary.LittleEndian
	for _, x := range v {
		switch x := any(x).(type) {
		case float32:
			b = le.AppendUint32(b, math.Float32bits(x))
		case float64:
			b = le.AppendUint64(b, math.Float64bits(x))
		case int32:
			b = le.AppendUint32(b, uint32(x))
		case int64:
			b = le.AppendUint64(b, uint64(x))
		case uint8:
			b = append(b, x)
		}
	}
	return b
}
