package main

// most sets x to s where x < s: so a NaN of x stays, and so does its -0. The machine's own maximum
// would make NaN and +0 of them.
func most(x, s, scratch vec) {
	above(scratch, s, x)
	where(x, s, scratch)
}

// least sets x to s where x > s.
func least(x, s, scratch vec) {
	above(scratch, x, s)
	where(x, s, scratch)
}

func arith() {
	for _, k := range []struct {
		name string
		op   func(dst, x, y vec)
	}{{"add", add}, {"sub", sub}, {"mul", mul}, {"div", div}} {
		pointwise(k.name, "func(dst, x, y []float32)", []string{"x", "y"}, 4, 2, nil, func(p place) {
			x, y := p.in(p.regs[0], 1), p.in(p.regs[1], 2)
			k.op(x, x, y)
			p.out(x, 0)
		})
	}
	const s = vec(31)
	scalar := func() {
		paramFloat("s", s)
		spreadFirst(s)
	}
	for _, k := range []struct {
		name string
		op   func(x, scratch vec)
	}{
		{"scale", func(x, _ vec) { mul(x, x, s) }},
		{"shift", func(x, _ vec) { add(x, x, s) }},
		{"atLeast", func(x, scratch vec) { most(x, s, scratch) }},
	} {
		pointwise(k.name, "func(dst, x []float32, s float32)", []string{"x"}, 4, 2, scalar, func(p place) {
			x := p.in(p.regs[0], 1)
			k.op(x, p.regs[1])
			p.out(x, 0)
		})
	}
	unary("sqrt", nil, func(x, _ vec) { sqrt(x, x) })
	unary("rsqrt", func() { spread(s, 0x3f800000) }, func(x, _ vec) {
		sqrt(x, x)
		div(x, s, x)
	})
	unary("relu", func() { zero(s) }, func(x, scratch vec) { most(x, s, scratch) })
	pointwise("reluGrad", "func(dst, dy, y []float32)", []string{"dy", "y"}, 4, 2, func() { zero(s) }, func(p place) {
		dy, y := p.in(p.regs[0], 1), p.in(p.regs[1], 2)
		above(y, y, s)
		and(dy, dy, y)
		p.out(dy, 0)
	})
	norms(s)
}

// norms emits BatchNorm's way forward, with and without a ReLU, and the gradient of that ReLU with the
// mask made on the way.
func norms(s vec) {
	for _, relu := range []bool{false, true} {
		name := "subMulAdd"
		if relu {
			name = "subMulAddMax"
		}
		pointwise(name, "func(dst, x, m, a, b []float32)", []string{"x", "m", "a", "b"}, 4, 4, func() { zero(s) }, func(p place) {
			x, mean, a, b := p.in(p.regs[0], 1), p.in(p.regs[1], 2), p.in(p.regs[2], 3), p.in(p.regs[3], 4)
			sub(x, x, mean)
			mul(x, x, a)
			add(x, x, b)
			if relu {
				most(x, s, a)
			}
			p.out(x, 0)
		})
	}
	pointwise("mulAddMask", "func(dst, dy, x, a, b []float32)", []string{"dy", "x", "a", "b"}, 4, 4, func() { zero(s) }, func(p place) {
		dy, x, a, b := p.in(p.regs[0], 1), p.in(p.regs[1], 2), p.in(p.regs[2], 3), p.in(p.regs[3], 4)
		mul(x, x, a)
		add(x, x, b)
		above(x, x, s)
		and(dy, dy, x)
		p.out(dy, 0)
	})
}

// unary emits a kernel of one source; op works in place and has a second register.
func unary(name string, setup func(), op func(x, scratch vec)) {
	pointwise(name, "func(dst, x []float32)", []string{"x"}, 4, 2, setup, func(p place) {
		x := p.in(p.regs[0], 1)
		op(x, p.regs[1])
		p.out(x, 0)
	})
}
