package tensor

// Div is x/b.
type Div struct{}

// Infer wants x and b, of one float dtype.
func (Div) Infer(in []Spec) ([]Spec, error) { return like(2, in) }

// At is x/b.
func (Div) At(x []float64) float64 { return x[0] / x[1] }

// Eval is At of each element.
func (o Div) Eval(out, in []Array) { pointwise(o, out, in) }

// VJP: dx = dy/b, db = -Σdy·y/b.
func (Div) VJP(in, out, grad []*Tensor) []*Tensor {
	dx := upstream(grad, in[0]).Div(in[1])
	return []*Tensor{dx, sumTo(dx.Mul(out[0]), in[1]).Scale(-1)}
}

// Div is t/b, b repeated over t's leading axes.
func (t *Tensor) Div(b *Tensor) *Tensor { return one(Div{}, t, b) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Div{}, In: Draw(Normal(3, 17), Above(0.5, Normal(3, 17)))},
			{Op: Div{}, In: Draw(Normal(2, 3, 5), Above(0.5, Normal(5)))},
			{Op: Div{}, In: Draw(Normal(4, 1), Above(0.5, Normal(1)))},
			{Op: Div{}, In: Draw(Normal(4), Above(0.5, Normal()))},
			{Op: Div{}, In: Draw(Normal(1), Above(0.5, Normal(1)))},
		}
	})
}
