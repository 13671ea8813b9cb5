package tensor

import "fmt"

// Select is a where cond is not 0, else b. Inputs: a, b of any one dtype, cond U8.
type Select struct{}

// Infer wants a, b and cond.
func (Select) Infer(in []Spec) ([]Spec, error) {
	if err := fits(3, in); err != nil {
		return nil, err
	}
	if in[0].DType != in[1].DType {
		return nil, fmt.Errorf("choices are %v and %v, want one dtype", in[0].DType, in[1].DType)
	}
	if in[2].DType != U8 {
		return nil, fmt.Errorf("condition is %v, want U8", in[2].DType)
	}
	return in[:1], nil
}

// At is a where cond is not 0.
func (Select) At(x []float64) float64 {
	if x[2] != 0 {
		return x[0]
	}
	return x[1]
}

// Eval is At of each element.
func (o Select) Eval(out, in []Array) { pointwise(o, out, in) }

// VJP: da = dy where cond, db = Σdy where not.
func (Select) VJP(in, _, grad []*Tensor) []*Tensor {
	dy, cond := upstream(grad, in[0]), in[2]
	zero := dy.Fill(0)
	return []*Tensor{dy.Select(cond, zero), sumTo(zero.Select(cond, dy), in[1]), nil}
}

// Select is t where cond (U8) is not 0, else other.
func (t *Tensor) Select(cond, other *Tensor) *Tensor { return one(Select{}, t, other, cond) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Select{}, In: Draw(Normal(3, 17), Normal(3, 17), Mask(3, 17))},
			{Op: Select{}, In: Draw(Normal(2, 3, 5), Normal(5), Mask())},
			{Op: Select{}, In: Draw(Normal(6), Normal(), Mask(6))},
			{Op: Select{}, In: Draw(Ints(-9, 9, 33), Ints(-9, 9, 33), Mask(33))},
			{Op: Select{}, In: Draw(Mask(2, 5), Mask(2, 5), Mask(5))},
			{Op: Select{}, In: Draw(Normal(3), Normal(3), Ints(0, 2, 3)), Err: "want U8"},
		}
	})
}
