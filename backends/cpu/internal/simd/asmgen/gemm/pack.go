package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// copyPanels emits the packing of a depth-major matrix, panel by panel: what is written is contiguous,
// and the rows that are read are few enough for the caches to keep the other panels' parts of them.
func copyPanels() {
	emit.Func("copyPanelsAVX2", "func(dst, src *float32, rows, pitch, panels, step int)", "is copyPanels.")
	var (
		dst, src     = reg.RDI, reg.RSI
		d, s         = reg.R8, reg.R9
		rows, pitch  = reg.RCX, reg.RDX
		panels, step = reg.RAX, reg.RBX
		n            = reg.R10
	)
	Load(Param("dst"), dst)
	Load(Param("src"), src)
	Load(Param("rows"), rows)
	Load(Param("pitch"), pitch)
	Load(Param("panels"), panels)
	Load(Param("step"), step)
	SHLQ(Imm(2), pitch)
	SHLQ(Imm(2), step)
	Label("panel")
	MOVQ(dst, d)
	MOVQ(src, s)
	MOVQ(rows, n)
	Label("row")
	for i := range 4 {
		VMOVUPS(Mem{Base: s, Disp: 32 * i}, ymm[i])
	}
	for i := range 4 {
		VMOVUPS(ymm[i], Mem{Base: d, Disp: 32 * i})
	}
	ADDQ(pitch, s)
	ADDQ(U32(128), d)
	DECQ(n)
	JNZ(LabelRef("row"))
	ADDQ(U32(128), src)
	ADDQ(step, dst)
	DECQ(panels)
	JNZ(LabelRef("panel"))
	VZEROUPPER()
	RET()
}

// transpose emits the packing of 32 rows, in blocks of 8×8: two beside each other, so that a line is read
// whole while it is there. Rows that are a multiple of 4 KiB apart share one set of L1. On AVX-512 it also adds
// zeros: Intel's cores turn down their wide units after a microsecond or two without arithmetic, and the products
// after that may run at a third of the rate for 4 µs.
func transpose(v machine) {
	emit.Func("transpose"+v.suffix, "func(dst, src *float32, depth, pitch int)", "is transpose.")
	var (
		dst, src = reg.RDI, reg.RSI
		d, s     = reg.R11, reg.R12
		depth    = reg.RCX
		p        = pitch{reg.R8, reg.R9, reg.R10}
		seven    = reg.RAX
		n        = reg.RBX
	)
	Load(Param("dst"), dst)
	Load(Param("src"), src)
	Load(Param("depth"), depth)
	Load(Param("pitch"), p.one)
	if v.lanes == 16 {
		VPXORD(reg.Z31, reg.Z31, reg.Z31)
	}
	SHLQ(Imm(2), p.one)
	LEAQ(Mem{Base: p.one, Index: p.one, Scale: 2}, p.three)
	LEAQ(Mem{Base: p.one, Index: p.one, Scale: 4}, p.five)
	LEAQ(Mem{Base: p.one, Index: p.three, Scale: 2}, seven)
	// Of a depth that is an odd multiple of 8, the first 8.
	TESTQ(U32(8), depth)
	JNZ(LabelRef("odd"))
	for _, blocks := range []int{2, 1} {
		label := []string{"", "odd", "even"}[blocks]
		Label(label)
		MOVQ(dst, d)
		MOVQ(src, s)
		MOVQ(U32(4), n)
		Label(label + "_rows")
		for k := range blocks {
			block8(func(r int) Mem {
				if r == 7 {
					return Mem{Base: s, Index: seven, Scale: 1, Disp: 32 * k}
				}
				return p.row(s, r).Offset(32 * k)
			}, func(r int) Mem { return Mem{Base: d, Disp: 1024*k + 128*r} })
		}
		if v.lanes == 16 {
			VADDPS(reg.Z31, reg.Z31, reg.Z30)
		}
		ADDQ(Imm(32), d)
		LEAQ(Mem{Base: s, Index: p.one, Scale: 8}, s)
		DECQ(n)
		JNZ(LabelRef(label + "_rows"))
		ADDQ(Imm(uint64(32*blocks)), src)
		ADDQ(U32(1024*blocks), dst)
		SUBQ(Imm(uint64(8*blocks)), depth)
		JNZ(LabelRef("even"))
		VZEROUPPER()
		RET()
	}
}

// block8 emits the transposition of 8 rows of 8 floats.
func block8(from, to func(row int) Mem) {
	a, b := ymm[:8], ymm[8:]
	// Rows i and i+4 meet in one register, halves of four columns; the rest is 4×4 blocks.
	for i := range 4 {
		VMOVUPS(from(i), a[i].AsX())
		VMOVUPS(from(i).Offset(16), a[i+4].AsX())
		VINSERTF128(Imm(1), from(i+4), a[i], a[i])
		VINSERTF128(Imm(1), from(i+4).Offset(16), a[i+4], a[i+4])
	}
	for h := range 2 {
		a, b := a[4*h:], b[4*h:]
		VUNPCKLPS(a[1], a[0], b[0])
		VUNPCKHPS(a[1], a[0], b[1])
		VUNPCKLPS(a[3], a[2], b[2])
		VUNPCKHPS(a[3], a[2], b[3])
		VUNPCKLPD(b[2], b[0], a[0])
		VUNPCKHPD(b[2], b[0], a[1])
		VUNPCKLPD(b[3], b[1], a[2])
		VUNPCKHPD(b[3], b[1], a[3])
		for i := range 4 {
			VMOVUPS(a[i], to(4*h+i))
		}
	}
}
