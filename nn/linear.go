package nn

import (
	"math"

	"kith/tensor"
)

// Linear is x·Wᵀ + b: [n,in] → [n,out].
type Linear struct{ Weight, Bias *Param } // [out,in], [out]; Bias may be nil

// NewLinear makes a layer that starts uniform on ±1/√in, as torch's does. A bias in front of
// BatchNorm does nothing.
func NewLinear(in, out int, bias bool) *Linear {
	start := Uniform(1 / math.Sqrt(float64(in)))
	l := &Linear{Weight: &Param{Spec: tensor.Of(tensor.F32, out, in), Init: start}}
	if bias {
		l.Bias = &Param{Spec: tensor.Of(tensor.F32, out), Init: start}
	}
	return l
}

// Forward multiplies and adds.
func (l *Linear) Forward(c *Ctx, x *tensor.Tensor) *tensor.Tensor {
	y := x.MatMulT(c.Use(l.Weight)) // [n, out]
	if l.Bias != nil {
		y = y.Add(c.Use(l.Bias))
	}
	return y
}
