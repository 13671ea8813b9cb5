package tensor

// AtLeast is Min where x < Min, else x; so NaN stays.
type AtLeast struct{ Min float64 }

// Infer wants x, a float.
func (AtLeast) Infer(in []Spec) ([]Spec, error) { return like(1, in) }

// At is Min where x < Min.
func (o AtLeast) At(x []float64) float64 {
	if x[0] < o.Min {
		return o.Min
	}
	return x[0]
}

// Eval is At of each element.
func (o AtLeast) Eval(out, in []Array) { pointwise(o, out, in) }

// VJP: dx = dy where x > Min.
func (o AtLeast) VJP(in, _, grad []*Tensor) []*Tensor {
	dy := upstream(grad, in[0])
	return []*Tensor{dy.Select(in[0].Shift(-o.Min).Positive(), dy.Fill(0))}
}

// AtLeast is t, but nowhere less than min.
func (t *Tensor) AtLeast(min float64) *Tensor { return one(AtLeast{min}, t) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: AtLeast{0.5}, In: Draw(Away(0.5, Normal(3, 17)))},
			{Op: AtLeast{-0.25}, In: Draw(Away(-0.25, Normal(7, 1)))},
			{Op: AtLeast{0}, In: Draw(Away(0, Normal(1, 5)))},
			{Op: AtLeast{1e-24}, In: Draw(Above(0.1, Normal(33)))},
			{Op: AtLeast{9}, In: Draw(Normal())},
		}
	})
}
