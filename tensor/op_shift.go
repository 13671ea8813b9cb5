package tensor

// Shift is x + By.
type Shift struct{ By float64 }

// Infer wants x, a float.
func (Shift) Infer(in []Spec) ([]Spec, error) { return like(1, in) }

// At is x + By.
func (o Shift) At(x []float64) float64 { return x[0] + o.By }

// Eval is At of each element.
func (o Shift) Eval(out, in []Array) { pointwise(o, out, in) }

// VJP: dx = dy.
func (Shift) VJP(_, _, grad []*Tensor) []*Tensor { return grad }

// Shift is t + by.
func (t *Tensor) Shift(by float64) *Tensor { return one(Shift{by}, t) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Shift{0.1}, In: Draw(Normal(3, 17))},
			{Op: Shift{-2}, In: Draw(Normal(5, 1))},
			{Op: Shift{1e-5}, In: Draw(Normal(33))},
			{Op: Shift{0}, In: Draw(Normal())},
			{Op: Shift{3}, In: Draw(Normal(2, 1, 4))},
		}
	})
}
