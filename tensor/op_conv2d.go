package tensor

import "fmt"

// Conv2D slides filters over maps: x [n,h,w,c], w [k,r,s,c] → [n,p,q,k], with
// p = (h + 2·Pad - r)/Stride + 1. Stride 0 means 1.
type Conv2D struct{ Stride, Pad int }

// Infer wants x and w, of one float dtype.
func (o Conv2D) Infer(in []Spec) ([]Spec, error) {
	if err := ranks(in, 4, 4); err != nil {
		return nil, err
	}
	x, w := in[0].Shape, in[1].Shape
	if x[3] != w[3] {
		return nil, fmt.Errorf("input has %d channels, filter expects %d", x[3], w[3])
	}
	p, q, err := o.mapSize(x[1], x[2], w[1], w[2])
	if err != nil {
		return nil, err
	}
	return []Spec{Of(in[0].DType, x[0], p, q, w[0])}, floats(in...)
}

// mapSize is the size of the output map.
func (o Conv2D) mapSize(h, w, r, s int) (p, q int, err error) {
	if o.Stride < 0 || o.Pad < 0 {
		return 0, 0, fmt.Errorf("stride %d and pad %d, want no negative ones", o.Stride, o.Pad)
	}
	if r < 1 || s < 1 || h+2*o.Pad < r || w+2*o.Pad < s {
		return 0, 0, fmt.Errorf("filter %dx%d does not fit map %dx%d with pad %d", r, s, h, w, o.Pad)
	}
	return (h+2*o.Pad-r)/o.step() + 1, (w+2*o.Pad-s)/o.step() + 1, nil
}

func (o Conv2D) step() int { return max(o.Stride, 1) }

// taps calls f for each output place and filter row that meets the map: x, w and y are the
// offsets of the first channel, and n elements of x and w are contiguous and belong together:
// the filter columns inside the map, times the channels. w counts within one filter.
func (o Conv2D) taps(x, filter, y Shape, f func(x, w, y, n int)) {
	for i := range y[0] {
		for p := range y[1] {
			for q := range y[2] {
				left := q*o.step() - o.Pad
				s0, s1 := max(0, -left), min(filter[2], x[2]-left)
				for r := range filter[1] {
					h := p*o.step() - o.Pad + r
					if h < 0 || h >= x[1] || s0 >= s1 {
						continue
					}
					f(((i*x[1]+h)*x[2]+left+s0)*x[3], (r*filter[2]+s0)*x[3],
						((i*y[1]+p)*y[2]+q)*y[3], (s1-s0)*x[3])
				}
			}
		}
	}
}

// Eval adds a dot product per filter row.
func (o Conv2D) Eval(out, in []Array) {
	clear(out[0].Data)
	x, w, y := in[0].Data, in[1].Data, out[0].Data
	size := in[1].Shape[1:].Size()
	o.taps(in[0].Shape, in[1].Shape, out[0].Shape, func(xi, wi, yi, n int) {
		for k := range in[1].Shape[0] {
			y[yi+k] += dot(x[xi:][:n], w[k*size+wi:][:n])
		}
	})
}

// VJP: Conv2DGradX and Conv2DGradW.
func (o Conv2D) VJP(in, _, grad []*Tensor) []*Tensor {
	x, w, dy := in[0], in[1], upstream(grad, in[0])
	return []*Tensor{
		one(Conv2DGradX{Conv2D: o, H: x.Shape[1], W: x.Shape[2]}, dy, w),
		one(Conv2DGradW{Conv2D: o, R: w.Shape[1], S: w.Shape[2]}, dy, x),
	}
}

// Conv2D is t convolved with filters w [k,r,s,c].
func (t *Tensor) Conv2D(w *Tensor, o Conv2D) *Tensor { return one(o, t, w) }

// convCases is one sweep for the three passes: op makes the op, in its inputs, from the shapes of
// x, w and y.
func convCases(make func(o Conv2D, x, w, y Shape) (Op, []Array)) []Case {
	var cases []Case
	for _, c := range []struct {
		n, h, w, c, k, r, s int
		o                   Conv2D
		big                 bool
	}{
		{2, 5, 5, 3, 4, 3, 3, Conv2D{1, 1}, false},
		{2, 7, 6, 2, 3, 3, 3, Conv2D{2, 1}, false},
		{1, 9, 9, 3, 2, 7, 7, Conv2D{2, 3}, false},
		{2, 4, 4, 5, 3, 1, 1, Conv2D{1, 0}, false},
		{2, 5, 5, 2, 3, 1, 1, Conv2D{2, 0}, false},
		{1, 2, 1, 1, 1, 3, 3, Conv2D{1, 1}, false}, // map smaller than the filter
		{1, 6, 7, 2, 2, 2, 3, Conv2D{4, 0}, false}, // stride larger than the filter
		{1, 4, 6, 1, 3, 4, 2, Conv2D{1, 2}, false}, // pad beyond half the filter
		{1, 5, 5, 17, 18, 3, 3, Conv2D{1, 1}, false},
		{0, 5, 5, 2, 2, 3, 3, Conv2D{1, 1}, false},
		{8, 16, 16, 64, 64, 3, 3, Conv2D{1, 1}, true},
		{8, 16, 16, 64, 128, 3, 3, Conv2D{2, 1}, true},
		{4, 32, 32, 3, 64, 7, 7, Conv2D{2, 3}, true},
		{8, 14, 14, 256, 64, 1, 1, Conv2D{1, 0}, true},
	} {
		x, w := Shape{c.n, c.h, c.w, c.c}, Shape{c.k, c.r, c.s, c.c}
		p, q, err := c.o.mapSize(c.h, c.w, c.r, c.s)
		if err != nil {
			panic(err)
		}
		op, in := make(c.o, x, w, Shape{c.n, p, q, c.k})
		cases = append(cases, Case{Op: op, In: in, Big: c.big})
	}
	return cases
}

func init() {
	Register(func() []Case {
		return append(convCases(func(o Conv2D, x, w, _ Shape) (Op, []Array) {
			return o, Draw(Normal(x...), Normal(w...))
		}),
			Case{Op: Conv2D{1, 0}, In: Draw(Normal(1, 2, 5, 3), Normal(4, 3, 3, 3)), Err: "does not fit"},
			Case{Op: Conv2D{1, 1}, In: Draw(Normal(1, 5, 5, 3), Normal(4, 3, 3, 2)), Err: "input has 3 channels, filter expects 2"})
	})
}
