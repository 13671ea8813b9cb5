package tensor

// Positive is 1 where x > 0, else 0, as U8.
type Positive struct{ NoGrad }

// Infer wants x, a float.
func (Positive) Infer(in []Spec) ([]Spec, error) { return mask(1, in) }

// At is 1 where x > 0.
func (Positive) At(x []float64) float64 {
	if x[0] > 0 {
		return 1
	}
	return 0
}

// Eval is At of each element.
func (o Positive) Eval(out, in []Array) { pointwise(o, out, in) }

// Positive is 1 where t > 0, else 0, as U8.
func (t *Tensor) Positive() *Tensor { return one(Positive{}, t) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Positive{}, In: Draw(Normal(3, 17))},
			{Op: Positive{}, In: Draw(Normal())},
			{Op: Positive{}, In: Draw(Exactly(F32, Shape{3}, 0, 1, -1))},
		}
	})
}
