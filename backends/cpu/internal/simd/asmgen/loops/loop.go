package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// pointers are the registers of the destination and up to four sources.
var pointers = []reg.GPPhysical{reg.RDI, reg.RSI, reg.RDX, reg.R8, reg.R9}

var (
	index = reg.RBX // bytes done
	count = reg.R10 // elements left
)

// A place is one vector of a loop: where its operands are and which registers it may use.
type place struct {
	*machine
	regs []vec
	disp int
	tail bool
}

// at returns the memory of operand i: 0 is the destination.
func (p place) at(i int) Mem { return Mem{Base: pointers[i], Index: index, Scale: 1, Disp: p.disp} }

// in loads source i into register r.
func (p place) in(r vec, i int) vec { p.load(r, p.at(i), p.tail); return r }

// out stores the destination.
func (p place) out(r vec) { p.store(p.at(0), r, p.tail) }

// pointwise emits dst[i] = body(sources[i]) for any length: unrolled, single vectors, a masked
// rest. setup runs once before; body may use need registers from place.regs.
func pointwise(m *machine, name, signature, doc string, sources []string, unroll, need int, setup func(), body func(p place)) {
	emit.Func(name+m.suffix, signature, doc)
	for i, s := range append([]string{"dst"}, sources...) {
		Load(Param(s).Base(), pointers[i])
	}
	Load(Param("dst").Len(), count)
	if setup != nil {
		setup()
	}
	each(m, unroll, need, body)
	VZEROUPPER()
	RET()
}

// each emits the loop over count elements.
func each(m *machine, unroll, need int, body func(p place)) {
	XORQ(index, index)
	step := func(n int) {
		for u := range n {
			body(place{m, m.vec[u*need : (u+1)*need], u * m.bytes(), false})
		}
		ADDQ(imm(n*m.bytes()), index)
	}
	if unroll > 1 {
		SUBQ(imm(unroll*m.lanes), count)
		JL(LabelRef("few"))
		Label("many")
		step(unroll)
		SUBQ(imm(unroll*m.lanes), count)
		JGE(LabelRef("many"))
		Label("few")
		ADDQ(imm(unroll*m.lanes), count)
	}
	SUBQ(imm(m.lanes), count)
	JL(LabelRef("rest"))
	Label("one")
	step(1)
	SUBQ(imm(m.lanes), count)
	JGE(LabelRef("one"))
	Label("rest")
	ADDQ(imm(m.lanes), count)
	JZ(LabelRef("end"))
	m.setTail(count)
	body(place{m, m.vec[:need], 0, true})
	Label("end")
}

// imm is an immediate of the size that instructions on quadwords take.
func imm(n int) Constant {
	if n < 128 {
		return Imm(uint64(n))
	}
	return U32(uint32(n))
}
