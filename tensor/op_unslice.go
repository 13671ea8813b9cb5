package tensor

import "fmt"

// Unslice is Slice's gradient: x as rows from From on of Rows, zero elsewhere.
type Unslice struct{ From, Rows int }

// Infer wants x of any dtype whose rows fit.
func (o Unslice) Infer(in []Spec) ([]Spec, error) {
	if err := count(1, in); err != nil {
		return nil, err
	}
	if len(in[0].Shape) == 0 || o.From < 0 || o.From+in[0].Shape[0] > o.Rows {
		return nil, fmt.Errorf("shape %v does not fit at row %d of %d", in[0].Shape, o.From, o.Rows)
	}
	return []Spec{{in[0].DType, append(Shape{o.Rows}, in[0].Shape[1:]...)}}, nil
}

// Eval copies the rows into zeros.
func (o Unslice) Eval(out, in []Array) {
	clear(out[0].Data)
	copy(out[0].Data[o.From*in[0].Shape[1:].Size():], in[0].Data)
}

// VJP: Slice.
func (o Unslice) VJP(in, _, grad []*Tensor) []*Tensor {
	return []*Tensor{grad[0].Slice(o.From, o.From+in[0].Shape[0])}
}

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Unslice{1, 5}, In: Draw(Normal(3, 17))},
			{Op: Unslice{0, 1}, In: Draw(Normal(1))},
			{Op: Unslice{2, 3}, In: Draw(Normal(1, 2, 3))},
			{Op: Unslice{4, 9}, In: Draw(Normal(0, 3))},
			{Op: Unslice{0, 7}, In: Draw(Ints(0, 9, 4, 2))},
			{Op: Unslice{2, 4}, In: Draw(Normal(3, 17)), Err: "does not fit at row 2 of 4"},
		}
	})
}
