package tensor

import (
	"fmt"
	"slices"
)

// RowMul is x with row i times r[i]: x [n,d], r [n] → [n,d].
type RowMul struct{}

// Infer wants x and r, of one float dtype.
func (RowMul) Infer(in []Spec) ([]Spec, error) {
	if err := ranks(in, 2, 1); err != nil {
		return nil, err
	}
	if !slices.Equal(in[0].Shape[:1], in[1].Shape) {
		return nil, fmt.Errorf("%d factors for %d rows", in[1].Shape[0], in[0].Shape[0])
	}
	return in[:1], floats(in...)
}

// Eval multiplies row by row.
func (RowMul) Eval(out, in []Array) {
	d := in[0].Shape[1]
	for i, r := range in[1].Data {
		for j, v := range in[0].Data[i*d:][:d] {
			out[0].Data[i*d+j] = v * r
		}
	}
}

// VJP: dx = dy·r by rows, dr = dy·x summed over rows.
func (RowMul) VJP(in, _, grad []*Tensor) []*Tensor {
	dy := upstream(grad, in[0])
	return []*Tensor{dy.RowMul(in[1]), dy.RowDot(in[0]).Cast(in[1].DType)}
}

// RowMul is t with each row times its element of r.
func (t *Tensor) RowMul(r *Tensor) *Tensor { return one(RowMul{}, t, r) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: RowMul{}, In: Draw(Normal(3, 17), Normal(3))},
			{Op: RowMul{}, In: Draw(Normal(5, 1), Normal(5))},
			{Op: RowMul{}, In: Draw(Normal(1, 33), Normal(1))},
			{Op: RowMul{}, In: Draw(Normal(2, 64), Normal(2))},
			{Op: RowMul{}, In: Draw(Normal(9, 5), Normal(9))},
			{Op: RowMul{}, In: Draw(Normal(3, 4), Normal(4)), Err: "4 factors for 3 rows"},
		}
	})
}
