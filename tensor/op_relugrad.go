package tensor

// ReLUGrad is ReLU's gradient: dy where y > 0, else 0.
type ReLUGrad struct{ NoGrad }

// Infer wants dy and y, floats of one dtype.
func (ReLUGrad) Infer(in []Spec) ([]Spec, error) { return like(2, in) }

// At is dy where y > 0.
func (ReLUGrad) At(x []float64) float64 {
	if x[1] > 0 {
		return x[0]
	}
	return 0
}

// Eval is At of each element.
func (o ReLUGrad) Eval(out, in []Array) { pointwise(o, out, in) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: ReLUGrad{}, In: Draw(Normal(3, 17), Normal(3, 17))},
			{Op: ReLUGrad{}, In: Draw(Normal(2, 3, 5), Normal(5))},
			{Op: ReLUGrad{}, In: Draw(Normal(33), Normal(33))},
			{Op: ReLUGrad{}, In: Draw(Normal(2, 1), Normal(1))},
			{Op: ReLUGrad{}, In: Draw(Normal(), Normal())},
		}
	})
}
