package tensor

import (
	"fmt"
	"slices"
)

// RowDot is the dot product of each row: a, b [n,d] → [n], wide.
type RowDot struct{}

// Infer wants a and b of one shape and float dtype.
func (RowDot) Infer(in []Spec) ([]Spec, error) {
	if err := ranks(in, 2, 2); err != nil {
		return nil, err
	}
	if !slices.Equal(in[0].Shape, in[1].Shape) {
		return nil, fmt.Errorf("shapes %v and %v differ", in[0].Shape, in[1].Shape)
	}
	return []Spec{{in[0].DType.Wide(), in[0].Shape[:1:1]}}, floats(in...)
}

// Eval adds the products of each row.
func (RowDot) Eval(out, in []Array) {
	d := in[0].Shape[1]
	for i := range out[0].Data {
		out[0].Data[i] = dot(in[0].Data[i*d:][:d], in[1].Data[i*d:][:d])
	}
}

// dot is Σ a·b.
func dot(a, b []float64) float64 {
	sum := 0.0
	b = b[:len(a)]
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

// VJP: da = dy·b by rows, db = dy·a by rows.
func (RowDot) VJP(in, _, grad []*Tensor) []*Tensor {
	dy := upstream(grad, in[0])
	return []*Tensor{in[1].RowMul(dy), in[0].RowMul(dy)}
}

// RowDot is the dot product of each row of t with that of b.
func (t *Tensor) RowDot(b *Tensor) *Tensor { return one(RowDot{}, t, b) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: RowDot{}, In: Draw(Normal(3, 17), Normal(3, 17))},
			{Op: RowDot{}, In: Draw(Normal(5, 1), Normal(5, 1))},
			{Op: RowDot{}, In: Draw(Normal(1, 33), Normal(1, 33))},
			{Op: RowDot{}, In: Draw(Normal(2, 64), Normal(2, 64))},
			{Op: RowDot{}, In: Draw(Normal(9, 5), Normal(9, 5))},
			{Op: RowDot{}, In: Draw(Normal(3, 4), Normal(4, 3)), Err: "differ"},
		}
	})
}
