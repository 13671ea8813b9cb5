package tensor_test

import (
	"math"
	"testing"

	"kith/backends/ref"
	"kith/tensor"
)

// Set and Data convert between any two types, exactly where both can hold the number.
func TestConversions(t *testing.T) {
	root := tensor.Open(ref.Round())
	at := func(d tensor.DType) *tensor.Tensor { return root.New(tensor.Of(d, 3)) }
	for _, d := range []tensor.DType{tensor.F32, tensor.BF16, tensor.F64, tensor.I32, tensor.U8} {
		x := at(d)
		tensor.Set(x, []float32{1, 2, 200})
		holds[float32](t, d.String(), x, 1, 2, 200)
		holds[float64](t, d.String(), x, 1, 2, 200)
		holds[int32](t, d.String(), x, 1, 2, 200)
		holds[uint8](t, d.String(), x, 1, 2, 200)
		tensor.Set(x, []float64{3, 4, 5})
		holds[float32](t, d.String(), x, 3, 4, 5)
		tensor.Set(x, []int32{6, 7, 8})
		holds[float32](t, d.String(), x, 6, 7, 8)
		tensor.Set(x, []uint8{9, 10, 11})
		holds[float32](t, d.String(), x, 9, 10, 11)
	}
	x := at(tensor.I32)
	tensor.Set(x, []int32{math.MaxInt32, math.MinInt32, -7})
	holds[int32](t, "I32", x, math.MaxInt32, math.MinInt32, -7)
	x = at(tensor.F64)
	tensor.Set(x, []float64{0.1, 1e300, -0x1p-1074})
	holds[float64](t, "F64", x, 0.1, 1e300, -0x1p-1074)
	holds[float32](t, "F64 as float32", x, 0.1, float32(math.Inf(1)), float32(math.Copysign(0, -1)))
}

// Elements of named types are moved like those of the types beneath.
func TestNamedTypes(t *testing.T) {
	type label int32
	type weight float32
	root := tensor.Open(ref.Round())
	x, y, z := root.New(tensor.Of(tensor.I32, 2)), root.New(tensor.Of(tensor.U8, 2)), root.New(tensor.Of(tensor.F32, 2))
	tensor.Set(x, []label{-1, 1 << 30})
	holds[label](t, "I32", x, -1, 1<<30)
	tensor.Set(y, []label{3, 255})
	holds[uint8](t, "U8", y, 3, 255)
	tensor.Set(z, []weight{0.5, 3})
	holds[weight](t, "F32", z, 0.5, 3)
}

// The caller's slice may be used again at once, and the result is the caller's own.
func TestNoSharing(t *testing.T) {
	root := tensor.Open(ref.Round())
	v := []float32{1, 2}
	x := f32s(root, v...)
	v[0] = 9
	got, _ := tensor.Data[float32](x)
	got[1] = 9
	holds[float32](t, "x", x, 1, 2)
}

// Scalars and empty tensors have elements too, one and none.
func TestSmallest(t *testing.T) {
	root := tensor.Open(ref.Round())
	x := scalar(root, tensor.BF16, float32(1.5))
	holds[float32](t, "scalar", x, 1.5)
	empty := root.New(tensor.Of(tensor.F32, 3, 0, 2))
	tensor.Set(empty, []float32{})
	holds[float32](t, "empty", empty)
	root.Run(func(s *tensor.Scope) {
		if y := s.Enter(empty).Sum(1); y.Shape.Size() != 2 {
			t.Errorf("sum of nothing is %v", y.Spec)
		} else {
			holds[float32](t, "sum of nothing", y, 0, 0)
		}
	})
}
