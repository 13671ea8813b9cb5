package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// merge emits the float64 stage of moments, 8 columns at a time: no operation is fused, so that Go
// rounds alike.
func merge(m *machine) {
	emit.Func("merge"+m.suffix, "func(mean, m2 []float64, sums, squares, pivots []float32, share, each, cross float64)",
		"is Merge for a multiple of 8 columns.")
	for i, s := range []string{"mean", "m2", "sums", "squares", "pivots"} {
		Load(Param(s).Base(), pointers[i])
	}
	Load(Param("mean").Len(), count)
	share, each, cross := m.top(2), m.top(3), m.vec[8]
	for i, s := range []string{"share", "each", "cross"} {
		p, err := Param(s).Resolve()
		if err != nil {
			panic(err)
		}
		VBROADCASTSD(p.Addr, []vec{share, each, cross}[i])
	}
	TESTQ(count, count)
	JZ(LabelRef("end"))
	Label("more")
	half := m.lanes / 2 // doubles in a vector
	for i := range 8 / half {
		d, q, t, delta := m.vec[0], m.vec[1], m.vec[2], m.vec[3]
		narrow := func(p int) Mem { return Mem{Base: pointers[p], Disp: 4 * half * i} }
		wide := func(p int) Mem { return Mem{Base: pointers[p], Disp: m.bytes() * i} }
		VCVTPS2PD(narrow(2), d)
		VCVTPS2PD(narrow(3), q)
		VCVTPS2PD(narrow(4), delta)
		VMULPD(each, d, t)
		VADDPD(t, delta, delta)
		VSUBPD(wide(0), delta, delta)
		VMULPD(t, d, d)
		VSUBPD(d, q, q) // Σd² - (Σd)²/n
		VMULPD(cross, delta, t)
		VMULPD(delta, t, t)
		VADDPD(t, q, q)
		VADDPD(wide(1), q, q)
		VMOVUPD(q, wide(1))
		VMULPD(share, delta, delta)
		VADDPD(wide(0), delta, delta)
		VMOVUPD(delta, wide(0))
	}
	for i, n := range []uint64{64, 64, 32, 32, 32} {
		ADDQ(Imm(n), pointers[i])
	}
	SUBQ(Imm(8), count)
	JNZ(LabelRef("more"))
	Label("end")
	VZEROUPPER()
	RET()
}

// rebase emits the change of pivots.
func rebase(m *machine) {
	emit.Func("rebase"+m.suffix, "func(sums, squares, pivots []float32, n float32)", "is Rebase.")
	for i, s := range []string{"sums", "squares", "pivots"} {
		Load(Param(s).Base(), pointers[i])
	}
	Load(Param("sums").Len(), count)
	p, err := Param("n").Resolve()
	if err != nil {
		panic(err)
	}
	n := m.top(2)
	VBROADCASTSS(p.Addr, n)
	each(m, 1, 6, func(p place) {
		sum, was, pivot, s, t := p.regs[0], p.regs[1], p.regs[2], p.regs[3], p.regs[4]
		p.in(sum, 0)
		p.in(was, 2)
		m.div(pivot, sum, n)
		m.add(pivot, was, pivot)
		m.store(p.at(2), pivot, p.tail)
		m.sub(s, pivot, was)
		m.mul(t, n, s) // n·s
		m.add(was, sum, sum)
		m.sub(was, was, t)
		m.mul(was, s, was)
		m.sub(sum, sum, t)
		p.out(sum)
		p.in(s, 1)
		m.sub(s, s, was)
		m.store(p.at(1), s, p.tail)
	})
	VZEROUPPER()
	RET()
}
