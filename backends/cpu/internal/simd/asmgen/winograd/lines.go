package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The one-dimensional transforms. The order of operations is part of the definition: it is that of
// simd/winograd.go, where they are written as Go.

var factors = map[float32]Mem{}

// constants emits the factors that the transforms multiply by.
func constants() {
	for i, f := range []float32{
		1.5, 2, -0.5, -2, 0.5, 4, 0.25, -8, 0.125, 1.0 / 3,
		-16.0 / 15, -8.0 / 15, -4.0 / 15, 1.0 / 15, -2.0 / 15, 4.0 / 15,
	} {
		factors[f] = GLOBL(fmt.Sprintf("winoFactor%d", i), attr.RODATA|attr.NOPTR)
		DATA(0, F32(f))
	}
}

type vec = reg.VecVirtual

func (v machine) add(x, y vec) vec {
	r := v.vec()
	VADDPS(y, x, r)
	return r
}

func (v machine) sub(x, y vec) vec {
	r := v.vec()
	VSUBPS(y, x, r)
	return r
}

func (v machine) factor(f float32) vec {
	m, ok := factors[f]
	if !ok {
		panic(fmt.Sprintf("no factor %v", f))
	}
	r := v.vec()
	VBROADCASTSS(m, r)
	return r
}

// fma returns f·x + y, rounded once.
func (v machine) fma(f float32, x, y vec) vec {
	r := v.factor(f)
	VFMADD213PS(y, x, r)
	return r
}

func (v machine) mul(f float32, x vec) vec {
	r := v.factor(f)
	VMULPS(x, r, r)
	return r
}

func (v machine) bt(d []vec) []vec {
	e, f := v.sub(d[3], d[1]), v.sub(d[4], d[2])
	p, q := v.sub(d[0], d[2]), v.sub(d[5], d[3])
	s, t := v.add(d[2], d[3]), v.sub(d[3], d[2])
	return []vec{
		v.fma(1.5, e, v.add(p, f)), v.fma(1.5, s, v.add(f, e)),
		v.fma(1.5, t, v.sub(f, e)), v.fma(2, e, f),
		v.fma(-0.5, e, f), v.fma(1.5, f, v.sub(q, e)),
	}
}

func (v machine) at(m []vec) []vec {
	a, b, c := v.add(m[1], m[2]), v.sub(m[1], m[2]), v.add(m[3], m[4])
	return []vec{
		v.add(v.add(m[0], a), c),
		v.fma(-2, m[4], v.fma(0.5, m[3], b)),
		v.fma(4, m[4], v.fma(0.25, m[3], a)),
		v.fma(-8, m[4], v.fma(0.125, m[3], v.add(b, m[5]))),
	}
}

func (v machine) a(y []vec) []vec {
	a, b := v.add(y[0], y[2]), v.add(y[1], y[3])
	return []vec{
		y[0], v.add(a, b), v.sub(a, b),
		v.fma(0.125, y[3], v.fma(0.25, y[2], v.fma(0.5, y[1], y[0]))),
		v.fma(-8, y[3], v.fma(4, y[2], v.fma(-2, y[1], y[0]))),
		y[3],
	}
}

func (v machine) g(g []vec) []vec {
	s := v.add(g[0], g[2])
	return []vec{
		g[0], v.mul(1.0/3, v.add(s, g[1])), v.mul(1.0/3, v.sub(g[1], s)),
		v.fma(-4.0/15, g[2], v.fma(-8.0/15, g[1], v.mul(-16.0/15, g[0]))),
		v.fma(4.0/15, g[2], v.fma(-2.0/15, g[1], v.mul(1.0/15, g[0]))),
		g[2],
	}
}

func (v machine) gt(u []vec) []vec {
	d, s := v.sub(u[1], u[2]), v.add(u[1], u[2])
	return []vec{
		v.fma(1.0/15, u[4], v.fma(-16.0/15, u[3], v.fma(1.0/3, d, u[0]))),
		v.fma(-2.0/15, u[4], v.fma(-8.0/15, u[3], v.mul(1.0/3, s))),
		v.fma(4.0/15, u[4], v.fma(-4.0/15, u[3], v.fma(1.0/3, d, u[5]))),
	}
}
