package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Fields of Moves and Move, 8 bytes each, in order.
const (
	movesList = 8 * iota
	movesFrom
	movesTo
	movesLeft
)

const (
	moveFrom = 8 * iota
	moveFromPitch
	moveTo
	moveToPitch
	moveRows
	movePairs
	moveSize
)

// A mover is the part of a kernel that copies what is read after it: a pair of lines for each four steps of
// depth. The ports that load and store idle for half of the time, and a load that comes from L2 delays nothing:
// no product waits for it.
type mover struct {
	arg      reg.GPPhysical // the kernel's argument
	disp     int            // of its Moves
	from, to reg.GPPhysical
	via      reg.VecPhysical // free between two steps
	bytes    int             // in it
}

func (f mover) field(field int) Mem { return Mem{Base: f.arg, Disp: f.disp + field} }

// load begins a kernel.
func (f mover) load() {
	MOVQ(f.field(movesFrom), f.from)
	MOVQ(f.field(movesTo), f.to)
}

// move is called once in an unrolled loop.
func (f mover) move() {
	TESTQ(f.from, f.from)
	JZ(LabelRef("moved"))
	for at := 0; at < 128; at += f.bytes {
		VMOVUPS(Mem{Base: f.from, Disp: at}, f.via)
		VMOVUPS(f.via, Mem{Base: f.to, Disp: at})
	}
	SUBQ(I8(-128), f.from)
	SUBQ(I8(-128), f.to)
	DECQ(f.field(movesLeft))
	JZ(LabelRef("row"))
	Label("moved")
}

// store ends a kernel: the next one goes on where this one was.
func (f mover) store() {
	MOVQ(f.from, f.field(movesFrom))
	MOVQ(f.to, f.field(movesTo))
}

// turn goes to the next row, or to the next move, or sees the end of the list.
func (f mover) turn() {
	Label("row")
	MOVQ(f.field(movesList), f.from)
	one := func(field int) Mem { return Mem{Base: f.from, Disp: field} }
	DECQ(one(moveRows))
	JZ(LabelRef("move"))
	for _, field := range []int{moveFrom, moveTo} {
		MOVQ(one(field+8), f.to)
		ADDQ(f.to, one(field))
	}
	Label("begin")
	MOVQ(one(movePairs), f.to)
	MOVQ(f.to, f.field(movesLeft))
	MOVQ(one(moveTo), f.to)
	MOVQ(one(moveFrom), f.from)
	JMP(LabelRef("moved"))
	Label("move")
	ADDQ(Imm(moveSize), f.from)
	MOVQ(f.from, f.field(movesList))
	CMPQ(one(movePairs), Imm(0))
	JNE(LabelRef("begin"))
	XORQ(f.from, f.from)
	JMP(LabelRef("moved"))
}
