package tensor

import "math"

// Exp is eˣ.
type Exp struct{}

// Infer wants x, a float.
func (Exp) Infer(in []Spec) ([]Spec, error) { return like(1, in) }

// At is eˣ.
func (Exp) At(x []float64) float64 { return math.Exp(x[0]) }

// Eval is At of each element.
func (o Exp) Eval(out, in []Array) { pointwise(o, out, in) }

// VJP: dx = dy·y.
func (Exp) VJP(in, out, grad []*Tensor) []*Tensor {
	return []*Tensor{upstream(grad, in[0]).Mul(out[0])}
}

// Exp is e to the power of each element.
func (t *Tensor) Exp() *Tensor { return one(Exp{}, t) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Exp{}, In: Draw(Normal(3, 17))},
			{Op: Exp{}, In: Draw(Normal(5, 1))},
			{Op: Exp{}, In: Draw(Normal())},
			{Op: Exp{}, In: Draw(Normal(1, 33))},
			{Op: Exp{}, In: Draw(Normal(2, 3, 4))},
		}
	})
}
