package backendtest

import "kith/tensor"

// formShapes are the convolutions that forms are built around: a 3x3 with tails everywhere, a 1x1,
// one with stride, and one that may take Winograd's way.
var formShapes = []conv{
	{2, 5, 6, 17, 19, 3, 3, 1, 1},
	{3, 7, 5, 33, 18, 1, 1, 1, 0},
	{1, 9, 7, 16, 32, 3, 3, 2, 1},
	{1, 7, 9, 64, 64, 3, 3, 1, 1},
}

// A former builds a form around convolution c with activations of dtype d.
type former struct {
	*body
	d tensor.DType
	c conv
}

// x is an activation before the convolution, y one behind it, in are the filters.
func (f *former) x() int { return f.input(tensor.Of(f.d, f.c.n, f.c.h, f.c.w, f.c.c)) }
func (f *former) w() int { return f.input(tensor.Of(f.d, f.c.k, f.c.r, f.c.s, f.c.c)) }
func (f *former) y() int {
	p := (f.c.h+2*f.c.pad-f.c.r)/f.c.stride + 1
	q := (f.c.w+2*f.c.pad-f.c.s)/f.c.stride + 1
	return f.input(tensor.Of(f.d, f.c.n, p, q, f.c.k))
}

// vector is a wide vector of channels.
func (f *former) vector(n int) int { return f.input(f32(n)) }

func (f *former) op() tensor.Conv2D { return tensor.Conv2D{Stride: f.c.stride, Pad: f.c.pad} }

// wide and narrow are the casts of a BF16 step; without them an F32 step is the same.
func (f *former) wide(v int) int {
	if f.spec(v).DType != tensor.BF16 {
		return v
	}
	return f.add(tensor.Cast{To: tensor.F32}, v)
}

func (f *former) narrow(v int) int {
	if f.d != tensor.BF16 {
		return v
	}
	return f.add(tensor.Cast{To: tensor.BF16}, v)
}

// norm is BatchNorm as arithmetic: (x-μ)·a + b.
func (f *former) norm(x, channels int) int {
	v := f.add(tensor.Sub{}, f.wide(x), f.vector(channels))
	v = f.add(tensor.Mul{}, v, f.vector(channels))
	return f.narrow(f.add(tensor.Add{}, v, f.vector(channels)))
}

// dz is BatchNorm's gradient: (dy - c·k - s)·a with c = z-μ.
func (f *former) dz(dy, z, channels int) int {
	c := f.add(tensor.Sub{}, f.wide(z), f.vector(channels))
	v := f.add(tensor.Sub{}, f.wide(dy), f.add(tensor.Mul{}, c, f.vector(channels)))
	v = f.add(tensor.Sub{}, v, f.vector(channels))
	return f.narrow(f.add(tensor.Mul{}, v, f.vector(channels)))
}

// sums is both column sums of BatchNorm's gradient: Σdy and Σdy·(z-μ).
func (f *former) sums(dy, z, channels int) {
	c := f.add(tensor.Sub{}, f.wide(z), f.vector(channels))
	f.leave(f.add(tensor.Sum{Keep: 1}, f.add(tensor.Mul{}, f.wide(dy), c)))
}

// moments lets v and its statistics leave.
func (f *former) moments(v int) {
	m := f.add(tensor.Moments{}, v)
	f.leave(v, m, m+1, m+2)
}

func (f *former) gradX(dy int) int {
	return f.add(tensor.Conv2DGradX{Conv2D: f.op(), H: f.c.h, W: f.c.w}, dy, f.w())
}

func (f *former) gradW(dy, x int) int {
	return f.add(tensor.Conv2DGradW{Conv2D: f.op(), R: f.c.r, S: f.c.s}, dy, x)
}

// decayed adds the second view's gradient and weight decay to dw, as an update wants it.
func (f *former) decayed(dw int) {
	s := f.spec(dw)
	decay := f.add(tensor.Scale{By: 1e-4}, f.input(s))
	f.leave(f.add(tensor.Add{}, f.add(tensor.Add{}, dw, f.input(s)), decay))
}

// formTable is the forms of architecture 9.4.
var formTable = []struct {
	name string
	make func(f *former)
}{
	{"apply-conv-moments", func(f *former) {
		f.moments(f.add(f.op(), f.add(tensor.ReLU{}, f.norm(f.x(), f.c.c)), f.w()))
	}},
	{"conv-moments", func(f *former) { f.moments(f.add(f.op(), f.x(), f.w())) }},
	{"stem", func(f *former) {
		image := f.narrow(f.input(f32(f.c.n, f.c.h, f.c.w, f.c.c)))
		f.moments(f.add(f.op(), image, f.w()))
	}},
	{"gradx-mask-sums", func(f *former) {
		dx := f.gradX(f.y())
		z := f.x()
		masked := f.add(tensor.ReLUGrad{}, dx, f.add(tensor.ReLU{}, f.norm(z, f.c.c)))
		f.leave(masked, f.add(tensor.Sum{Keep: 1}, f.wide(masked)))
		f.sums(masked, z, f.c.c)
	}},
	{"gradx-join", func(f *former) {
		joined := f.add(tensor.ReLUGrad{}, f.add(tensor.Add{}, f.gradX(f.y()), f.x()), f.x())
		f.leave(joined, f.add(tensor.Sum{Keep: 1}, f.wide(joined)))
		f.sums(joined, f.x(), f.c.c)
	}},
	{"gradx-join-downsample", func(f *former) {
		joined := f.add(tensor.ReLUGrad{}, f.add(tensor.Add{}, f.gradX(f.y()), f.x()), f.x())
		f.leave(joined, f.add(tensor.Sum{Keep: 1}, f.wide(joined)))
		f.sums(joined, f.x(), f.c.c)
		f.sums(joined, f.x(), f.c.c)
	}},
	{"apply-gradw", func(f *former) {
		f.leave(f.gradW(f.y(), f.add(tensor.ReLU{}, f.norm(f.x(), f.c.c))))
	}},
	{"apply-gradw-update", func(f *former) {
		f.decayed(f.gradW(f.y(), f.add(tensor.ReLU{}, f.norm(f.x(), f.c.c))))
	}},
	{"gradw-update", func(f *former) { f.decayed(f.gradW(f.y(), f.x())) }},
	{"dz-gradw-update", func(f *former) { f.decayed(f.gradW(f.dz(f.y(), f.y(), f.c.k), f.x())) }},
	{"dz", func(f *former) { f.leave(f.dz(f.x(), f.x(), f.c.c)) }},
	{"block", func(f *former) {
		f.leave(f.add(tensor.ReLU{}, f.add(tensor.Add{}, f.norm(f.x(), f.c.c), f.x())))
	}},
	{"block-downsample", func(f *former) {
		f.leave(f.add(tensor.ReLU{}, f.add(tensor.Add{}, f.norm(f.x(), f.c.c), f.norm(f.x(), f.c.c))))
	}},
	{"update-gated", func(f *former) {
		p := f.input(f32(f.c.k, f.c.c))
		f.leave(f.add(tensor.Select{}, f.add(tensor.Sub{}, p, f.input(f32(f.c.k, f.c.c))), p, f.input(u8())))
	}},
	{"update-momentum", func(f *former) {
		s := f32(f.c.k, f.c.c)
		u := f.add(tensor.Mul{}, f.input(s), f.input(f32()))
		u = f.add(tensor.Mul{}, u, f.input(f32()))
		f.leave(f.add(tensor.Add{}, f.add(tensor.Scale{By: 0.9}, f.input(s)), u))
	}},
	{"tail", func(f *former) { // a·γ of the next BatchNorm, right behind its Moments
		m := f.add(tensor.Moments{}, f.x())
		rest := f.add(tensor.Rsqrt{}, f.add(tensor.Shift{By: 1e-5}, m+1))
		f.leave(m, m+1, m+2, f.add(tensor.Mul{}, f.vector(f.c.c), rest))
	}},
}
