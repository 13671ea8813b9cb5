package cpu

import (
	"math"
	"reflect"
	"unsafe"

	"kith/backends/cpu/internal/simd"
	"kith/tensor"
)

// A tileEntry says how a pointwise op runs on a tile.
type tileEntry struct {
	step  func(op tensor.Op, in []tensor.Spec) step
	reads []int // inputs that matter; nil means all
	moves bool  // the result is some input's element or 0: no rounding to BF16 is needed
}

// tiles is the table of pointwise ops: one row each, and every one has a row.
func tiles(k *simd.Kernels) map[reflect.Type]tileEntry {
	t := tileTable{}
	unary(t, tensor.Exp{}, k.Exp)
	unary(t, tensor.Log{}, k.Log)
	unary(t, tensor.Sqrt{}, k.Sqrt)
	unary(t, tensor.Rsqrt{}, k.Rsqrt)
	unary(t, tensor.ReLU{}, k.ReLU).moves()
	binary(t, tensor.Add{}, k.Add)
	binary(t, tensor.Sub{}, k.Sub)
	binary(t, tensor.Mul{}, k.Mul)
	binary(t, tensor.Div{}, k.Div)
	binary(t, tensor.ReLUGrad{}, k.ReLUGrad).moves()
	row(t, func(o tensor.Scale, _ []tensor.Spec) step { return step{scalar: k.Scale, s: float32(o.By)} })
	row(t, func(o tensor.Shift, _ []tensor.Spec) step { return step{scalar: k.Shift, s: float32(o.By)} })
	row(t, func(o tensor.AtLeast, _ []tensor.Spec) step { return step{scalar: k.AtLeast, s: float32(o.Min)} })
	row(t, func(tensor.Positive, []tensor.Spec) step { return step{test: k.Positive} }).moves()
	row(t, func(tensor.Finite, []tensor.Spec) step { return step{test: k.Finite} }).moves()
	row(t, func(_ tensor.Equal, in []tensor.Spec) step { return equalStep(k, in[0].DType) }).moves()
	row(t, func(_ tensor.Select, in []tensor.Spec) step { return selectStep(k, in[0].DType) }).moves()
	row(t, func(_ tensor.Spread, in []tensor.Spec) step { return copyStep(in[0].DType) }).moves().reads(1)
	row(t, func(o tensor.Fill, in []tensor.Spec) step { return fillStep(o.With, in[0].DType) }).reads()
	row(t, func(o tensor.Advance, _ []tensor.Spec) step {
		return step{odd: advance, k: [3]int{o.By, o.Mod, o.Max}}
	}).moves()
	row(t, func(o tensor.Cast, in []tensor.Spec) step { return castStep(k, in[0].DType, o.To) }).moves()
	return t
}

// A tileTable has the pointwise ops by type.
type tileTable map[reflect.Type]tileEntry

// A tileRow is an entry under construction.
type tileRow struct {
	t   tileTable
	key reflect.Type
}

// row adds ops of type O, whose step make returns.
func row[O tensor.Pointwise](t tileTable, make func(op O, in []tensor.Spec) step) tileRow {
	key := reflect.TypeFor[O]()
	t[key] = tileEntry{step: func(op tensor.Op, in []tensor.Spec) step { return make(op.(O), in) }}
	return tileRow{t, key}
}

// unary adds an op with one float input.
func unary[O tensor.Pointwise](t tileTable, _ O, f func(dst, x []float32)) tileRow {
	return row(t, func(O, []tensor.Spec) step { return step{unary: f} })
}

// binary adds an op with two float inputs.
func binary[O tensor.Pointwise](t tileTable, _ O, f func(dst, x, y []float32)) tileRow {
	return row(t, func(O, []tensor.Spec) step { return step{binary: f} })
}

// moves says that the result needs no rounding to BF16.
func (r tileRow) moves() tileRow {
	e := r.t[r.key]
	e.moves = true
	r.t[r.key] = e
	return r
}

// reads says which inputs matter.
func (r tileRow) reads(in ...int) tileRow {
	e := r.t[r.key]
	e.reads = append([]int{}, in...)
	r.t[r.key] = e
	return r
}

// tileWidth returns the bytes of an element of dtype d in a tile.
func tileWidth(d tensor.DType) int {
	if d == tensor.U8 {
		return 1
	}
	return 4
}

// equalStep compares elements of dtype d.
func equalStep(k *simd.Kernels, d tensor.DType) step {
	switch d {
	case tensor.I32:
		return step{odd: same[int32]}
	case tensor.U8:
		return step{odd: same[uint8]}
	}
	return step{equal: k.Equal}
}

// selectStep chooses between elements of dtype d. Those of four bytes are moved as float32, whatever
// they are.
func selectStep(k *simd.Kernels, d tensor.DType) step {
	if d == tensor.U8 {
		return step{odd: choose8}
	}
	return step{choose: k.Select}
}

// copyStep moves elements of dtype d.
func copyStep(d tensor.DType) step {
	if d == tensor.U8 {
		return step{odd: move[uint8]}
	}
	return step{odd: move[uint32]}
}

// fillStep fills a tile with a number, rounded as a store in dtype d would.
func fillStep(with float64, d tensor.DType) step {
	switch d {
	case tensor.I32:
		return step{odd: fill[int32], k: [3]int{int(saturate(with, math.MinInt32, math.MaxInt32))}}
	case tensor.U8:
		return step{odd: fill[uint8], k: [3]int{int(saturate(with, 0, math.MaxUint8))}}
	}
	return step{odd: fill[uint32], k: [3]int{int(math.Float32bits(float32(with)))}}
}

// castStep converts between the forms that tiles have. Between F32 and BF16 only the way down
// does anything: in tiles both are float32.
func castStep(k *simd.Kernels, from, to tensor.DType) step {
	wide, round := from.Float(), to == tensor.BF16
	switch {
	case wide && round && from != to:
		return step{unary: k.Round}
	case wide && to == tensor.F32, from == to:
		return copyStep(to)
	case wide && to == tensor.I32:
		return step{odd: toInt}
	case wide && to == tensor.U8:
		return step{odd: toByte}
	case from == tensor.I32 && to == tensor.U8:
		return step{odd: intToByte}
	case from == tensor.U8 && to == tensor.I32:
		return step{odd: byteToInt}
	case from == tensor.I32:
		return step{odd: intToFloat, k: [3]int{b2i(round)}}
	}
	return step{odd: byteToFloat} // 8 bits are exact in BF16 too
}

// b2i is 1 for true.
func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// The kernels below are for integers and masks: cursors, ids, labels, flags. Such tensors are
// small, so they are plain Go on every level.

// elements returns the n elements at p.
func elements[T any](p unsafe.Pointer, n int) []T { return unsafe.Slice((*T)(p), n) }

// same is 1 where a = b.
func same[T comparable](_ *step, n int, p [4]unsafe.Pointer) {
	dst, a, b := elements[uint8](p[0], n), elements[T](p[1], n), elements[T](p[2], n)
	for i := range dst {
		dst[i] = uint8(b2i(a[i] == b[i]))
	}
}

// choose8 is a where cond ≠ 0, else b.
func choose8(_ *step, n int, p [4]unsafe.Pointer) {
	dst, a, b, cond := elements[uint8](p[0], n), elements[uint8](p[1], n), elements[uint8](p[2], n), elements[uint8](p[3], n)
	for i := range dst {
		if cond[i] != 0 {
			dst[i] = a[i]
		} else {
			dst[i] = b[i]
		}
	}
}

// move copies.
func move[T any](_ *step, n int, p [4]unsafe.Pointer) {
	copy(elements[T](p[0], n), elements[T](p[1], n))
}

// fill repeats k[0].
func fill[T int32 | uint32 | uint8](s *step, n int, p [4]unsafe.Pointer) {
	for i, dst := 0, elements[T](p[0], n); i < n; i++ {
		dst[i] = T(s.k[0])
	}
}

// advance is x + By, mod Mod and at most Max where those are set.
func advance(s *step, n int, p [4]unsafe.Pointer) {
	dst, x := elements[int32](p[0], n), elements[int32](p[1], n)
	for i := range dst {
		v := int(x[i]) + s.k[0]
		if s.k[1] > 0 {
			v %= s.k[1]
		}
		if s.k[2] > 0 {
			v = min(v, s.k[2])
		}
		dst[i] = int32(min(max(v, math.MinInt32), math.MaxInt32))
	}
}

// saturate rounds v to an integer in [lo, hi], to nearest even; NaN gives 0.
func saturate(v, lo, hi float64) float64 {
	if v != v {
		return 0
	}
	return math.RoundToEven(min(max(v, lo), hi))
}

// toInt rounds float32 to int32.
func toInt(_ *step, n int, p [4]unsafe.Pointer) {
	dst, x := elements[int32](p[0], n), elements[float32](p[1], n)
	for i := range dst {
		dst[i] = int32(saturate(float64(x[i]), math.MinInt32, math.MaxInt32))
	}
}

// toByte rounds float32 to uint8.
func toByte(_ *step, n int, p [4]unsafe.Pointer) {
	dst, x := elements[uint8](p[0], n), elements[float32](p[1], n)
	for i := range dst {
		dst[i] = uint8(saturate(float64(x[i]), 0, math.MaxUint8))
	}
}

// intToByte saturates.
func intToByte(_ *step, n int, p [4]unsafe.Pointer) {
	dst, x := elements[uint8](p[0], n), elements[int32](p[1], n)
	for i := range dst {
		dst[i] = uint8(min(max(x[i], 0), math.MaxUint8))
	}
}

// byteToInt widens.
func byteToInt(_ *step, n int, p [4]unsafe.Pointer) {
	dst, x := elements[int32](p[0], n), elements[uint8](p[1], n)
	for i := range dst {
		dst[i] = int32(x[i])
	}
}

// intToFloat rounds to BF16 too where k[0] says so: by way of float32, as a store does.
func intToFloat(s *step, n int, p [4]unsafe.Pointer) {
	dst, x := elements[float32](p[0], n), elements[int32](p[1], n)
	for i := range dst {
		dst[i] = float32(x[i])
	}
	if s.k[0] != 0 {
		simd.Round(dst, dst)
	}
}

// byteToFloat converts exactly.
func byteToFloat(_ *step, n int, p [4]unsafe.Pointer) {
	dst, x := elements[float32](p[0], n), elements[uint8](p[1], n)
	for i := range dst {
		dst[i] = float32(x[i])
	}
}
