package tensor

import "fmt"

// Conv2DGradX is the convolution's gradient in x: dy [n,p,q,k], w [k,r,s,c] → [n,H,W,c].
type Conv2DGradX struct {
	Conv2D
	H, W int
}

// Infer wants dy and w, of one float dtype, and that H×W gives dy's map.
func (o Conv2DGradX) Infer(in []Spec) ([]Spec, error) {
	if err := ranks(in, 4, 4); err != nil {
		return nil, err
	}
	dy, w := in[0].Shape, in[1].Shape
	p, q, err := o.mapSize(o.H, o.W, w[1], w[2])
	switch {
	case err != nil:
		return nil, err
	case p != dy[1] || q != dy[2]:
		return nil, fmt.Errorf("gradient's map is %dx%d, want %dx%d", dy[1], dy[2], p, q)
	case dy[3] != w[0]:
		return nil, fmt.Errorf("gradient has %d channels, there are %d filters", dy[3], w[0])
	}
	return []Spec{Of(in[0].DType, dy[0], o.H, o.W, w[3])}, floats(in...)
}

// Eval spreads each element of dy over the filter.
func (o Conv2DGradX) Eval(out, in []Array) {
	clear(out[0].Data)
	dx, w, dy := out[0].Data, in[1].Data, in[0].Data
	size := in[1].Shape[1:].Size()
	o.taps(out[0].Shape, in[1].Shape, in[0].Shape, func(xi, wi, yi, n int) {
		for k := range in[1].Shape[0] {
			addScaled(dx[xi:][:n], dy[yi+k], w[k*size+wi:][:n])
		}
	})
}

// VJP gives none: no second derivatives.
func (Conv2DGradX) VJP(_, _, _ []*Tensor) []*Tensor { return nil }

func init() {
	Register(func() []Case {
		return convCases(func(o Conv2D, x, w, y Shape) (Op, []Array) {
			return Conv2DGradX{o, x[1], x[2]}, Draw(Normal(y...), Normal(w...))
		})
	})
}
