// Package safetensors reads and writes the container of named tensors of that name: a length, a JSON
// header, then the elements, little-endian and row-major. Format: github.com/huggingface/safetensors.
//
//	u64 n | n bytes of JSON {"name":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},…} | data
//
// Files come from strangers, so the reader believes nothing: every length is checked before memory
// is asked for, tensors must fill the data section without hole or overlap, and elements are read by
// offset, never through a memory map. The writer gives the same bytes for the same input.
package safetensors

import (
	"fmt"
	"math"
)

// A DType is an element type by its name in the header.
type DType string

// The element types that kith reads. It writes F32, BF16, F64, I64, I32 and U8.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U64  DType = "U64"
	U32  DType = "U32"
	U16  DType = "U16"
	U8   DType = "U8"
	Bool DType = "BOOL"
)

// Size is the number of bytes of one element, 0 for a type that is not known.
func (d DType) Size() int {
	switch d {
	case F64, I64, U64:
		return 8
	case F32, I32, U32:
		return 4
	case F16, BF16, I16, U16:
		return 2
	case I8, U8, Bool:
		return 1
	}
	return 0
}

// Float tells whether elements are floating-point numbers.
func (d DType) Float() bool { return d == F64 || d == F32 || d == F16 || d == BF16 }

// An Info is what a header says of one tensor.
type Info struct {
	Name  string
	DType DType
	Shape []int // [] is a scalar

	begin, end int64 // bytes, in the data section
}

// Bytes is the size of the elements.
func (t Info) Bytes() int64 { return t.end - t.begin }

// Elements is the number of elements.
func (t Info) Elements() int { return int(t.Bytes() / int64(t.DType.Size())) }

// String is the tensor as messages name it: `"conv1.weight" F32[64 3 7 7]`.
func (t Info) String() string { return fmt.Sprintf("%q %s%v", t.Name, t.DType, t.Shape) }

// Limits on what a header may ask for. ResNet-50 has 320 tensors of rank 4 at most and a header of
// 40 KB; the limits leave three orders of magnitude and still fit in memory.
const (
	maxHeader  = 100_000_000 // bytes
	maxTensors = 1_000_000
	maxRank    = 64
	maxName    = 1 << 10 // bytes
)

// metadataKey names the one entry of a header that is no tensor.
const metadataKey = "__metadata__"

// bytesOf is the byte size of a tensor, or an error where it does not fit 63 bits: a product that
// wraps around would let a huge shape pass for a small one.
func bytesOf(d DType, shape []int) (int64, error) {
	n := int64(d.Size())
	if n == 0 {
		return 0, fmt.Errorf("dtype %q is not supported", string(d))
	}
	if len(shape) > maxRank {
		return 0, fmt.Errorf("rank %d is above %d", len(shape), maxRank)
	}
	for _, s := range shape {
		if s < 0 {
			return 0, fmt.Errorf("shape %v has a negative size", shape)
		}
		if s > 0 && n > math.MaxInt64/int64(s) {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		n *= int64(s)
	}
	return n, nil
}
