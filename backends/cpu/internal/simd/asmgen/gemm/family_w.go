package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// Fields of TileW, 8 bytes each, in order.
const (
	wRows = 8 * iota
	wCols
	wA
	wLDA
	wRowA
	wB
	wLDB
	wRowB
	wC
	wLDC
	wAdd
	wAhead
)

// tileW emits family W for m rows of c.
func tileW(v machine, m int) {
	emit.Func(name("tileW", m, v), "func(t *TileW)", "is tileW of this many rows.")
	var (
		t        = reg.RDI
		a, b     = reg.RSI, reg.RBX
		lda, ldb = reg.R8, reg.R9
		rowA     = reg.RAX
		rowB     = reg.RCX
		p        = pitch{reg.R8, reg.R9, reg.R10}
		rows     = reg.R11
		cols     = reg.R12
		half     = reg.R14
		next     = ahead{t, wAhead, reg.RDX, reg.R13, reg.R15}
		arg      = func(field int) Mem { return Mem{Base: t, Disp: field} }
		step     = func() {
			v.step(m, func(r int) Mem { return Mem{Base: a, Disp: 4 * r} }, Mem{Base: b})
			ADDQ(lda, a)
			ADDQ(ldb, b)
		}
	)
	Load(Param("t"), t)
	next.load()
	if v.halves > 1 {
		XORQ(half, half)
		Label("half")
	}
	v.clear(m)
	MOVQ(arg(wLDA), lda)
	MOVQ(arg(wLDB), ldb)
	MOVQ(arg(wA), rowA)
	MOVQ(arg(wB), rowB)
	if v.halves > 1 {
		ADDQ(half, rowB)
	}
	MOVQ(arg(wRows), rows)

	Label("row")
	MOVQ(rowA, a)
	MOVQ(rowB, b)
	MOVQ(arg(wCols), cols)
	const unroll = 4
	SUBQ(Imm(unroll), cols)
	JL(LabelRef("rest"))
	Label("col")
	for k := range unroll {
		step()
		next.fetch(k)
	}
	SUBQ(Imm(unroll), cols)
	JGE(LabelRef("col"))
	Label("rest")
	ADDQ(Imm(unroll), cols)
	JZ(LabelRef("next"))
	Label("single")
	step()
	DECQ(cols)
	JNZ(LabelRef("single"))
	Label("next")
	ADDQ(arg(wRowA), rowA)
	ADDQ(arg(wRowB), rowB)
	DECQ(rows)
	JNZ(LabelRef("row"))

	MOVQ(arg(wC), a)
	if v.halves > 1 {
		ADDQ(half, a)
	}
	p.set(arg(wLDC))
	if m > 7 {
		// Rows 7 to 13 start at a + 7·ldc.
		LEAQ(Mem{Base: a, Index: p.three, Scale: 2}, b)
		ADDQ(p.one, b)
	}
	MOVQ(arg(wAdd), cols)
	v.store(m, cols, "c", p.rows(a, b))
	if v.halves > 1 {
		ADDQ(Imm(64), half)
		CMPQ(half, Imm(128))
		JL(LabelRef("half"))
	}
	next.store()
	VZEROUPPER()
	RET()
	next.turn()
}
