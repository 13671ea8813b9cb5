package backendtest

import (
	"math"
	"testing"

	"kith/tensor"
	"kith/tensor/rng"
)

// special runs numbers that formulas are not made for.
func special(t *testing.T, g *guard) {
	for _, part := range []struct {
		name    string
		samples []*sample
	}{
		{"NaN", nonFinite()},
		{"Denormals", denormals()},
		{"LargeMean", largeMeans()},
		{"LargeLogits", largeLogits()},
		{"Zero", zeros()},
	} {
		t.Run(part.name, func(t *testing.T) { byOp(t, part.samples, g.check) })
	}
}

// oddities are put into one input after another. NaN stays NaN at its place, infinities keep their
// sign, denormals are not flushed.
var oddities = []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1),
	math.SmallestNonzeroFloat32, -3 * math.SmallestNonzeroFloat32, math.MaxFloat32, -math.MaxFloat32, 1e-38}

// nonFinite is the cases of ops whose results say where a number came from.
func nonFinite() []*sample {
	var all []*sample
	for c := range tensor.Cases() {
		if c.Err != "" || c.Big {
			continue
		}
		for i, a := range c.In {
			if n := oddOnes(c.Op, i); n > 0 && a.DType == tensor.F32 && len(a.Data) > 0 {
				all = append(all, newSample(with(c, i, oddities[:n])))
			}
		}
	}
	return all
}

// oddOnes is how many oddities input i of op takes. Products and sums take the first three: the
// largest numbers overflow or not by the order of summation. Filters, and gradients that meet a
// padded map, take none: kernels multiply the zeros of the padding, and 0·∞ is NaN.
func oddOnes(op tensor.Op, i int) int {
	pad := 0
	switch o := op.(type) {
	case tensor.Conv2D:
		pad = o.Pad * i
	case tensor.Conv2DGradX:
		pad = i
	case tensor.Conv2DGradW:
		pad = o.Pad * (1 - i)
	case tensor.MatMul, tensor.Sum, tensor.SumSq, tensor.RowDot, tensor.RowMul, tensor.MaxPool, tensor.MaxPoolGrad,
		tensor.AvgPool, tensor.AvgPoolGrad, tensor.ArgMax, tensor.Gather, tensor.Concat, tensor.Permute, tensor.Unslice,
		tensor.Write, tensor.WriteRows:
	case tensor.Pointwise:
		return len(oddities)
	default:
		return 0
	}
	if pad > 0 {
		return 0
	}
	return 3
}

// with is c with the given numbers at places of input i, apart from each other.
func with(c tensor.Case, i int, values []float64) tensor.Case {
	in := append([]tensor.Array(nil), c.In...)
	in[i] = tensor.NewArray(c.In[i].Spec)
	copy(in[i].Data, c.In[i].Data)
	for k, v := range values {
		in[i].Data[(7*k+2)%len(in[i].Data)] = v
	}
	c.In = in
	return c
}

// denormals is the lattice with one input in units of the smallest number there is: sums and
// products stay exact, and flushing any of them to zero shows.
func denormals() []*sample {
	var all []*sample
	for i, s := range integers() {
		if i%5 != 0 || s.In[0].DType != tensor.F32 {
			continue // a fifth is enough
		}
		c := s.Case
		switch c.Op.(type) {
		case tensor.SumSq, tensor.NearestRow, tensor.Equal, tensor.Advance, tensor.Cast, tensor.AtLeast:
			continue // squares vanish; scores have their own unit
		}
		c.In = append([]tensor.Array(nil), c.In...)
		c.In[0] = mapped(c.In[:1], func(v float64) float64 { return v * math.SmallestNonzeroFloat32 })[0]
		d := newSample(c)
		d.exactly = true
		all = append(all, d)
	}
	return all
}

// largeMeans is columns whose mean is far larger than their spread, where the textbook formula
// loses all digits.
func largeMeans() []*sample {
	var all []*sample
	for _, mean := range []float64{100, 1e4, -1e4} {
		for _, n := range []int{2, 33, 1000} {
			s := sweeper{draw: func(k rng.Key, a *tensor.Array, terms int) {
				drawNormal(k, a, terms)
				if len(a.Shape) == 2 {
					*a = mapped([]tensor.Array{*a}, func(v float64) float64 { return float64(float32(v + mean)) })[0]
				}
			}}
			s.add(tensor.Moments{}, n, 0, f32(n, 17))
			s.add(tensor.BatchNorm{Eps: 1e-5}, n, 0, f32(n, 17), f32(17), f32(17))
			all = append(all, s.all...)
		}
	}
	return all
}

// largeLogits is similarities over a temperature of 0.01, and worse.
func largeLogits() []*sample {
	var all []*sample
	for _, scale := range []float64{100, 1e4} {
		s := sweeper{draw: func(k rng.Key, a *tensor.Array, terms int) {
			drawNormal(k, a, terms)
			if len(a.Shape) == 2 {
				*a = mapped([]tensor.Array{*a}, func(v float64) float64 { return float64(float32(scale * math.Tanh(v))) })[0]
			}
		}}
		for _, k := range []int{1, 2, 17, 300} {
			s.add(tensor.CrossEntropy{}, k, k, f32(9, k), i32(9))
			logits, label := s.all[len(s.all)-1].In[0], s.all[len(s.all)-1].In[1]
			loss := define(tensor.CrossEntropy{}, []tensor.Array{logits, label})
			lse := tensor.NewArray(f32(9))
			for i, v := range loss[1].Data {
				lse.Data[i] = float64(float32(v))
			}
			s.given(tensor.CrossEntropyGrad{}, logits, label, lse, loss[0])
		}
		all = append(all, s.all...)
	}
	return all
}

// zeros is rows and columns of one value: no length, no spread.
func zeros() []*sample {
	s := sweeper{draw: func(_ rng.Key, a *tensor.Array, _ int) {
		for i := range a.Data {
			a.Data[i] = 0
		}
	}}
	s.add(tensor.Unit{}, 1, 0, f32(3, 17))
	s.add(tensor.BatchNorm{Eps: 1e-5}, 1, 0, f32(9, 17), f32(17), f32(17))
	s.add(tensor.Moments{}, 1, 0, f32(9, 17))
	s.add(tensor.CrossEntropy{}, 1, 5, f32(3, 5), i32(3))
	return s.all
}
