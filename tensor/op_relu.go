package tensor

// ReLU is 0 where x < 0, else x; so NaN stays NaN, and -0 stays -0.
type ReLU struct{}

// Infer wants x, a float.
func (ReLU) Infer(in []Spec) ([]Spec, error) { return like(1, in) }

// At is 0 where x < 0, else x.
func (ReLU) At(x []float64) float64 {
	if x[0] < 0 {
		return 0
	}
	return x[0]
}

// Eval is At of each element.
func (o ReLU) Eval(out, in []Array) { pointwise(o, out, in) }

// VJP: dx = dy where y > 0.
func (ReLU) VJP(in, out, grad []*Tensor) []*Tensor {
	return []*Tensor{one(ReLUGrad{}, upstream(grad, in[0]), out[0])}
}

// ReLU is t where it is positive, else 0.
func (t *Tensor) ReLU() *Tensor { return one(ReLU{}, t) }

func init() {
	Register(func() []Case {
		return []Case{ // off the kink
			{Op: ReLU{}, In: Draw(Away(0, Normal(3, 17)))},
			{Op: ReLU{}, In: Draw(Away(0, Normal(5, 1)))},
			{Op: ReLU{}, In: Draw(Away(0, Normal()))},
			{Op: ReLU{}, In: Draw(Away(0, Normal(1, 33)))},
			{Op: ReLU{}, In: Draw(Away(0, Normal(2, 3, 4, 5)))},
			{Op: ReLU{}, In: Draw(Normal(64, 16, 16, 64)), Big: true},
		}
	})
}
