package tensor

import "fmt"

// MaxPoolGrad is MaxPool's gradient, by gathering: dy [n,p,q,c], arg U8 of that shape → [n,H,W,c].
type MaxPoolGrad struct {
	MaxPool
	H, W int
}

// Infer wants dy and arg of one shape, and that H×W gives their map.
func (o MaxPoolGrad) Infer(in []Spec) ([]Spec, error) {
	if err := ranks(in, 4, 4); err != nil {
		return nil, err
	}
	if in[1].DType != U8 {
		return nil, fmt.Errorf("places are %v, want U8", in[1].DType)
	}
	dy := in[0].Shape
	x := Of(in[0].DType, dy[0], o.H, o.W, dy[3])
	pooled, err := o.MaxPool.Infer([]Spec{x})
	if err != nil {
		return nil, err
	}
	for _, s := range in {
		if !s.Equal(Spec{s.DType, pooled[0].Shape}) {
			return nil, fmt.Errorf("shape is %v, want %v", s.Shape, pooled[0].Shape)
		}
	}
	return []Spec{x}, nil
}

// Eval adds to each place what the windows that chose it pass down.
func (o MaxPoolGrad) Eval(out, in []Array) {
	dx, dy, arg := out[0].Data, in[0].Data, in[1].Data
	clear(dx)
	c := in[0].Shape[3]
	window := Shape{1, o.Size, o.Size, c}
	(Conv2D{o.Stride, o.Pad}).taps(out[0].Shape, window, in[0].Shape, func(xi, wi, yi, n int) {
		for j := range n {
			if at := yi + j%c; arg[at] == float64(wi/c+j/c) {
				dx[xi+j] += dy[at]
			}
		}
	})
}

// VJP gives none: no second derivatives.
func (MaxPoolGrad) VJP(_, _, _ []*Tensor) []*Tensor { return nil }

func init() {
	Register(func() []Case {
		return poolCases(func(o MaxPool, x, y Shape) (Op, []Array) {
			pooled := []Array{NewArray(Spec{F32, y}), NewArray(Spec{U8, y})}
			o.Eval(pooled, Draw(Distinct(x...)))
			return MaxPoolGrad{o, x[1], x[2]}, append(Draw(Normal(y...)), pooled[1])
		})
	})
}
