package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// Fields of simd.TileM, in bytes from its start. The tile configuration comes first.
const (
	blocks = 64 + 8*iota
	stepA
	stepC
	segments
	offA
	offB
	steps
	operandA
	pitchA
	operandB
	pitchB
	result
	pitchC
	add
)

// Registers of a block. Tiles 0 to 3 are sums, 4 and 5 rows of a, 6 and 7 columns of b.
var (
	t            = reg.RDI
	a, a1        = reg.RSI, reg.RDX // rows 0-15 and 16-31
	b, b1        = reg.R8, reg.R11  // columns 0-15 and 16-31
	lda, ldb     = reg.R9, reg.R10
	nextB        = reg.R13
	blockA       = reg.R15
	blockC       = reg.R14
	segment, tmp = reg.RAX, reg.RBX
	blocksLeft   = reg.RCX
	stepsLeft    = reg.R12
)

func field(offset int) Mem { return Mem{Base: t, Disp: offset} }

// block emits the kernel of blocks that are high tiles of rows and wide tiles of columns. With two of
// each, a tile is loaded for every product, which the load ports just do beside the matrix unit.
func block(high, wide int) {
	emit.Func(fmt.Sprintf("tileM%d%dAMX", high, wide), "func(t *TileM)", fmt.Sprintf("is tileM of %d×%d tiles.", high, wide))
	Load(Param("t"), t)
	emitBytes(loadConfig(number(t)))
	MOVQ(field(pitchA), lda)
	MOVQ(field(pitchB), ldb)
	MOVQ(ldb, nextB)
	SHLQ(Imm(4), nextB)
	MOVQ(field(operandA), blockA)
	MOVQ(field(result), blockC)
	MOVQ(field(blocks), blocksLeft)

	Label("block")
	CMPQ(field(add), Imm(0))
	JNE(LabelRef("load"))
	each(high, wide, func(i, j int) { emitBytes(zero(2*i + j)) })
	JMP(LabelRef("multiply"))
	Label("load")
	corners(high, wide, preF2)
	Label("multiply")
	XORQ(segment, segment)
	Label("segment")
	start(high, wide)
	Label("step")
	step(high, wide)
	DECQ(stepsLeft)
	JNZ(LabelRef("step"))
	INCQ(segment)
	CMPQ(segment, field(segments))
	JLT(LabelRef("segment"))
	corners(high, wide, preF3)
	ADDQ(field(stepA), blockA)
	ADDQ(field(stepC), blockC)
	DECQ(blocksLeft)
	JNZ(LabelRef("block"))
	emitBytes(release())
	RET()
}

// each calls f for each tile of a block.
func each(high, wide int, f func(i, j int)) {
	for i := range high {
		for j := range wide {
			f(i, j)
		}
	}
}

// start points the cursors at a segment.
func start(high, wide int) {
	MOVQ(field(offA), tmp)
	MOVQ(Mem{Base: tmp, Index: segment, Scale: 8}, a)
	ADDQ(blockA, a)
	if high == 2 {
		MOVQ(lda, a1)
		SHLQ(Imm(4), a1)
		ADDQ(a, a1)
	}
	MOVQ(field(offB), tmp)
	MOVQ(Mem{Base: tmp, Index: segment, Scale: 8}, b)
	ADDQ(field(operandB), b)
	if wide == 2 {
		LEAQ(Mem{Base: b, Disp: 64}, b1)
	}
	MOVQ(field(steps), stepsLeft)
}

// step emits the products of 32 elements of depth. Loads stand between the products, so that either
// has something to do while it waits for the other.
func step(high, wide int) {
	load := func(tile int, base, pitch reg.GPPhysical) { emitBytes(move(preF2, tile, number(base), number(pitch))) }
	load(6, b, ldb)
	load(4, a, lda)
	emitBytes(dot(0, 4, 6))
	if wide == 2 {
		load(7, b1, ldb)
		emitBytes(dot(1, 4, 7))
	}
	if high == 2 {
		load(5, a1, lda)
		emitBytes(dot(2, 5, 6))
		ADDQ(Imm(64), a1)
	}
	if high == 2 && wide == 2 {
		emitBytes(dot(3, 5, 7))
	}
	ADDQ(Imm(64), a)
	ADDQ(nextB, b)
	if wide == 2 {
		ADDQ(nextB, b1)
	}
}

// corners loads or stores all sums, as the prefix says.
func corners(high, wide int, pp byte) {
	MOVQ(field(pitchC), tmp)
	MOVQ(blockC, a1)
	for i := range high {
		if i > 0 {
			MOVQ(tmp, a1)
			SHLQ(Imm(4), a1)
			ADDQ(blockC, a1)
		}
		emitBytes(move(pp, 2*i, number(a1), number(tmp)))
		if wide == 2 {
			LEAQ(Mem{Base: a1, Disp: 64}, b)
			emitBytes(move(pp, 2*i+1, number(b), number(tmp)))
		}
	}
}
