package tensor

import (
	"errors"
	"fmt"
)

// MaxPool takes the largest element of each window: x [n,h,w,c] → y [n,p,q,c] and arg, U8 of y's
// shape, its place r·Size + s in the window. The first of ties wins, a NaN wins over all, and the
// border is never chosen.
type MaxPool struct{ Size, Stride, Pad int }

// Infer wants x, a float.
func (o MaxPool) Infer(in []Spec) ([]Spec, error) {
	if err := ranks(in, 4); err != nil {
		return nil, err
	}
	if o.Size < 1 || o.Size > 15 || 2*o.Pad > o.Size || o.Stride < 1 {
		return nil, fmt.Errorf("window %d, stride %d, pad %d: want a window of 1 to 15, a stride and at most half a window of pad",
			o.Size, o.Stride, o.Pad)
	}
	x := in[0].Shape
	if x[1]*x[2] == 0 {
		return nil, errors.New("maps are empty")
	}
	p, q, err := Conv2D{o.Stride, o.Pad}.mapSize(x[1], x[2], o.Size, o.Size)
	if err != nil {
		return nil, err
	}
	y := Shape{x[0], p, q, x[3]}
	return []Spec{{in[0].DType, y}, {U8, y}}, floats(in...)
}

// Eval walks each window in order.
func (o MaxPool) Eval(out, in []Array) {
	x, y, arg := in[0].Data, out[0].Data, out[1].Data
	c := in[0].Shape[3]
	for i := range arg {
		arg[i] = -1
	}
	window := Shape{1, o.Size, o.Size, c}
	(Conv2D{o.Stride, o.Pad}).taps(in[0].Shape, window, out[0].Shape, func(xi, wi, yi, n int) {
		for j := range n {
			at := yi + j%c
			if v := x[xi+j]; arg[at] < 0 || beats(v, y[at]) {
				y[at], arg[at] = v, float64(wi/c+j/c)
			}
		}
	})
}

// VJP: MaxPoolGrad.
func (o MaxPool) VJP(in, out, grad []*Tensor) []*Tensor {
	return []*Tensor{one(MaxPoolGrad{MaxPool: o, H: in[0].Shape[1], W: in[0].Shape[2]}, upstream(grad, in[0]), out[1])}
}

// MaxPool is the largest element of each window of t.
func (t *Tensor) MaxPool(o MaxPool) *Tensor { return one(o, t) }

func poolCases(make func(o MaxPool, x, y Shape) (Op, []Array)) []Case {
	var cases []Case
	for _, c := range []struct {
		x Shape
		o MaxPool
	}{
		{Shape{2, 6, 6, 3}, MaxPool{2, 2, 0}},
		{Shape{1, 7, 5, 17}, MaxPool{3, 2, 1}},
		{Shape{2, 5, 5, 1}, MaxPool{3, 1, 1}},
		{Shape{1, 8, 8, 33}, MaxPool{2, 3, 1}},
		{Shape{1, 1, 1, 4}, MaxPool{1, 1, 0}},
		{Shape{0, 4, 4, 4}, MaxPool{2, 2, 0}},
	} {
		p, q, err := Conv2D{c.o.Stride, c.o.Pad}.mapSize(c.x[1], c.x[2], c.o.Size, c.o.Size)
		if err != nil {
			panic(err)
		}
		op, in := make(c.o, c.x, Shape{c.x[0], p, q, c.x[3]})
		cases = append(cases, Case{Op: op, In: in})
	}
	return cases
}

func init() {
	Register(func() []Case {
		return append(poolCases(func(o MaxPool, x, _ Shape) (Op, []Array) {
			return o, Draw(Distinct(x...))
		}),
			Case{Name: "ties", Kink: true, Op: MaxPool{2, 2, 0}, In: Draw(Exactly(F32, Shape{1, 2, 2, 1}, 3, 5, 5, 5))},
			Case{Op: MaxPool{2, 1, 1}, In: Draw(Normal(1, 0, 4, 1)), Err: "empty"},
			Case{Op: MaxPool{2, 2, 2}, In: Draw(Normal(1, 4, 4, 1)), Err: "half a window"})
	})
}
