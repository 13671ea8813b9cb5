package main

import (
	. "github.com/mmcloughlin/avo/build"
)

func arith(m *machine) {
	for _, k := range []struct {
		name string
		op   func(dst, x, y vec)
	}{{"add", m.add}, {"sub", m.sub}, {"mul", m.mul}, {"div", m.div}} {
		pointwise(m, k.name, "func(dst, x, y []float32)", "is "+export(k.name)+".", []string{"x", "y"}, 4, 2, nil, func(p place) {
			x, y := p.in(p.regs[0], 1), p.in(p.regs[1], 2)
			k.op(x, x, y)
			p.out(x)
		})
	}
	s := m.top(2)
	for _, k := range []struct {
		name string
		op   func(dst, x, y vec)
	}{{"scale", m.mul}, {"shift", m.add}, {"atLeast", m.max}} {
		pointwise(m, k.name, "func(dst, x []float32, s float32)", "is "+export(k.name)+".", []string{"x"}, 4, 1,
			func() { spreadParam(m, s) }, func(p place) {
				x := p.in(p.regs[0], 1)
				k.op(x, x, s)
				p.out(x)
			})
	}
	unary(m, "sqrt", nil, func(p place, x, _ vec) { m.sqrt(x, x) })
	unary(m, "rsqrt", func() { m.spread(s, 0x3f800000) }, func(p place, x, _ vec) {
		m.sqrt(x, x)
		m.div(x, s, x)
	})
	unary(m, "relu", func() { m.zero(s) }, func(p place, x, _ vec) { m.max(x, x, s) })
	pointwise(m, "reluGrad", "func(dst, dy, y []float32)", "is ReLUGrad.", []string{"dy", "y"}, 3, 3,
		func() { m.zero(s) }, func(p place) {
			dy, y := p.in(p.regs[0], 1), p.in(p.regs[1], 2)
			m.keep(dy, dy, y, s, greater, p.regs[2])
			p.out(dy)
		})
	for _, relu := range []bool{false, true} {
		name := "subMulAdd"
		if relu {
			name = "subMulAddMax"
		}
		pointwise(m, name, "func(dst, x, m, a, b []float32)", "is "+export(name)+".", []string{"x", "m", "a", "b"}, 3, 4,
			func() { m.zero(s) }, func(p place) {
				x, mean, a, b := p.in(p.regs[0], 1), p.in(p.regs[1], 2), p.in(p.regs[2], 3), p.in(p.regs[3], 4)
				m.sub(x, x, mean)
				m.mul(x, x, a)
				m.add(x, x, b)
				if relu {
					m.max(x, x, s)
				}
				p.out(x)
			})
	}
}

// masked emits the ReLU's gradient with the mask made on the way.
func masked(m *machine) {
	zero := m.top(2)
	pointwise(m, "mulAddMask", "func(dst, dy, x, a, b []float32)", "is MulAddMask.", []string{"dy", "x", "a", "b"}, 3, 4,
		func() { m.zero(zero) }, func(p place) {
			dy, x, a, b := p.in(p.regs[0], 1), p.in(p.regs[1], 2), p.in(p.regs[2], 3), p.in(p.regs[3], 4)
			m.mul(x, x, a)
			m.add(x, x, b)
			m.keep(dy, dy, x, zero, greater, a)
			p.out(dy)
		})
}

// unary emits a kernel of one source; op works in place and has a second register.
func unary(m *machine, name string, setup func(), op func(p place, x, scratch vec)) {
	pointwise(m, name, "func(dst, x []float32)", "is "+export(name)+".", []string{"x"}, 4, 2, setup, func(p place) {
		x := p.in(p.regs[0], 1)
		op(p, x, p.regs[1])
		p.out(x)
	})
}

// spreadParam fills a register with the parameter s.
func spreadParam(m *machine, dst vec) {
	p, err := Param("s").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(p.Addr, dst)
}

// export is the name of the Go twin.
func export(name string) string {
	if name == "relu" {
		return "ReLU"
	}
	return string(name[0]-'a'+'A') + name[1:]
}
