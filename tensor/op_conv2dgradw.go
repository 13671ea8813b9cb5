package tensor

import "fmt"

// Conv2DGradW is the convolution's gradient in w: dy [n,p,q,k], x [n,h,w,c] → [k,R,S,c], wide.
type Conv2DGradW struct {
	Conv2D
	R, S int
}

// Infer wants dy and x, of one float dtype, and that R×S filters on x give dy's map.
func (o Conv2DGradW) Infer(in []Spec) ([]Spec, error) {
	if err := ranks(in, 4, 4); err != nil {
		return nil, err
	}
	dy, x := in[0].Shape, in[1].Shape
	p, q, err := o.mapSize(x[1], x[2], o.R, o.S)
	switch {
	case err != nil:
		return nil, err
	case p != dy[1] || q != dy[2]:
		return nil, fmt.Errorf("gradient's map is %dx%d, want %dx%d", dy[1], dy[2], p, q)
	case dy[0] != x[0]:
		return nil, fmt.Errorf("gradient has %d images, input %d", dy[0], x[0])
	}
	return []Spec{Of(in[0].DType.Wide(), dy[3], o.R, o.S, x[3])}, floats(in...)
}

// Eval adds each element of dy times the window it came from.
func (o Conv2DGradW) Eval(out, in []Array) {
	clear(out[0].Data)
	dw, x, dy := out[0].Data, in[1].Data, in[0].Data
	size := out[0].Shape[1:].Size()
	o.taps(in[1].Shape, out[0].Shape, in[0].Shape, func(xi, wi, yi, n int) {
		for k := range out[0].Shape[0] {
			addScaled(dw[k*size+wi:][:n], dy[yi+k], x[xi:][:n])
		}
	})
}

// VJP gives none: no second derivatives.
func (Conv2DGradW) VJP(_, _, _ []*Tensor) []*Tensor { return nil }

func init() {
	Register(func() []Case {
		return convCases(func(o Conv2D, x, w, y Shape) (Op, []Array) {
			return Conv2DGradW{o, w[1], w[2]}, Draw(Normal(y...), Normal(x...))
		})
	})
}
