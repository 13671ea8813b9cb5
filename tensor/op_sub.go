package tensor

// Sub is x - b.
type Sub struct{}

// Infer wants x and b, of one float dtype.
func (Sub) Infer(in []Spec) ([]Spec, error) { return like(2, in) }

// At is x - b.
func (Sub) At(x []float64) float64 { return x[0] - x[1] }

// Eval is At of each element.
func (o Sub) Eval(out, in []Array) { pointwise(o, out, in) }

// VJP: dx = dy, db = -Σdy.
func (Sub) VJP(in, _, grad []*Tensor) []*Tensor {
	return []*Tensor{grad[0], sumTo(grad[0], in[1]).Scale(-1)}
}

// Sub is t - b, b repeated over t's leading axes.
func (t *Tensor) Sub(b *Tensor) *Tensor { return one(Sub{}, t, b) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Sub{}, In: Draw(Normal(3, 17), Normal(3, 17))},
			{Op: Sub{}, In: Draw(Normal(2, 3, 5), Normal(3, 5))},
			{Op: Sub{}, In: Draw(Normal(7, 1), Normal(1))},
			{Op: Sub{}, In: Draw(Normal(1, 33), Normal(33))},
			{Op: Sub{}, In: Draw(Normal(6), Normal())},
		}
	})
}
