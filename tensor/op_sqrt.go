package tensor

import "math"

// Sqrt is the square root of x.
type Sqrt struct{}

// Infer wants x, a float.
func (Sqrt) Infer(in []Spec) ([]Spec, error) { return like(1, in) }

// At is √x.
func (Sqrt) At(x []float64) float64 { return math.Sqrt(x[0]) }

// Eval is At of each element.
func (o Sqrt) Eval(out, in []Array) { pointwise(o, out, in) }

// VJP: dx = dy/2y.
func (Sqrt) VJP(in, out, grad []*Tensor) []*Tensor {
	return []*Tensor{upstream(grad, in[0]).Scale(0.5).Div(out[0])}
}

// Sqrt is the square root of each element.
func (t *Tensor) Sqrt() *Tensor { return one(Sqrt{}, t) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Sqrt{}, In: Draw(Above(0.1, Normal(3, 17)))},
			{Op: Sqrt{}, In: Draw(Above(0.1, Normal(5, 1)))},
			{Op: Sqrt{}, In: Draw(Above(0.1, Normal()))},
			{Op: Sqrt{}, In: Draw(Above(3, Normal(1, 33)))},
			{Op: Sqrt{}, In: Draw(Above(0.2, Normal(2, 3, 4)))},
		}
	})
}
