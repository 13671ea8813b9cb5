package tensor

import "fmt"

// Reshape gives the same elements another shape.
type Reshape struct{ To Dims }

// Infer wants x of any dtype with as many elements as To.
func (o Reshape) Infer(in []Spec) ([]Spec, error) {
	if err := count(1, in); err != nil {
		return nil, err
	}
	if o.To.N < 0 || o.To.N > MaxRank {
		return nil, fmt.Errorf("rank %d, want 0 to %d", o.To.N, MaxRank)
	}
	to := o.To.Shape()
	for _, d := range to {
		if d < 0 {
			return nil, fmt.Errorf("shape %v has a negative axis", to)
		}
	}
	if to.Size() != in[0].Shape.Size() {
		return nil, fmt.Errorf("%d elements do not fill shape %v", in[0].Shape.Size(), to)
	}
	return []Spec{{in[0].DType, to}}, nil
}

// Offset is 0: all elements.
func (Reshape) Offset(Spec) int { return 0 }

// Eval copies.
func (Reshape) Eval(out, in []Array) { copy(out[0].Data, in[0].Data) }

// VJP: dy in x's shape.
func (Reshape) VJP(in, _, grad []*Tensor) []*Tensor {
	return []*Tensor{grad[0].Reshape(in[0].Shape...)}
}

// Reshape is t's elements in another shape; no copy.
func (t *Tensor) Reshape(shape ...int) *Tensor { return one(Reshape{DimsOf(shape...)}, t) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Reshape{DimsOf(17, 3)}, In: Draw(Normal(3, 17))},
			{Op: Reshape{DimsOf()}, In: Draw(Normal(1, 1))},
			{Op: Reshape{DimsOf(2, 3, 4)}, In: Draw(Normal(24))},
			{Op: Reshape{DimsOf(6)}, In: Draw(Ints(0, 9, 2, 3))},
			{Op: Reshape{DimsOf(5)}, In: Draw(Normal(2, 3)), Err: "6 elements do not fill shape [5]"},
		}
	})
}
