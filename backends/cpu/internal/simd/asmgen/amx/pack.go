package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

var zmm = []reg.VecPhysical{
	reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
	reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
	reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
	reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
}

// interleave emits the pairing of two rows, again and again: zero-extended words, one of them
// shifted, so that 16 pairs are in order without a permutation across lanes.
func interleave() {
	emit.Func("interleaveAMX", "func(dst, lo, hi *uint16, n, rows, step, pitch int)", "is interleave.")
	dst, lo, hi := reg.RDI, reg.RSI, reg.RDX
	n, rows, stride, pitch := reg.R8, reg.R9, reg.R10, reg.R11
	i, left := reg.RAX, reg.RBX
	for _, p := range []param{{"dst", dst}, {"lo", lo}, {"hi", hi}, {"n", n}, {"rows", rows}, {"step", stride}, {"pitch", pitch}} {
		Load(Param(p.name), p.reg)
	}
	ADDQ(stride, stride) // bytes
	ADDQ(pitch, pitch)
	MOVQ(n, reg.RCX) // the mask of the last pairs
	ANDQ(Imm(15), reg.RCX)
	MOVL(U32(1), reg.EAX)
	SHLL(reg.CL, reg.EAX)
	DECL(reg.EAX)
	KMOVW(reg.EAX, reg.K1)

	Label("row")
	XORQ(i, i)
	MOVQ(n, left)
	SUBQ(Imm(16), left)
	JL(LabelRef("rest"))
	Label("more")
	pairs(false)
	ADDQ(Imm(32), i)
	SUBQ(Imm(16), left)
	JGE(LabelRef("more"))
	Label("rest")
	CMPQ(left, I32(-16))
	JE(LabelRef("next"))
	pairs(true)
	Label("next")
	ADDQ(stride, dst)
	ADDQ(pitch, lo)
	ADDQ(pitch, hi)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// pairs emits 16 pairs at the cursor, or fewer by the mask.
func pairs(tail bool) {
	lo, hi := Mem{Base: reg.RSI, Index: reg.RAX, Scale: 1}, Mem{Base: reg.RDX, Index: reg.RAX, Scale: 1}
	dst := Mem{Base: reg.RDI, Index: reg.RAX, Scale: 2}
	if tail {
		VPMOVZXWD_Z(lo, reg.K1, zmm[0])
		VPMOVZXWD_Z(hi, reg.K1, zmm[1])
	} else {
		VPMOVZXWD(lo, zmm[0])
		VPMOVZXWD(hi, zmm[1])
	}
	VPSLLD(Imm(16), zmm[1], zmm[1])
	VPORD(zmm[0], zmm[1], zmm[0])
	if tail {
		VMOVDQU32(zmm[0], reg.K1, dst)
	} else {
		VMOVDQU32(zmm[0], dst)
	}
}

// turnPairs emits the transposition of pairs in blocks of 16×16.
func turnPairs() {
	emit.Func("turnPairsAMX", "func(dst, src *uint32, ld, pitch, cols, pairs int)", "is turnPairs.")
	dst, src, ld, pitch := reg.RDI, reg.RSI, reg.R8, reg.R9
	cols, rows := reg.R10, reg.R11
	d, s, left := reg.RAX, reg.RBX, reg.RCX
	for _, p := range []param{{"dst", dst}, {"src", src}, {"ld", ld}, {"pitch", pitch}, {"cols", cols}, {"pairs", rows}} {
		Load(Param(p.name), p.reg)
	}
	SHLQ(Imm(2), ld)
	SHLQ(Imm(2), pitch)
	Label("pairs")
	MOVQ(dst, reg.R12)
	MOVQ(src, reg.R13)
	MOVQ(cols, left)
	Label("cols")
	MOVQ(reg.R13, s)
	MOVQ(reg.R12, d)
	for i := range 16 {
		VMOVDQU32(Mem{Base: s}, zmm[i])
		ADDQ(pitch, s)
	}
	turn16()
	for i := range 16 {
		VMOVDQU32(zmm[i], Mem{Base: d})
		ADDQ(ld, d)
	}
	MOVQ(d, reg.R12)
	ADDQ(Imm(64), reg.R13)
	SUBQ(Imm(16), left)
	JG(LabelRef("cols"))
	ADDQ(Imm(64), dst)
	MOVQ(pitch, s)
	SHLQ(Imm(4), s)
	ADDQ(s, src)
	SUBQ(Imm(16), rows)
	JG(LabelRef("pairs"))
	VZEROUPPER()
	RET()
}

// turn16 transposes the words of registers 0 to 15: pairs, quads, then lanes of 128 bits twice.
func turn16() {
	r, t := zmm[:16], zmm[16:]
	for i := 0; i < 16; i += 2 {
		VPUNPCKLDQ(r[i+1], r[i], t[i])
		VPUNPCKHDQ(r[i+1], r[i], t[i+1])
	}
	for i := 0; i < 16; i += 4 {
		VPUNPCKLQDQ(t[i+2], t[i], r[i])
		VPUNPCKHQDQ(t[i+2], t[i], r[i+1])
		VPUNPCKLQDQ(t[i+3], t[i+1], r[i+2])
		VPUNPCKHQDQ(t[i+3], t[i+1], r[i+3])
	}
	for half := 0; half < 16; half += 8 {
		for i := range 4 {
			VSHUFI32X4(Imm(0x88), r[half+i+4], r[half+i], t[half+i])
			VSHUFI32X4(U8(0xdd), r[half+i+4], r[half+i], t[half+i+4])
		}
	}
	for i := range 8 {
		VSHUFI32X4(Imm(0x88), t[i+8], t[i], r[i])
		VSHUFI32X4(U8(0xdd), t[i+8], t[i], r[i+8])
	}
}

// A param is a parameter and the register that it goes to.
type param struct {
	name string
	reg  reg.GPPhysical
}
