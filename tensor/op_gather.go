package tensor

import "fmt"

// Gather takes rows: rows [m,d] of any dtype, index I32 [n] → [n,d]. Index -1 gives zeros.
type Gather struct{ NoGrad }

// Infer wants rows and index.
func (Gather) Infer(in []Spec) ([]Spec, error) {
	if err := ranks(in, 2, 1); err != nil {
		return nil, err
	}
	if in[1].DType != I32 {
		return nil, fmt.Errorf("index is %v, want I32", in[1].DType)
	}
	return []Spec{Of(in[0].DType, in[1].Shape[0], in[0].Shape[1])}, nil
}

// Eval copies row by row.
func (Gather) Eval(out, in []Array) {
	d := in[0].Shape[1]
	for i, at := range in[1].Data {
		row := out[0].Data[i*d:][:d]
		if at < 0 {
			clear(row)
			continue
		}
		copy(row, in[0].Data[int(at)*d:])
	}
}

// Gather is the rows of t at index (I32 [n]); -1 gives zeros.
func (t *Tensor) Gather(index *Tensor) *Tensor { return one(Gather{}, t, index) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Gather{}, In: Draw(Normal(9, 17), Ints(-1, 9, 5))},
			{Op: Gather{}, In: Draw(Normal(3, 1), Ints(0, 3, 7))},
			{Op: Gather{}, In: Draw(Ints(0, 99, 6, 4), Ints(-1, 6, 33))},
			{Op: Gather{}, In: Draw(Normal(3, 2), Normal(7)), Err: "want I32"},
		}
	})
}
