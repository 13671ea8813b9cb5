package tensor

// Add is x + b.
type Add struct{}

// Infer wants x and b, of one float dtype.
func (Add) Infer(in []Spec) ([]Spec, error) { return like(2, in) }

// At is x + b.
func (Add) At(x []float64) float64 { return x[0] + x[1] }

// Eval is At of each element.
func (o Add) Eval(out, in []Array) { pointwise(o, out, in) }

// VJP: dx = dy, db = Σdy.
func (Add) VJP(in, _, grad []*Tensor) []*Tensor {
	return []*Tensor{grad[0], sumTo(grad[0], in[1])}
}

// Add is t + b, b repeated over t's leading axes.
func (t *Tensor) Add(b *Tensor) *Tensor { return one(Add{}, t, b) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Add{}, In: Draw(Normal(3, 17), Normal(3, 17))},
			{Op: Add{}, In: Draw(Normal(2, 3, 5), Normal(5))},
			{Op: Add{}, In: Draw(Normal(4, 1), Normal())},
			{Op: Add{}, In: Draw(Normal(), Normal())},
			{Op: Add{}, In: Draw(Normal(64, 16, 16, 64), Normal(64)), Big: true},
			{Op: Add{}, In: Draw(Normal(3, 17), Normal(3)), Err: "no suffix"},
			{Op: Add{}, In: Draw(Normal(3), Ints(0, 3, 3)), Err: "no float"},
		}
	})
}
