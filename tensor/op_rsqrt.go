package tensor

import "math"

// Rsqrt is x^-½.
type Rsqrt struct{}

// Infer wants x, a float.
func (Rsqrt) Infer(in []Spec) ([]Spec, error) { return like(1, in) }

// At is 1/√x.
func (Rsqrt) At(x []float64) float64 { return 1 / math.Sqrt(x[0]) }

// Eval is At of each element.
func (o Rsqrt) Eval(out, in []Array) { pointwise(o, out, in) }

// VJP: dx = -½·dy·y³.
func (Rsqrt) VJP(in, out, grad []*Tensor) []*Tensor {
	y := out[0]
	return []*Tensor{upstream(grad, in[0]).Scale(-0.5).Mul(y).Mul(y).Mul(y)}
}

// Rsqrt is 1/√ of each element.
func (t *Tensor) Rsqrt() *Tensor { return one(Rsqrt{}, t) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Rsqrt{}, In: Draw(Above(0.1, Normal(3, 17)))},
			{Op: Rsqrt{}, In: Draw(Above(0.1, Normal(5, 1)))},
			{Op: Rsqrt{}, In: Draw(Above(0.1, Normal()))},
			{Op: Rsqrt{}, In: Draw(Above(3, Normal(1, 33)))},
			{Op: Rsqrt{}, In: Draw(Above(0.2, Normal(2, 3, 4)))},
		}
	})
}
