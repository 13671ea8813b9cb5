package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// Fields of TileF, 8 bytes each, in order.
const (
	fTiles = 8 * iota
	fTaps
	fOff
	fDepth
	fA0
	fA1
	fLDA
	fB
	fC0
	fC1
	fLDC
	fStepA
	fStepC
	fAdd
	fAhead
	fMoves = fAhead + 32
)

// tileF emits family F for m rows.
func tileF(v machine, m int) {
	emit.Func(name("tileF", m, v), "func(t *TileF)", "is tileF of this many rows.")
	var (
		t      = reg.RDI
		a0, a1 = reg.RSI, reg.RDX
		b      = reg.RBX
		p      = pitch{reg.R8, reg.R9, reg.R10}
		off    = reg.R12
		depth  = reg.R13
		next   = ahead{t, fAhead, reg.R11, reg.R14, reg.R15}
		copies = mover{t, fMoves, reg.RAX, reg.RCX, v.spread(1), v.bytes()}
		arg    = func(field int) Mem { return Mem{Base: t, Disp: field} }
		bases  = []reg.GPPhysical{a0, a1}[:(m+6)/7]
	)
	tiles, taps := AllocLocal(8), AllocLocal(8)
	pastA, pastC := AllocLocal(8), AllocLocal(8) // distance of the current tile from the first
	var half Mem                                 // bytes from the panel's start
	if v.halves > 1 {
		half = AllocLocal(8)
	}
	Load(Param("t"), t)
	next.load()
	MOVQ(arg(fTiles), depth)
	MOVQ(depth, tiles)
	XORQ(depth, depth)
	MOVQ(depth, pastA)
	MOVQ(depth, pastC)
	copies.load()
	Label("tile")
	if v.halves > 1 {
		MOVQ(I32(0), half)
		Label("half")
	}
	v.clear(m)
	MOVQ(arg(fB), b)
	if v.halves > 1 {
		ADDQ(half, b)
	}
	p.set(arg(fLDA))
	MOVQ(arg(fTaps), off)
	MOVQ(off, taps)
	MOVQ(arg(fOff), off)

	Label("tap")
	for i, a := range bases {
		MOVQ(arg(fA0+8*i), a)
		ADDQ(Mem{Base: off}, a)
		ADDQ(pastA, a)
	}
	MOVQ(arg(fDepth), depth)
	const unroll = 4
	SUBQ(Imm(unroll), depth)
	JL(LabelRef("rest"))
	Label("depth")
	for k := range unroll {
		at := func(r int) Mem { return p.rows(a0, a1)(r).Offset(4 * k) }
		v.step(m, at, Mem{Base: b, Disp: 128 * k})
		next.fetch(k)
		if k == 1 {
			copies.move()
		}
	}
	for _, a := range bases {
		ADDQ(Imm(4*unroll), a)
	}
	ADDQ(U32(128*unroll), b)
	SUBQ(Imm(unroll), depth)
	JGE(LabelRef("depth"))
	// Single steps to the end: reading past a row may meet a NaN or the end of a page.
	Label("rest")
	ADDQ(Imm(unroll), depth)
	JZ(LabelRef("next"))
	Label("single")
	v.step(m, p.rows(a0, a1), Mem{Base: b})
	for _, a := range bases {
		ADDQ(Imm(4), a)
	}
	ADDQ(U32(128), b)
	DECQ(depth)
	JNZ(LabelRef("single"))
	Label("next")
	ADDQ(Imm(8), off)
	DECQ(taps)
	JNZ(LabelRef("tap"))

	for i, c := range bases {
		MOVQ(arg(fC0+8*i), c)
		ADDQ(pastC, c)
		if v.halves > 1 {
			ADDQ(half, c)
		}
	}
	p.set(arg(fLDC))
	MOVQ(arg(fAdd), depth)
	v.store(m, depth, "c", p.rows(a0, a1))
	if v.halves > 1 {
		ADDQ(Imm(64), half)
		CMPQ(half, Imm(128))
		JL(LabelRef("half"))
	}
	MOVQ(arg(fStepA), depth)
	ADDQ(depth, pastA)
	MOVQ(arg(fStepC), depth)
	ADDQ(depth, pastC)
	DECQ(tiles)
	JNZ(LabelRef("tile"))
	next.store()
	copies.store()
	VZEROUPPER()
	RET()
	next.turn()
	copies.turn()
}
