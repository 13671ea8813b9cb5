package tensor

import (
	"fmt"
	"slices"
)

// Concat joins any number of tensors along axis 0.
type Concat struct{}

// Infer wants inputs of one dtype, equal but for axis 0.
func (Concat) Infer(in []Spec) ([]Spec, error) {
	if len(in) == 0 {
		return nil, errNone
	}
	rows := 0
	for _, s := range in {
		if len(s.Shape) == 0 || s.DType != in[0].DType || !slices.Equal(s.Shape[1:], in[0].Shape[1:]) {
			return nil, fmt.Errorf("%v does not continue %v", s, in[0])
		}
		rows += s.Shape[0]
	}
	return []Spec{{in[0].DType, append(Shape{rows}, in[0].Shape[1:]...)}}, nil
}

// Eval copies one after the other.
func (Concat) Eval(out, in []Array) {
	y := out[0].Data
	for _, a := range in {
		y = y[copy(y, a.Data):]
	}
}

// VJP: each input's rows of dy.
func (Concat) VJP(in, _, grad []*Tensor) []*Tensor {
	dx, from := make([]*Tensor, len(in)), 0
	for i, x := range in {
		dx[i] = grad[0].Slice(from, from+x.Shape[0])
		from += x.Shape[0]
	}
	return dx
}

// Join is all tensors, one after the other along axis 0.
func Join(ts ...*Tensor) *Tensor { return one(Concat{}, ts...) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Concat{}, In: Draw(Normal(3, 17), Normal(2, 17))},
			{Op: Concat{}, In: Draw(Normal(1), Normal(5), Normal(2))},
			{Op: Concat{}, In: Draw(Normal(2, 3, 4))},
			{Op: Concat{}, In: Draw(Normal(0, 3), Normal(4, 3))},
			{Op: Concat{}, In: Draw(Ints(0, 9, 3, 2), Ints(0, 9, 1, 2))},
			{Op: Concat{}, In: Draw(Normal(3, 17), Normal(2, 16)), Err: "does not continue"},
		}
	})
}
