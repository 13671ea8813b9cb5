package tensor

// Scale is By·x.
type Scale struct{ By float64 }

// Infer wants x, a float.
func (Scale) Infer(in []Spec) ([]Spec, error) { return like(1, in) }

// At is By·x.
func (o Scale) At(x []float64) float64 { return o.By * x[0] }

// Eval is At of each element.
func (o Scale) Eval(out, in []Array) { pointwise(o, out, in) }

// VJP: dx = By·dy.
func (o Scale) VJP(_, _, grad []*Tensor) []*Tensor { return []*Tensor{grad[0].Scale(o.By)} }

// Scale is by·t. What changes from step to step is a tensor: use Mul.
func (t *Tensor) Scale(by float64) *Tensor { return one(Scale{by}, t) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Scale{0.1}, In: Draw(Normal(3, 17))},
			{Op: Scale{-1}, In: Draw(Normal(5, 1))},
			{Op: Scale{0}, In: Draw(Normal(1))},
			{Op: Scale{1.0 / 3}, In: Draw(Normal())},
			{Op: Scale{7}, In: Draw(Normal(2, 3, 4, 5))},
		}
	})
}
