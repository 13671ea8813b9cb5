package backendtest

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"kith/internal/bf16"
	"kith/tensor"
)

// A sample is a case with what its op should give.
type sample struct {
	tensor.Case
	exactly bool           // integers: every order of summation gives the same bits
	want    []tensor.Array // the definition in float64, not rounded to the outputs' dtypes
	allow   limit          // how far from it an output may be before it is rounded
	once    sync.Once      // want and allow are made when first needed
}

// newSample rounds the inputs of c to their dtypes: the definition must see what a kernel sees.
func newSample(c tensor.Case) *sample {
	c.In = slices.Clone(c.In)
	for i, a := range c.In {
		c.In[i] = tensor.NewArray(a.Spec)
		for j, v := range a.Data {
			c.In[i].Data[j] = round(a.DType, v)
		}
	}
	return &sample{Case: c}
}

// specs are those of the inputs.
func (s *sample) specs() []tensor.Spec {
	in := make([]tensor.Spec, len(s.In))
	for i, a := range s.In {
		in[i] = a.Spec
	}
	return in
}

// define runs the definition on in; of a write, the result is what its target holds.
func define(op tensor.Op, in []tensor.Array) []tensor.Array {
	specs := make([]tensor.Spec, len(in))
	for i, a := range in {
		specs[i] = a.Spec
	}
	outs, err := op.Infer(specs)
	if err != nil {
		panic(&tensor.Error{Op: op, In: specs, Err: err})
	}
	out := make([]tensor.Array, len(outs))
	for i, spec := range outs {
		out[i] = tensor.NewArray(spec)
	}
	if len(out) > 0 {
		op.Eval(out, in)
		return out
	}
	in = slices.Clone(in)
	in[0].Data = slices.Clone(in[0].Data)
	op.Eval(nil, in)
	return in[:1]
}

// compare checks got against the definition and returns the largest share of its limit that any
// element used. On an exact backend only the order of operations may differ, in float64.
func (s *sample) compare(got []tensor.Array, exact bool) (share float64, err error) {
	if exact {
		want := define(s.Op, widened(s.In))
		return compare(got, want, golden(1e-9, 1e-12, want))
	}
	s.prepare()
	if k := statistics(s.Op); k >= 0 {
		if got, err = folded(got, k); err != nil {
			return 0, err
		}
	}
	return compare(got, s.want, s.allow)
}

// prepare evaluates the definition, once for all backends.
func (s *sample) prepare() {
	s.once.Do(func() {
		s.want = define(s.Op, s.In)
		if k := statistics(s.Op); k >= 0 {
			s.want, _ = folded(s.want, k)
		}
		s.allow = same
		if !s.exactly {
			s.allow = allowed(s.Case, s.want)
		}
	})
}

// statistics is the number of the output that is a mean, with variance and rest behind it; or -1.
func statistics(op tensor.Op) int {
	switch op.(type) {
	case tensor.Moments:
		return 0
	case tensor.BatchNorm:
		return 1
	}
	return -1
}

// folded is out with rest added to mean, as F64: neither means anything without the other. A rest
// is at most half a place of the mean, or it is no rest.
func folded(out []tensor.Array, mean int) ([]tensor.Array, error) {
	out = slices.Clone(out)
	m, r := out[mean], out[mean+2]
	sum, zero := tensor.NewArray(tensor.Spec{DType: tensor.F64, Shape: m.Shape}), tensor.NewArray(r.Spec)
	for i, v := range m.Data {
		sum.Data[i] = v + r.Data[i]
		if math.Abs(r.Data[i]) > place(m.DType, v)/2 {
			return nil, fmt.Errorf("rest of mean %v is %v, more than half a place", v, r.Data[i])
		}
	}
	out[mean], out[mean+2] = sum, zero
	return out, nil
}

// compare checks each element: NaN for NaN, infinity for infinity, and the rest within its limit
// and half a place of the dtype that it was rounded to.
func compare(got, want []tensor.Array, allow limit) (share float64, err error) {
	if len(got) != len(want) {
		return 0, fmt.Errorf("%d outputs, want %d", len(got), len(want))
	}
	for o, w := range want {
		if !slices.Equal(got[o].Shape, w.Shape) {
			return 0, fmt.Errorf("output %d is %v, want %v", o, got[o].Spec, w.Spec)
		}
		for i, v := range w.Data {
			e, err := allow.element(got[o].DType, got[o].Data[i], v, o, i)
			if err != nil {
				return 0, fmt.Errorf("output %d at %d: %w", o, i, err)
			}
			share = max(share, e)
		}
	}
	return share, allow.overall(got, want)
}

// element checks one and returns the share of the limit that it used.
func (l limit) element(d tensor.DType, got, want float64, o, i int) (share float64, err error) {
	rounded := round(d, want)
	if sameBits([]float64{got}, []float64{rounded}) {
		return 0, nil
	}
	most := 0.0
	if l.of != nil {
		most = l.of(o, i)
	}
	off := math.Abs(got-want) - place(d, want)/2
	if off <= most && most > 0 && !math.IsInf(rounded, 0) {
		return off / most, nil
	}
	return 0, fmt.Errorf("got %v, want %v; off by %.3g, %s allows %.3g", got, rounded, off, l.name, most)
}

// round is v as a store in dtype d leaves it.
func round(d tensor.DType, v float64) float64 {
	switch d {
	case tensor.F32:
		return float64(float32(v))
	case tensor.BF16:
		return float64(bf16.Round(float32(v)))
	case tensor.I32:
		return whole(v, math.MinInt32, math.MaxInt32)
	case tensor.U8:
		return whole(v, 0, math.MaxUint8)
	}
	return v
}

func whole(v, lo, hi float64) float64 {
	if v != v {
		return 0
	}
	return math.RoundToEven(min(max(v, lo), hi)) + 0 // integers have no -0
}

// place is the distance of neighbors at v in dtype d.
func place(d tensor.DType, v float64) float64 {
	digits, smallest := 0, 0
	switch d {
	case tensor.F32:
		digits, smallest = 24, -149
	case tensor.BF16:
		digits, smallest = 8, -133
	case tensor.F64:
		digits, smallest = 53, -1074
	default:
		return 0
	}
	if v == 0 {
		return math.Ldexp(1, smallest)
	}
	_, exp := math.Frexp(v)
	return math.Ldexp(1, max(exp-digits, smallest))
}

// widened is in with floats as F64: what an exact root makes of them.
func widened(in []tensor.Array) []tensor.Array {
	wide := slices.Clone(in)
	for i := range wide {
		if wide[i].DType.Float() {
			wide[i].DType = tensor.F64
		}
	}
	return wide
}

// asBF16 is c with BF16 inputs: all of its floats, or the first alone where the others must be
// wide. It reports false where the op takes neither.
func asBF16(c tensor.Case) (tensor.Case, bool) {
	for _, last := range []int{len(c.In), 1} { // BatchNorm wants its vectors wide
		h := c
		h.In = slices.Clone(c.In)
		for i, a := range c.In[:min(last, len(c.In))] {
			if a.DType == tensor.F32 {
				h.In[i] = narrowed(a)
			}
		}
		s := newSample(h)
		if slices.EqualFunc(h.In, c.In, func(a, b tensor.Array) bool { return a.DType == b.DType }) {
			return c, false
		}
		if _, err := h.Op.Infer(s.specs()); err == nil {
			return h, true
		}
	}
	return c, false
}

func narrowed(a tensor.Array) tensor.Array {
	h := tensor.NewArray(tensor.Spec{DType: tensor.BF16, Shape: a.Shape})
	for i, v := range a.Data {
		h.Data[i] = round(tensor.BF16, v)
	}
	return h
}
