package backendtest

import (
	"fmt"
	"math"
	"slices"

	"kith/tensor"
)

// This file is the only place of tolerances. Each is named after its reason. All are for results
// before the last rounding, to the dtype of the output, which is allowed on top.

// u is the unit roundoff of float32, in which kernels compute.
const u = 1.0 / (1 << 24)

// A limit says how far element i of output o may be from the definition.
type limit struct {
	name string
	of   func(o, i int) float64 // nil: not at all
	rms  float64                // most error over most size, both root mean square; 0: not looked at
}

// same is for arithmetic that is rounded once, moves, and integers: no error at all.
var same = limit{name: "same"}

// ulps is for functions that are approximated: n units in the last place of float32.
func ulps(n float64, want []tensor.Array) limit {
	return limit{name: fmt.Sprintf("ulps(%v)", n), of: func(o, i int) float64 {
		return n * place(tensor.F32, want[o].Data[i])
	}}
}

// golden is a relative and an absolute error in float64.
func golden(rel, abs float64, want []tensor.Array) limit {
	return limit{name: fmt.Sprintf("golden(%v)", rel), of: func(o, i int) float64 {
		return rel*math.Abs(want[o].Data[i]) + abs
	}}
}

// normalized is for what subtracts large numbers and divides by the size of what is left:
// BatchNorm, softmax, rows of length 1. The inputs may have a mean of 1e4.
func normalized(want []tensor.Array, scale func(o, i int) float64) limit {
	return limit{name: "normalized", of: func(o, i int) float64 {
		return 2e-6*math.Abs(want[o].Data[i]) + 1e-6*scale(o, i)
	}}
}

// attribute is for fields of ops that a kernel keeps in float32: by is off by that rounding.
func attribute(by float64, factor []float64, want []tensor.Array) limit {
	off := math.Abs(by - float64(float32(by)))
	return limit{name: "attribute", of: func(o, i int) float64 {
		f := 1.0
		if factor != nil {
			f = math.Abs(factor[i%len(factor)])
		}
		return off*f + 1e-16*math.Abs(want[o].Data[i])
	}}
}

// gammaK is for sums of products in float32: 2·K·u·Σ|a||b|, which no order of summation exceeds,
// and 1e-6 of the whole by root mean square. Both sums come from the definition, by feeding it
// absolute values and ones.
func gammaK(c tensor.Case, want []tensor.Array) limit {
	sums, terms := define(c.Op, mapped(c.In, math.Abs)), counts(c)
	return limit{name: "gammaK", rms: 1e-6, of: func(o, i int) float64 {
		return 2 * terms[o].Data[i] * u * math.Abs(sums[o].Data[i])
	}}
}

// counts is how many terms each output sums up.
func counts(c tensor.Case) []tensor.Array {
	n := define(c.Op, mapped(c.In, func(float64) float64 { return 1 }))
	if _, mean := c.Op.(tensor.AvgPool); mean {
		for i := range n[0].Data {
			n[0].Data[i] = float64(c.In[0].Shape[1] * c.In[0].Shape[2])
		}
	}
	return n
}

// winograd is for 3x3 convolutions in fewer products: spec and measurement agree on ten times the
// error of the direct ones, and a direct one stays far below.
func winograd(want []tensor.Array) limit {
	size := rms(want)
	return limit{name: "winograd", rms: 1e-5, of: func(int, int) float64 { return 2e-4 * size }}
}

// isWinograd tells whether c is a convolution for which backends may use it: 3x3, stride 1, and at
// least 64 channels on both sides.
func isWinograd(op tensor.Op, in []tensor.Spec) bool {
	stride1 := func(o tensor.Conv2D, w tensor.Shape) bool {
		return o.Stride <= 1 && w[0] >= 64 && w[1] == 3 && w[2] == 3 && w[3] >= 64
	}
	switch o := op.(type) {
	case tensor.Conv2D:
		return stride1(o, in[1].Shape)
	case tensor.Conv2DGradX:
		return stride1(o.Conv2D, in[1].Shape)
	case tensor.Conv2DGradW:
		return stride1(o.Conv2D, tensor.Shape{in[0].Shape[3], o.R, o.S, in[1].Shape[3]})
	}
	return false
}

// moments is for statistics. A mean, with its rest, is looked at against the spread of its column:
// that is what is divided by next. Of a variance's relative error half reaches what is normalized,
// which has 2e-6.
func moments(x tensor.Array, mean, variance int, want []tensor.Array) limit {
	n := float64(len(x.Data) / want[mean].Shape.Size())
	return limit{name: "moments", of: func(o, i int) float64 {
		v, m := want[variance].Data[i], math.Abs(want[mean].Data[i])
		if o == variance {
			return 4e-6*v + n*u*u*m*m
		}
		return 1e-6*math.Sqrt(v) + n*u*u*m
	}}
}

// allowed is the limit of an op: the one table.
func allowed(c tensor.Case, want []tensor.Array) limit {
	ones := func(int, int) float64 { return 1 }
	switch o := c.Op.(type) {
	case tensor.Exp, tensor.Log, tensor.Rsqrt:
		return ulps(4, want)
	case tensor.Scale:
		return attribute(o.By, c.In[0].Data, want)
	case tensor.Shift:
		return attribute(o.By, nil, want)
	case tensor.AvgPoolGrad: // a multiplication by 1/(H·W), which is rounded itself
		return ulps(1, want)
	case tensor.Conv2D, tensor.Conv2DGradX, tensor.Conv2DGradW:
		s := newSample(c)
		if isWinograd(c.Op, s.specs()) {
			return winograd(want)
		}
		return gammaK(c, want)
	case tensor.MatMul, tensor.Sum, tensor.SumSq, tensor.RowDot, tensor.AvgPool, tensor.MaxPoolGrad:
		return gammaK(c, want)
	case tensor.Moments:
		return moments(c.In[0], 0, 1, want)
	case tensor.BatchNorm:
		y := normalized(want, func(_, i int) float64 { return math.Abs(c.In[1].Data[i%len(c.In[1].Data)]) + 1 })
		stats := moments(c.In[0], 1, 2, want)
		return limit{name: y.name, of: func(o, i int) float64 {
			if o == 0 {
				return y.of(o, i)
			}
			return stats.of(o, i)
		}}
	case tensor.CrossEntropyGrad:
		return normalized(want, func(_, i int) float64 { return math.Abs(c.In[3].Data[i/c.In[0].Shape[1]]) })
	case tensor.CrossEntropy, tensor.Unit:
		return normalized(want, ones)
	}
	return same
}

// overall checks the root mean square of all errors.
func (l limit) overall(got, want []tensor.Array) error {
	if l.rms == 0 {
		return nil
	}
	var off []tensor.Array
	for o, w := range want {
		d := tensor.NewArray(w.Spec)
		for i, v := range w.Data {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil
			}
			d.Data[i] = max(0, math.Abs(got[o].Data[i]-v)-place(got[o].DType, v)/2)
		}
		off = append(off, d)
	}
	// Of a handful of elements the mean says nothing that the bound of each has not said.
	if n := len(off[0].Data); n < 64 {
		return nil
	}
	if e, size := rms(off), rms(want); e > l.rms*size {
		return fmt.Errorf("error is %.3g of %.3g by root mean square, %s allows %v of it", e, size, l.name, l.rms)
	}
	return nil
}

func rms(as []tensor.Array) float64 {
	sum, n := 0.0, 0
	for _, a := range as {
		for _, v := range a.Data {
			sum += v * v
		}
		n += len(a.Data)
	}
	return math.Sqrt(sum / float64(max(n, 1)))
}

// mapped is in with f of each float.
func mapped(in []tensor.Array, f func(float64) float64) []tensor.Array {
	out := slices.Clone(in)
	for i, a := range in {
		if !a.DType.Float() {
			continue
		}
		out[i] = tensor.NewArray(a.Spec)
		for j, v := range a.Data {
			out[i].Data[j] = f(v)
		}
	}
	return out
}

// Gradients in float32 against differences in float64: some hundred terms of size 1.
const gradientRel, gradientAbs = 2e-5, 2e-5

// columnSums is for sums of the same numbers in another order, against the largest of them.
const columnSums = 2e-6
