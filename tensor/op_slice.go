package tensor

import "fmt"

// Slice is rows From to To (exclusive) of axis 0.
type Slice struct{ From, To int }

// Infer wants x of any dtype with at least To rows.
func (o Slice) Infer(in []Spec) ([]Spec, error) {
	if err := count(1, in); err != nil {
		return nil, err
	}
	if len(in[0].Shape) == 0 || o.From < 0 || o.To < o.From || o.To > in[0].Shape[0] {
		return nil, fmt.Errorf("rows %d to %d are not in shape %v", o.From, o.To, in[0].Shape)
	}
	return []Spec{{in[0].DType, append(Shape{o.To - o.From}, in[0].Shape[1:]...)}}, nil
}

// Offset is where row From begins.
func (o Slice) Offset(in Spec) int { return o.From * in.DType.Size() * in.Shape[1:].Size() }

// Eval copies the rows.
func (o Slice) Eval(out, in []Array) {
	copy(out[0].Data, in[0].Data[o.From*in[0].Shape[1:].Size():])
}

// VJP: Unslice.
func (o Slice) VJP(in, _, grad []*Tensor) []*Tensor {
	return []*Tensor{one(Unslice{o.From, in[0].Shape[0]}, grad[0])}
}

// Slice is rows from to to (exclusive) of t; no copy.
func (t *Tensor) Slice(from, to int) *Tensor { return one(Slice{from, to}, t) }

// Row is row i of t, without its first axis; no copy.
func (t *Tensor) Row(i int) *Tensor { return t.Slice(i, i+1).Reshape(t.Shape[1:]...) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Slice{1, 3}, In: Draw(Normal(3, 17))},
			{Op: Slice{0, 1}, In: Draw(Normal(5))},
			{Op: Slice{0, 1}, In: Draw(Normal(1, 3))},
			{Op: Slice{2, 2}, In: Draw(Normal(4, 3))},
			{Op: Slice{1, 4}, In: Draw(Ints(0, 9, 4, 2, 3))},
			{Op: Slice{3, 5}, In: Draw(Normal(4, 3)), Err: "rows 3 to 5"},
		}
	})
}
