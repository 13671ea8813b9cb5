package tensor

import "fmt"

// Equal is 1 where x = b, else 0, as U8. Both have any one dtype.
type Equal struct{ NoGrad }

// Infer wants x and b.
func (Equal) Infer(in []Spec) ([]Spec, error) {
	if err := fits(2, in); err != nil {
		return nil, err
	}
	if in[0].DType != in[1].DType {
		return nil, fmt.Errorf("inputs are %v and %v, want one dtype", in[0].DType, in[1].DType)
	}
	return []Spec{{U8, in[0].Shape}}, nil
}

// At is 1 where x = b.
func (Equal) At(x []float64) float64 {
	if x[0] == x[1] {
		return 1
	}
	return 0
}

// Eval is At of each element.
func (o Equal) Eval(out, in []Array) { pointwise(o, out, in) }

// Equal is 1 where t = b, else 0, as U8.
func (t *Tensor) Equal(b *Tensor) *Tensor { return one(Equal{}, t, b) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Equal{}, In: Draw(Ints(0, 3, 4, 9), Ints(0, 3, 4, 9))},
			{Op: Equal{}, In: Draw(Ints(0, 3, 4, 9), Ints(0, 3, 9))},
			{Op: Equal{}, In: Draw(Mask(17), Mask())},
			{Op: Equal{}, In: Draw(Exactly(F32, Shape{3}, 1, 2, 3), Exactly(F32, Shape{3}, 1, 0, 3))},
			{Op: Equal{}, In: Draw(Normal(3), Mask(3)), Err: "one dtype"},
		}
	})
}
