package tensor

import "errors"

// AvgPool is the mean over each map: x [n,h,w,c] → [n,c].
type AvgPool struct{}

// Infer wants x, a float with maps that are not empty.
func (AvgPool) Infer(in []Spec) ([]Spec, error) {
	if err := ranks(in, 4); err != nil {
		return nil, err
	}
	x := in[0].Shape
	if x[1]*x[2] == 0 {
		return nil, errors.New("maps are empty")
	}
	return []Spec{Of(in[0].DType, x[0], x[3])}, floats(in...)
}

// Eval adds row by row, then divides.
func (AvgPool) Eval(out, in []Array) {
	x, y := in[0].Data, out[0].Data
	clear(y)
	c, places := in[0].Shape[3], in[0].Shape[1]*in[0].Shape[2]
	for i := range in[0].Shape[0] * places {
		addScaled(y[i/places*c:][:c], 1, x[i*c:][:c])
	}
	for i := range y {
		y[i] /= float64(places)
	}
}

// VJP: AvgPoolGrad.
func (AvgPool) VJP(in, _, grad []*Tensor) []*Tensor {
	return []*Tensor{one(AvgPoolGrad{in[0].Shape[1], in[0].Shape[2]}, upstream(grad, in[0]))}
}

// AvgPool is the mean over each map of t.
func (t *Tensor) AvgPool() *Tensor { return one(AvgPool{}, t) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: AvgPool{}, In: Draw(Normal(2, 4, 4, 17))},
			{Op: AvgPool{}, In: Draw(Normal(3, 1, 1, 5))},
			{Op: AvgPool{}, In: Draw(Normal(1, 7, 7, 1))},
			{Op: AvgPool{}, In: Draw(Normal(2, 3, 5, 33))},
			{Op: AvgPool{}, In: Draw(Normal(0, 3, 5, 3))},
			{Op: AvgPool{}, In: Draw(Normal(2, 0, 5, 3)), Err: "empty"},
		}
	})
}
