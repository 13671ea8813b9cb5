package tensor_test

import (
	"math"
	"slices"
	"testing"

	"kith/tensor"
)

// array is an F32 array.
func array(shape tensor.Shape, v ...float64) tensor.Array {
	return tensor.Array{Spec: tensor.Spec{DType: tensor.F32, Shape: shape}, Data: v}
}

// vec is an F32 vector, ints an I32 one, bytes a U8 one.
func vec(v ...float64) tensor.Array { return array(tensor.Shape{len(v)}, v...) }

func ints(v ...float64) tensor.Array {
	return tensor.Array{Spec: tensor.Of(tensor.I32, len(v)), Data: v}
}

func bytes(v ...float64) tensor.Array {
	return tensor.Array{Spec: tensor.Of(tensor.U8, len(v)), Data: v}
}

func one(d tensor.DType, v float64) tensor.Array {
	return tensor.Array{Spec: tensor.Of(d), Data: []float64{v}}
}

// Each definition on numbers worked out by hand. Every other test compares with the definitions;
// this one is what they rest on.
func TestDefinitions(t *testing.T) {
	nan, inf, negZero := math.NaN(), math.Inf(1), math.Copysign(0, -1)
	s := func(n ...int) tensor.Shape { return n }
	for _, c := range []struct {
		op   tensor.Op
		in   []tensor.Array
		want [][]float64
	}{
		{tensor.Add{}, list(array(s(2, 2), 1, 2, 3, 4), vec(10, 20)), rows(11, 22, 13, 24)},
		{tensor.Sub{}, list(array(s(2, 2), 1, 2, 3, 4), vec(10, 20)), rows(-9, -18, -7, -16)},
		{tensor.Mul{}, list(array(s(2, 2), 1, 2, 3, 4), one(tensor.F32, 3)), rows(3, 6, 9, 12)},
		{tensor.Div{}, list(vec(1, 3, 0, -1), vec(2, 0, 0, 4)), rows(0.5, inf, nan, -0.25)},
		{tensor.Scale{By: -2}, list(vec(1, 0, inf)), rows(-2, negZero, -inf)},
		{tensor.Shift{By: 1.5}, list(vec(1, -1.5)), rows(2.5, 0)},
		{tensor.AtLeast{Min: 0.5}, list(vec(1, 0.5, 0, -inf, nan)), rows(1, 0.5, 0.5, 0.5, nan)},
		{tensor.Exp{}, list(vec(0, 1, -inf)), rows(1, math.E, 0)},
		{tensor.Log{}, list(vec(1, math.E, 0, -1)), rows(0, 1, -inf, nan)},
		{tensor.Sqrt{}, list(vec(4, 2, -1)), rows(2, math.Sqrt2, nan)},
		{tensor.Rsqrt{}, list(vec(4, 0, inf)), rows(0.5, inf, 0)},
		{tensor.ReLU{}, list(vec(2, -2, 0, negZero, nan, -inf)), rows(2, 0, 0, negZero, nan, 0)},
		{tensor.ReLUGrad{}, list(vec(5, 6, 7, 8), vec(1, 0, -1, nan)), rows(5, 0, 0, 0)},
		{tensor.Select{}, list(vec(1, 2, 3), vec(7, 8, 9), bytes(1, 0, 255)), rows(1, 8, 3)},
		{tensor.Positive{}, list(vec(1, 0, negZero, -1, nan, inf)), rows(1, 0, 0, 0, 0, 1)},
		{tensor.Finite{}, list(vec(1, inf, -inf, nan, 0)), rows(1, 0, 0, 0, 1)},
		{tensor.Equal{}, list(ints(1, 2, 3), ints(1, 3, 3)), rows(1, 0, 1)},
		{tensor.Equal{}, list(vec(nan, 0), vec(nan, negZero)), rows(0, 1)},
		{tensor.Cast{To: tensor.U8}, list(vec(3, 0)), rows(3, 0)},
		{tensor.Fill{With: 7}, list(vec(1, nan)), rows(7, 7)},
		{tensor.Spread{}, list(array(s(2, 2), nan, nan, nan, nan), vec(1, 2)), rows(1, 2, 1, 2)},
		{tensor.Advance{By: 3, Mod: 5}, list(ints(0, 1, 2, 4)), rows(3, 4, 0, 2)},
		{tensor.Advance{By: 3, Max: 5}, list(ints(0, 1, 2, 5)), rows(3, 4, 5, 5)},
		{tensor.Sum{}, list(array(s(2, 2), 1, 2, 3, 4)), rows(10)},
		{tensor.Sum{Keep: 1}, list(array(s(2, 2), 1, 2, 3, 4)), rows(4, 6)},
		{tensor.Sum{Keep: 2}, list(array(s(2, 2), 1, 2, 3, 4)), rows(1, 2, 3, 4)},
		{tensor.Moments{}, list(array(s(4, 2), 1, 0, 2, 0, 3, 0, 6, 8)), [][]float64{{3, 2}, {3.5, 12}, {0, 0}}},
		{tensor.SumSq{}, list(vec(1, 2, 3), one(tensor.F32, -4), vec()), rows(14, 16, 0)},
		{tensor.RowDot{}, list(array(s(2, 2), 1, 2, 3, 4), array(s(2, 2), 5, 6, 7, 8)), rows(17, 53)},
		{tensor.RowMul{}, list(array(s(2, 2), 1, 2, 3, 4), vec(10, -1)), rows(10, 20, -3, -4)},
		{tensor.ArgMax{}, list(array(s(4, 3), 1, 3, 2, 5, 5, 5, 0, nan, nan, -2, -3, -1)), rows(1, 0, 1, 2)},
		{tensor.Gather{}, list(array(s(3, 2), 1, 2, 3, 4, 5, 6), ints(2, -1, 0, 2)), rows(5, 6, 0, 0, 1, 2, 5, 6)},
		{tensor.Iota{From: 4}, list(array(s(3, 0))), rows(4, 5, 6)},
		{tensor.MatMul{}, list(array(s(2, 3), 1, 2, 3, 4, 5, 6), array(s(3, 1), 1, 10, 100)), rows(321, 654)},
		{tensor.MatMul{TransA: true}, list(array(s(3, 2), 1, 4, 2, 5, 3, 6), array(s(3, 1), 1, 10, 100)), rows(321, 654)},
		{tensor.MatMul{TransB: true}, list(array(s(2, 3), 1, 2, 3, 4, 5, 6), array(s(1, 3), 1, 10, 100)), rows(321, 654)},
		{tensor.MatMul{TransA: true, TransB: true}, list(array(s(3, 2), 1, 4, 2, 5, 3, 6), array(s(1, 3), 1, 10, 100)), rows(321, 654)},
		{tensor.AvgPool{}, list(array(s(1, 2, 2, 2), 1, 10, 2, 20, 3, 30, 6, 60)), rows(3, 30)},
		{tensor.AvgPoolGrad{H: 1, W: 2}, list(array(s(1, 2), 4, 6)), rows(2, 3, 2, 3)},
		{tensor.MaxPool{Size: 2, Stride: 2}, list(array(s(1, 2, 4, 1), 1, 5, nan, 2, 5, 3, 9, 8)), [][]float64{{5, nan}, {1, 0}}},
		{tensor.MaxPool{Size: 2, Stride: 1, Pad: 1}, list(array(s(1, 1, 1, 1), -7)), [][]float64{{-7, -7, -7, -7}, {3, 2, 1, 0}}},
		{tensor.CrossEntropy{}, list(array(s(3, 2), 0, 0, 1e4, -1e4, 5, 5), ints(1, 1, -1)), [][]float64{{math.Ln2, 2e4, 0}, {math.Ln2, 1e4, 5 + math.Ln2}}},
		{tensor.CrossEntropyGrad{}, list(array(s(2, 2), 0, 0, 3, 3), ints(1, -1), vec(math.Ln2, 1), vec(4, 4)), rows(2, -2, 0, 0)},
		{tensor.Unit{}, list(array(s(2, 2), 3, 4, 0, 0)), rows(0.6, 0.8, 0, 0)},
		{tensor.BatchNorm{Eps: 0}, list(array(s(2, 1), 1, 3), vec(10), vec(0.5)), [][]float64{{-9.5, 10.5}, {2}, {1}, {0}}},
		{tensor.Reshape{To: tensor.DimsOf(4)}, list(array(s(2, 2), 1, 2, 3, 4)), rows(1, 2, 3, 4)},
		{tensor.Slice{From: 1, To: 2}, list(array(s(3, 2), 1, 2, 3, 4, 5, 6)), rows(3, 4)},
		{tensor.Unslice{From: 1, Rows: 3}, list(array(s(1, 2), 3, 4)), rows(0, 0, 3, 4, 0, 0)},
		{tensor.Concat{}, list(vec(1, 2), vec(), vec(3)), rows(1, 2, 3)},
		{tensor.Permute{Axes: tensor.DimsOf(1, 0)}, list(array(s(2, 3), 1, 2, 3, 4, 5, 6)), rows(1, 4, 2, 5, 3, 6)},
		{tensor.Permute{Axes: tensor.DimsOf(2, 0, 1)}, list(array(s(1, 2, 3), 1, 2, 3, 4, 5, 6)), rows(1, 4, 2, 5, 3, 6)},
		{tensor.NearestRow{K: 2}, list(array(s(1, 2), 1, 0), array(s(4, 2), 0, 1, 1, 0, 1, 0, 9, 0), ints(3), ints(0, 1, 2, 3)), [][]float64{{1, 2}, {1, 1}}},
		{tensor.NearestRow{K: 2}, list(array(s(1, 1), 1), array(s(3, 1), 5, 6, 7), ints(-1), ints(-1, -2, 0)), [][]float64{{2, 0}, {7, 5}}},
		{tensor.NearestRow{K: 3, Same: true}, list(array(s(1, 1), 1), array(s(3, 1), 5, 6, 7), ints(4), ints(4, 4, 0)), [][]float64{{1, 0, -1}, {6, 5, -2}}},
	} {
		for o, got := range eval(t, c.op, c.in...) {
			if !slices.EqualFunc(got.Data, c.want[o], alike) {
				t.Errorf("%T%+v of %v: output %d is %v, want %v", c.op, c.op, c.in, o, got.Data, c.want[o])
			}
		}
	}
}

func list(in ...tensor.Array) []tensor.Array { return in }
func rows(v ...float64) [][]float64          { return [][]float64{v} }

// alike compares to the last digits of float64; zeros by sign, NaN with NaN.
func alike(a, b float64) bool {
	if a == 0 && b == 0 {
		return math.Signbit(a) == math.Signbit(b)
	}
	return a == b || a != a && b != b || math.Abs(a-b) <= 1e-15*math.Abs(b)
}

// Writes change their first input.
func TestWrites(t *testing.T) {
	target := vec(1, 2, 3, 4, 5)
	tensor.Write{}.Eval(nil, list(target, vec(6, 7, 8, 9, 10)))
	if want := []float64{6, 7, 8, 9, 10}; !slices.Equal(target.Data, want) {
		t.Errorf("got %v, want %v", target.Data, want)
	}
	tensor.WriteRows{}.Eval(nil, list(target, one(tensor.I32, 4), vec(1, 2)))
	if want := []float64{2, 7, 8, 9, 1}; !slices.Equal(target.Data, want) {
		t.Errorf("got %v, want %v", target.Data, want)
	}
	tensor.WriteRows{}.Eval(nil, list(target, one(tensor.I32, 0), vec(3), one(tensor.U8, 0)))
	if target.Data[0] != 2 {
		t.Error("a closed gate let a row through")
	}
}

// The mean of large numbers, which float32 rounds, is whole with its rest.
func TestMomentsRest(t *testing.T) {
	x := vec(1e4+1.0/1024, 1e4, 1e4+3.0/1024)
	x.Shape = tensor.Shape{3, 1}
	out := eval(t, tensor.Moments{}, x)
	exact := 1e4 + 4.0/3072
	if mean := out[0].Data[0]; mean != float64(float32(exact)) {
		t.Errorf("mean is %v, want %v", mean, float32(exact))
	}
	if sum := out[0].Data[0] + out[2].Data[0]; math.Abs(sum-exact) > 1e-11 {
		t.Errorf("mean and rest are %v, want %v", sum, exact)
	}
}

// Element e of Uniform is word e of the stream, whatever the shape.
func TestUniform(t *testing.T) {
	op := tensor.Uniform{}
	flat := eval(t, op, array(tensor.Shape{6}, make([]float64, 6)...), one(tensor.I32, 3))[0]
	square := eval(t, op, array(tensor.Shape{2, 3}, make([]float64, 6)...), one(tensor.I32, 3))[0]
	other := eval(t, op, array(tensor.Shape{6}, make([]float64, 6)...), one(tensor.I32, 4))[0]
	if !slices.Equal(flat.Data, square.Data) || slices.Equal(flat.Data, other.Data) {
		t.Errorf("step 3: %v and %v, step 4: %v", flat.Data, square.Data, other.Data)
	}
	stream := op.Key.At(3).Stream()
	for i, v := range flat.Data {
		if want := float64(stream.Float32()); v != want || v < 0 || v >= 1 {
			t.Errorf("element %d is %v, want %v", i, v, want)
		}
	}
}
