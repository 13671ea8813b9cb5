package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Fields of Ahead and Area, 8 bytes each, in order.
const (
	aheadAreas = 8 * iota
	aheadAt
	aheadLeft
	aheadStep
)

const (
	areaAt = 8 * iota
	areaPitch
	areaRows
	areaPairs
	areaSize
)

// An ahead is the part of a kernel that fetches what is read after it: two lines for each four steps
// of depth, which leaves most of the core's line buffers to the products.
type ahead struct {
	arg            reg.GPPhysical // the kernel's argument
	disp           int            // of its Ahead
	at, left, step reg.GPPhysical
}

func (f ahead) field(field int) Mem { return Mem{Base: f.arg, Disp: f.disp + field} }

// load begins a kernel. Without a list it touches the argument again and again, which costs nothing.
func (f ahead) load() {
	MOVQ(f.field(aheadAt), f.at)
	MOVQ(f.field(aheadLeft), f.left)
	MOVQ(f.field(aheadStep), f.step)
	TESTQ(f.at, f.at)
	CMOVQEQ(f.arg, f.at)
}

// fetch is called after each step of an unrolled loop.
func (f ahead) fetch(k int) {
	switch k {
	case 0:
		PREFETCHT1(Mem{Base: f.at})
	case 2:
		PREFETCHT1(Mem{Base: f.at, Disp: 64})
		ADDQ(f.step, f.at)
		DECQ(f.left)
		JZ(LabelRef("turn"))
		Label("turned")
	}
}

// store ends a kernel: the next one goes on where this one was.
func (f ahead) store() {
	MOVQ(f.at, f.field(aheadAt))
	MOVQ(f.left, f.field(aheadLeft))
	MOVQ(f.step, f.field(aheadStep))
}

// turn goes to the next row, or to the next area, or sees the end of the list.
func (f ahead) turn() {
	Label("turn")
	MOVQ(f.field(aheadAreas), f.at)
	area := func(field int) Mem { return Mem{Base: f.at, Disp: field} }
	DECQ(area(areaRows))
	JZ(LabelRef("area"))
	MOVQ(area(areaPitch), f.left)
	ADDQ(f.left, area(areaAt))
	MOVQ(area(areaPairs), f.left)
	MOVQ(area(areaAt), f.at)
	JMP(LabelRef("turned"))
	Label("area")
	ADDQ(Imm(areaSize), f.at)
	MOVQ(f.at, f.field(aheadAreas))
	MOVQ(area(areaPairs), f.left)
	MOVQ(area(areaAt), f.at)
	TESTQ(f.left, f.left)
	JNZ(LabelRef("turned"))
	MOVQ(f.arg, f.at)
	XORQ(f.step, f.step)
	JMP(LabelRef("turned"))
}
