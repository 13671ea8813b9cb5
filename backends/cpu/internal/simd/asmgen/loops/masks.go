package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

func masks(m *machine) {
	emit.Func("select"+m.suffix, "func(dst, a, b []float32, cond []uint8)", "is Select for a multiple of 16 elements.")
	for i, s := range []string{"dst", "a", "b", "cond"} {
		Load(Param(s).Base(), pointers[i])
	}
	Load(Param("dst").Len(), count)
	zero := m.top(2)
	m.zero(zero)
	TESTQ(count, count)
	JZ(LabelRef("end"))
	Label("more")
	for i := range 16 / m.lanes {
		a, b, c := m.vec[3*i], m.vec[3*i+1], m.vec[3*i+2]
		at := func(p int) Mem { return Mem{Base: pointers[p], Disp: m.bytes() * i} }
		VPMOVZXBD(Mem{Base: pointers[3], Disp: m.lanes * i}, c)
		VMOVUPS(at(2), b)
		VMOVUPS(at(1), a)
		if m.wide {
			VPTESTMD(c, c, reg.K1)
			VMOVAPS(a, reg.K1, b)
		} else {
			VPCMPEQD(zero, c, c) // ones where cond = 0
			VBLENDVPS(c, b, a, b)
		}
		VMOVUPS(b, at(0))
	}
	for _, p := range pointers[:3] {
		ADDQ(Imm(64), p)
	}
	ADDQ(Imm(16), pointers[3])
	SUBQ(Imm(16), count)
	JNZ(LabelRef("more"))
	Label("end")
	VZEROUPPER()
	RET()

	emit.Func("above"+m.suffix, "func(mask []uint32, x, y []float32)", "is Above.")
	for i, s := range []string{"mask", "x", "y"} {
		Load(Param(s).Base(), pointers[i])
	}
	Load(Param("mask").Len(), count)
	per := 32 / m.lanes
	y := m.vec[4 : 4+per]
	for i, r := range y {
		VMOVUPS(Mem{Base: pointers[2], Disp: m.bytes() * i}, r)
	}
	TESTQ(count, count)
	JZ(LabelRef("end"))
	Label("more")
	for i := range per {
		x := m.vec[i]
		VMOVUPS(Mem{Base: pointers[1], Disp: m.bytes() * i}, x)
		if m.wide {
			VCMPPS(U8(notLessOrEqual), y[i], x, []reg.OpmaskPhysical{reg.K1, reg.K2}[i])
			continue
		}
		VCMPPS(U8(notLessOrEqual), y[i], x, x)
		if i == 0 {
			VMOVMSKPS(x, reg.EAX)
			continue
		}
		VMOVMSKPS(x, reg.ECX)
		SHLL(Imm(uint64(8*i)), reg.ECX)
		ORL(reg.ECX, reg.EAX)
	}
	if m.wide {
		KUNPCKWD(reg.K1, reg.K2, reg.K1)
		KMOVD(reg.K1, reg.EAX)
	}
	MOVL(reg.EAX, Mem{Base: pointers[0]})
	ADDQ(Imm(4), pointers[0])
	ADDQ(U32(128), pointers[1])
	DECQ(count)
	JNZ(LabelRef("more"))
	Label("end")
	VZEROUPPER()
	RET()
}
