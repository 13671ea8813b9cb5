package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The one-dimensional transforms. The order of operations is part of the definition: it is that of
// simd/winograd.go, where they are written as Go. Each takes a line and returns those of its results
// that are wanted.
type line func(v *machine, x []vec, want []int) []vec

type vec = reg.VecVirtual

var factors = map[float32]Mem{}

// constants emits the factors that the transforms multiply by.
func constants() {
	for i, f := range []float32{
		1.5, 2, -0.5, -2, 0.5, 4, 0.25, -8, 0.125, 1.0 / 3,
		-16.0 / 15, -8.0 / 15, -4.0 / 15, 1.0 / 15, -2.0 / 15, 4.0 / 15, 2.5,
	} {
		factors[f] = GLOBL(fmt.Sprintf("winoFactor%d", i), attr.RODATA|attr.NOPTR)
		DATA(0, F32(f))
	}
}

func (v *machine) add(x, y vec) vec {
	r := v.vec()
	VADDPS(y, x, r)
	return r
}

func (v *machine) sub(x, y vec) vec {
	r := v.vec()
	VSUBPS(y, x, r)
	return r
}

// hold keeps factors in registers.
func (v *machine) hold(list ...float32) {
	v.held = map[float32]vec{}
	for _, f := range list {
		r := v.vec()
		VBROADCASTSS(factors[f], r)
		v.held[f] = r
	}
}

// factor returns a register with a factor that may be overwritten.
func (v *machine) factor(f float32) vec {
	r := v.vec()
	if h, ok := v.held[f]; ok {
		VMOVAPS(h, r)
		return r
	}
	m, ok := factors[f]
	if !ok {
		panic(fmt.Sprintf("no factor %v", f))
	}
	VBROADCASTSS(m, r)
	return r
}

// fma returns f·x + y, rounded once.
func (v *machine) fma(f float32, x, y vec) vec {
	r := v.factor(f)
	VFMADD213PS(y, x, r)
	return r
}

func (v *machine) mul(f float32, x vec) vec {
	r := v.factor(f)
	VMULPS(x, r, r)
	return r
}

// once returns a value that is computed when it is first needed.
func once(f func() vec) func() vec {
	var r vec
	return func() vec {
		if r == nil {
			r = f()
		}
		return r
	}
}

// pick returns results by their numbers.
func pick(want []int, results ...func() vec) (out []vec) {
	for _, i := range want {
		out = append(out, results[i]())
	}
	return out
}

func input4(v *machine, d []vec, want []int) []vec {
	e, f := once(func() vec { return v.sub(d[3], d[1]) }), once(func() vec { return v.sub(d[4], d[2]) })
	p, q := once(func() vec { return v.sub(d[0], d[2]) }), once(func() vec { return v.sub(d[5], d[3]) })
	return pick(want,
		func() vec { return v.fma(1.5, e(), v.add(p(), f())) },
		func() vec { return v.fma(1.5, v.add(d[2], d[3]), v.add(f(), e())) },
		func() vec { return v.fma(1.5, v.sub(d[3], d[2]), v.sub(f(), e())) },
		func() vec { return v.fma(2, e(), f()) },
		func() vec { return v.fma(-0.5, e(), f()) },
		func() vec { return v.fma(1.5, f(), v.sub(q(), e())) },
	)
}

func input3(v *machine, d []vec, want []int) []vec {
	e, f := once(func() vec { return v.sub(d[3], d[1]) }), once(func() vec { return v.sub(d[2], d[1]) })
	return pick(want,
		func() vec { return v.fma(2, e(), v.sub(d[0], d[2])) },
		func() vec { return v.mul(1.5, v.add(v.add(d[2], d[3]), e())) },
		func() vec { return v.fma(-0.5, f(), v.sub(d[3], d[2])) },
		func() vec { return v.mul(2.5, e()) },
		nil,
		func() vec { return v.fma(-0.5, e(), v.sub(d[4], d[2])) },
	)
}

func output4(v *machine, m []vec, want []int) []vec {
	a, b := once(func() vec { return v.add(m[1], m[2]) }), once(func() vec { return v.sub(m[1], m[2]) })
	return pick(want,
		func() vec { return v.add(v.add(m[0], a()), v.add(m[3], m[4])) },
		func() vec { return v.fma(-2, m[4], v.fma(0.5, m[3], b())) },
		func() vec { return v.fma(4, m[4], v.fma(0.25, m[3], a())) },
		func() vec { return v.fma(-8, m[4], v.fma(0.125, m[3], v.add(b(), m[5]))) },
	)
}

// output3 takes components 0, 1, 2, 3 and 5.
func output3(v *machine, m []vec, want []int) []vec {
	a, b := once(func() vec { return v.add(m[1], m[2]) }), once(func() vec { return v.sub(m[1], m[2]) })
	return pick(want,
		func() vec { return v.add(v.add(m[0], a()), m[3]) },
		func() vec { return v.fma(0.5, m[3], b()) },
		func() vec { return v.fma(0.25, m[3], v.add(a(), m[4])) },
	)
}

func grad4(v *machine, y []vec, want []int) []vec {
	a, b := once(func() vec { return v.add(y[0], y[2]) }), once(func() vec { return v.add(y[1], y[3]) })
	return pick(want,
		func() vec { return y[0] },
		func() vec { return v.add(a(), b()) },
		func() vec { return v.sub(a(), b()) },
		func() vec { return v.fma(0.125, y[3], v.fma(0.25, y[2], v.fma(0.5, y[1], y[0]))) },
		func() vec { return v.fma(-8, y[3], v.fma(4, y[2], v.fma(-2, y[1], y[0]))) },
		func() vec { return y[3] },
	)
}

func grad3(v *machine, y []vec, want []int) []vec {
	a := once(func() vec { return v.add(y[0], y[2]) })
	return pick(want,
		func() vec { return y[0] },
		func() vec { return v.add(a(), y[1]) },
		func() vec { return v.sub(a(), y[1]) },
		func() vec { return v.fma(0.25, y[2], v.fma(0.5, y[1], y[0])) },
		nil,
		func() vec { return y[2] },
	)
}

func filter(v *machine, g []vec, want []int) []vec {
	s := once(func() vec { return v.add(g[0], g[2]) })
	return pick(want,
		func() vec { return g[0] },
		func() vec { return v.mul(1.0/3, v.add(s(), g[1])) },
		func() vec { return v.mul(1.0/3, v.sub(g[1], s())) },
		func() vec { return v.fma(-4.0/15, g[2], v.fma(-8.0/15, g[1], v.mul(-16.0/15, g[0]))) },
		func() vec { return v.fma(4.0/15, g[2], v.fma(-2.0/15, g[1], v.mul(1.0/15, g[0]))) },
		func() vec { return g[2] },
	)
}

func filterGrad(v *machine, u []vec, want []int) []vec {
	d := once(func() vec { return v.sub(u[1], u[2]) })
	return pick(want,
		func() vec { return v.fma(1.0/15, u[4], v.fma(-16.0/15, u[3], v.fma(1.0/3, d(), u[0]))) },
		func() vec { return v.fma(-2.0/15, u[4], v.fma(-8.0/15, u[3], v.mul(1.0/3, v.add(u[1], u[2])))) },
		func() vec { return v.fma(4.0/15, u[4], v.fma(-4.0/15, u[3], v.fma(1.0/3, d(), u[5]))) },
	)
}
