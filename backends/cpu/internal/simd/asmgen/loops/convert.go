package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// halve rounds x to bfloat16 in place, in integers: half of the last place that stays, less one
// where that place is even. A NaN stays one.
func (m *machine) halve(x, t vec, c [4]vec) {
	one, half, top, quiet := c[0], c[1], c[2], c[3]
	VPSRLD(Imm(16), x, t)
	m.and(t, t, one)
	m.addInt(t, t, half)
	m.addInt(t, t, x)
	if m.wide {
		VCMPPS(U8(unordered), x, x, reg.K1)
		VPORD(quiet, x, reg.K1, t)
		VPANDD(top, t, x)
		return
	}
	q := m.vec[11]
	VPOR(quiet, x, q)
	VCMPPS(U8(unordered), x, x, x)
	VBLENDVPS(x, q, t, t)
	VPAND(top, t, x)
}

func (m *machine) halfConstants() [4]vec {
	c := [4]vec{m.top(2), m.top(3), m.top(1), m.vec[10]}
	for i, w := range []uint32{1, 0x7fff, 0xffff0000, 0x400000} {
		m.spread(c[i], w)
	}
	return c
}

func convert(m *machine) {
	var c [4]vec
	pointwise(m, "round", "func(dst, x []float32)", "is Round.", []string{"x"}, 4, 2,
		func() { c = m.halfConstants() }, func(p place) {
			x := p.in(p.regs[0], 1)
			m.halve(x, p.regs[1], c)
			p.out(x)
		})

	emit.Func("widen"+m.suffix, "func(dst []float32, x []uint16)", "is Widen for a multiple of 16 elements.")
	sixteens(m, func() {
		for i := range 16 / m.lanes {
			x := m.vec[i]
			VPMOVZXWD(Mem{Base: pointers[1], Disp: 2 * m.lanes * i}, x)
			VPSLLD(Imm(16), x, x)
			VMOVUPS(x, Mem{Base: pointers[0], Disp: m.bytes() * i})
		}
		ADDQ(Imm(64), pointers[0])
		ADDQ(Imm(32), pointers[1])
	})

	emit.Func("narrow"+m.suffix, "func(dst []uint16, x []float32)", "is Narrow for a multiple of 16 elements.")
	c = m.halfConstants()
	sixteens(m, func() {
		for i := range 16 / m.lanes {
			x := m.vec[2*i]
			VMOVUPS(Mem{Base: pointers[1], Disp: m.bytes() * i}, x)
			m.halve(x, m.vec[2*i+1], c)
			VPSRLD(Imm(16), x, x)
		}
		if m.wide {
			VPMOVDW(m.vec[0], Mem{Base: pointers[0]})
		} else {
			VPACKUSDW(m.vec[2], m.vec[0], m.vec[0])
			VPERMQ(Imm(0xd8), m.vec[0], m.vec[0])
			VMOVDQU(m.vec[0], Mem{Base: pointers[0]})
		}
		ADDQ(Imm(32), pointers[0])
		ADDQ(Imm(64), pointers[1])
	})
}

// sixteens emits a loop over dst and x, 16 elements at a time, and the end of the function. body
// moves the pointers on.
func sixteens(m *machine, body func()) {
	Load(Param("dst").Base(), pointers[0])
	Load(Param("x").Base(), pointers[1])
	Load(Param("dst").Len(), count)
	TESTQ(count, count)
	JZ(LabelRef("end"))
	Label("more")
	body()
	SUBQ(Imm(16), count)
	JNZ(LabelRef("more"))
	Label("end")
	VZEROUPPER()
	RET()
}
