package tensor

import "fmt"

// Spread is b repeated over x's shape; x's elements are ignored. Both have any one dtype.
type Spread struct{}

// Infer wants x and b.
func (Spread) Infer(in []Spec) ([]Spec, error) {
	if err := fits(2, in); err != nil {
		return nil, err
	}
	if in[0].DType != in[1].DType {
		return nil, fmt.Errorf("inputs are %v and %v, want one dtype", in[0].DType, in[1].DType)
	}
	return in[:1], nil
}

// At is b.
func (Spread) At(x []float64) float64 { return x[1] }

// Eval is At of each element.
func (o Spread) Eval(out, in []Array) { pointwise(o, out, in) }

// VJP: db = Σdy.
func (Spread) VJP(in, _, grad []*Tensor) []*Tensor {
	if !in[1].DType.Float() {
		return nil
	}
	return []*Tensor{nil, sumTo(grad[0], in[1])}
}

// Spread is t repeated over the shape of full.
func (t *Tensor) Spread(full *Tensor) *Tensor { return one(Spread{}, full, t) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Spread{}, In: Draw(Normal(3, 17), Normal(17))},
			{Op: Spread{}, In: Draw(Normal(2, 3, 5), Normal())},
			{Op: Spread{}, In: Draw(Normal(2, 3, 5), Normal(3, 5))},
			{Op: Spread{}, In: Draw(Normal(7, 1), Normal(1))},
			{Op: Spread{}, In: Draw(Ints(0, 9, 4, 33), Ints(0, 9, 33))},
		}
	})
}
