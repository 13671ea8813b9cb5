package tensor

import "errors"

// AvgPoolGrad is AvgPool's gradient: dy [n,c] → [n,H,W,c], each element dy/(H·W).
type AvgPoolGrad struct{ H, W int }

// Infer wants dy, a float.
func (o AvgPoolGrad) Infer(in []Spec) ([]Spec, error) {
	if err := ranks(in, 2); err != nil {
		return nil, err
	}
	if o.H < 1 || o.W < 1 {
		return nil, errors.New("maps are empty")
	}
	return []Spec{Of(in[0].DType, in[0].Shape[0], o.H, o.W, in[0].Shape[1])}, floats(in...)
}

// Eval repeats each row.
func (o AvgPoolGrad) Eval(out, in []Array) {
	dx, c := out[0].Data, in[0].Shape[1]
	for i := range in[0].Shape[0] * o.H * o.W {
		for j, v := range in[0].Data[i/(o.H*o.W)*c:][:c] {
			dx[i*c+j] = v / float64(o.H*o.W)
		}
	}
}

// VJP: AvgPool, since the op is linear and its own adjoint.
func (AvgPoolGrad) VJP(in, _, grad []*Tensor) []*Tensor {
	return []*Tensor{upstream(grad, in[0]).AvgPool()}
}

func init() {
	Register(func() []Case {
		return []Case{
			{Op: AvgPoolGrad{4, 4}, In: Draw(Normal(2, 17))},
			{Op: AvgPoolGrad{1, 1}, In: Draw(Normal(3, 5))},
			{Op: AvgPoolGrad{7, 7}, In: Draw(Normal(1, 1))},
			{Op: AvgPoolGrad{3, 5}, In: Draw(Normal(2, 33))},
			{Op: AvgPoolGrad{3, 5}, In: Draw(Normal(0, 3))},
		}
	})
}
