package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// pairRows emits the pairing of two rows: their upper halves are the bf16 numbers.
func pairRows() {
	emit.Func("pairRowsAVX512", "func(dst, lo, hi *float32, n int)", "is pairRows.")
	dst, lo, hi, n := reg.RDI, reg.RSI, reg.RDX, reg.RCX
	Load(Param("dst"), dst)
	Load(Param("lo"), lo)
	Load(Param("hi"), hi)
	Load(Param("n"), n)
	upper := func(z reg.VecPhysical) { // keeps the upper half of each float
		VPSRLD(Imm(16), z, z)
		VPSLLD(Imm(16), z, z)
	}
	Label("loop")
	VMOVUPS(Mem{Base: lo}, reg.Z0)
	VMOVUPS(Mem{Base: hi}, reg.Z1)
	VPSRLD(Imm(16), reg.Z0, reg.Z0)
	upper(reg.Z1)
	VPORD(reg.Z0, reg.Z1, reg.Z0)
	VMOVUPS(reg.Z0, Mem{Base: dst})
	for _, p := range []reg.GPPhysical{dst, lo, hi} {
		ADDQ(Imm(64), p)
	}
	SUBQ(Imm(16), n)
	JG(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// pairColumns emits the pairing of neighbors in a row.
func pairColumns() {
	emit.Func("pairColumnsAVX512", "func(dst, src *float32, n int)", "is pairColumns.")
	dst, src, n := reg.RDI, reg.RSI, reg.RCX
	Load(Param("dst"), dst)
	Load(Param("src"), src)
	Load(Param("n"), n)
	Label("loop")
	VMOVUPS(Mem{Base: src}, reg.Z0)
	// A quadword holds two floats, high halves in bits 16-31 and 48-63.
	VPSRLQ(Imm(16), reg.Z0, reg.Z1)
	VPSRLQ(Imm(48), reg.Z0, reg.Z2)
	VPSLLQ(Imm(16), reg.Z2, reg.Z2)
	VPSLLQ(Imm(48), reg.Z1, reg.Z1)
	VPSRLQ(Imm(48), reg.Z1, reg.Z1)
	VPORQ(reg.Z1, reg.Z2, reg.Z0)
	VPMOVQD(reg.Z0, reg.Y0)
	VMOVUPS(reg.Y0, Mem{Base: dst})
	ADDQ(Imm(64), src)
	ADDQ(Imm(32), dst)
	SUBQ(Imm(8), n)
	JG(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
