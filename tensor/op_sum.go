package tensor

import "fmt"

// Sum adds over all axes but the last Keep; the result is wide.
type Sum struct{ Keep int }

// Infer wants x, a float with at least Keep axes.
func (o Sum) Infer(in []Spec) ([]Spec, error) {
	if _, err := like(1, in); err != nil {
		return nil, err
	}
	lead := len(in[0].Shape) - o.Keep
	if o.Keep < 0 || lead < 0 {
		return nil, fmt.Errorf("cannot keep %d axes of %d", o.Keep, len(in[0].Shape))
	}
	return []Spec{{in[0].DType.Wide(), in[0].Shape[lead:]}}, nil
}

// Columns marks a reduction to trailing axes.
func (Sum) Columns() {}

// Eval adds row by row.
func (Sum) Eval(out, in []Array) {
	y := out[0].Data
	clear(y)
	for x := in[0].Data; len(x) > 0 && len(y) > 0; x = x[len(y):] {
		for j, v := range x[:len(y)] {
			y[j] += v
		}
	}
}

// VJP: dx = dy, repeated.
func (Sum) VJP(in, _, grad []*Tensor) []*Tensor {
	return []*Tensor{upstream(grad, in[0]).Spread(in[0])}
}

// Sum adds over all axes but the last keep, in the wide dtype.
func (t *Tensor) Sum(keep int) *Tensor { return one(Sum{keep}, t) }

// Mean is the mean of all elements, in the wide dtype.
func (t *Tensor) Mean() *Tensor { return t.Sum(0).Scale(1 / float64(t.Shape.Size())) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Sum{0}, In: Draw(Normal(3, 17))},
			{Op: Sum{1}, In: Draw(Normal(2, 3, 5))},
			{Op: Sum{2}, In: Draw(Normal(7, 3, 5))},
			{Op: Sum{1}, In: Draw(Normal(33, 1))},
			{Op: Sum{0}, In: Draw(Normal())},
			{Op: Sum{1}, In: Draw(Normal(1, 65))},
			{Op: Sum{1}, In: Draw(Normal(64, 16, 16, 64)), Big: true},
			{Op: Sum{3}, In: Draw(Normal(3, 17)), Err: "cannot keep 3 axes of 2"},
		}
	})
}
