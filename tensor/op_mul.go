package tensor

// Mul is x·b.
type Mul struct{}

// Infer wants x and b, of one float dtype.
func (Mul) Infer(in []Spec) ([]Spec, error) { return like(2, in) }

// At is x·b.
func (Mul) At(x []float64) float64 { return x[0] * x[1] }

// Eval is At of each element.
func (o Mul) Eval(out, in []Array) { pointwise(o, out, in) }

// VJP: dx = dy·b, db = Σdy·x.
func (Mul) VJP(in, _, grad []*Tensor) []*Tensor {
	dy := upstream(grad, in[0])
	return []*Tensor{dy.Mul(in[1]), sumTo(dy.Mul(in[0]), in[1])}
}

// Mul is t·b, b repeated over t's leading axes.
func (t *Tensor) Mul(b *Tensor) *Tensor { return one(Mul{}, t, b) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Mul{}, In: Draw(Normal(3, 17), Normal(3, 17))},
			{Op: Mul{}, In: Draw(Normal(2, 3, 5), Normal(5))},
			{Op: Mul{}, In: Draw(Normal(2, 1, 5), Normal(1, 5))},
			{Op: Mul{}, In: Draw(Normal(9), Normal())},
			{Op: Mul{}, In: Draw(Normal(1), Normal(1))},
		}
	})
}
