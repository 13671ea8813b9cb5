package tensor

import (
	"fmt"
	"slices"
)

// A DType is the type of a tensor's elements.
type DType uint8

// The dtypes. Sums over BF16 are kept in F32; F64 is the dtype of exact roots.
const (
	F32 DType = iota
	BF16
	F64
	I32
	U8
)

// Size is the bytes of one element.
func (d DType) Size() int { return [...]int{F32: 4, BF16: 2, F64: 8, I32: 4, U8: 1}[d] }

// Float tells whether d is a floating-point type.
func (d DType) Float() bool { return d <= F64 }

// Wide is the dtype that sums of d are kept in: F32 for BF16, else d.
func (d DType) Wide() DType {
	if d == BF16 {
		return F32
	}
	return d
}

func (d DType) String() string {
	return [...]string{F32: "F32", BF16: "BF16", F64: "F64", I32: "I32", U8: "U8"}[d]
}

// A Shape is the length of each axis, outermost first; [] is a scalar.
type Shape []int

// MaxRank is the largest number of axes.
const MaxRank = 6

// Size is the number of elements.
func (s Shape) Size() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// A Spec is all that is known of a tensor before computing.
type Spec struct {
	DType DType
	Shape Shape
}

// Of is the spec of dtype d and the given axes.
func Of(d DType, axes ...int) Spec { return Spec{d, axes} }

// Bytes is the size of the elements.
func (s Spec) Bytes() int { return s.DType.Size() * s.Shape.Size() }

// Equal tells whether dtype and shape are the same.
func (s Spec) Equal(o Spec) bool { return s.DType == o.DType && slices.Equal(s.Shape, o.Shape) }

func (s Spec) String() string { return fmt.Sprintf("%v%v", s.DType, []int(s.Shape)) }

// An Array is the host form of a tensor: float64, whatever its dtype.
type Array struct {
	Spec
	Data []float64
}

// NewArray is an array of zeros.
func NewArray(s Spec) Array { return Array{s, make([]float64, s.Shape.Size())} }

// Dims is a shape that can be compared, for fields of ops.
type Dims struct {
	N int // how many of D count
	D [MaxRank]int
}

// DimsOf is shape as Dims. It panics with *Error above rank 6.
func DimsOf(shape ...int) Dims {
	if len(shape) > MaxRank {
		panic(&Error{Err: fmt.Errorf("shape %v has rank %d, the most is %d", shape, len(shape), MaxRank)})
	}
	d := Dims{N: len(shape)}
	copy(d.D[:], shape)
	return d
}

// Shape is d as a shape.
func (d Dims) Shape() Shape { return slices.Clone(Shape(d.D[:d.N])) }

func (d Dims) String() string { return fmt.Sprint(d.D[:d.N]) }
