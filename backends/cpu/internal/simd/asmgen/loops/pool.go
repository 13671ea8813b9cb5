package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// pool emits the kernels that compare bytes with a tap, 16 elements at a time.
func pool(m *machine) {
	per := 16 / m.lanes
	tap := reg.X13
	begin := func(names ...string) {
		for i, s := range names {
			Load(Param(s).Base(), pointers[i])
		}
		Load(Param(names[0]).Len(), count)
		Load(Param("tap"), reg.AL)
		MOVBLZX(reg.AL, reg.EAX)
		VMOVD(reg.EAX, tap)
		VPBROADCASTB(tap, tap)
		TESTQ(count, count)
		JZ(LabelRef("end"))
		Label("more")
	}
	end := func(bytes ...uint64) {
		for i, n := range bytes {
			ADDQ(Imm(n), pointers[i])
		}
		SUBQ(Imm(16), count)
		JNZ(LabelRef("more"))
		Label("end")
		VZEROUPPER()
		RET()
	}

	emit.Func("maxTap"+m.suffix, "func(best []float32, arg []uint8, x []float32, tap uint8)", "is MaxTap for a multiple of 16 elements.")
	begin("best", "arg", "x")
	for i := range per {
		best, x, up, t := m.vec[4*i], m.vec[4*i+1], m.vec[4*i+2], m.vec[4*i+3]
		at := func(p int) Mem { return Mem{Base: pointers[p], Disp: m.bytes() * i} }
		VMOVUPS(at(0), best)
		VMOVUPS(at(2), x)
		if m.wide { // not x ≤ best, and best no NaN
			VCMPPS(U8(notLessOrEqual), best, x, reg.K1)
			VCMPPS(U8(ordered), best, best, reg.K2)
			KANDW(reg.K1, reg.K2, reg.K1)
			VMOVUPS(x, reg.K1, at(0))
			VMOVDQU8(tap, reg.K1, Mem{Base: pointers[1]})
			continue
		}
		VCMPPS(U8(notLessOrEqual), best, x, up)
		VCMPPS(U8(ordered), best, best, t)
		VANDPS(t, up, up)
		VBLENDVPS(up, x, best, best)
		VMOVUPS(best, at(0))
	}
	if !m.wide {
		m0, m1, lo, hi, arg := reg.Y2, reg.Y6, reg.X2, reg.X6, reg.X0
		VPACKSSDW(m1, m0, m0)
		VPERMQ(Imm(0xd8), m0, m0)
		VEXTRACTI128(Imm(1), m0, hi)
		VPACKSSWB(hi, lo, lo)
		VMOVDQU(Mem{Base: pointers[1]}, arg)
		VPBLENDVB(lo, tap, arg, arg)
		VMOVDQU(arg, Mem{Base: pointers[1]})
	}
	end(64, 16, 64)

	emit.Func("addWhen"+m.suffix, "func(dst, dy []float32, arg []uint8, tap uint8)", "is AddWhen for a multiple of 16 elements.")
	begin("dst", "dy", "arg")
	VMOVDQU(Mem{Base: pointers[2]}, reg.X12)
	if m.wide {
		VPCMPEQB(tap, reg.X12, reg.K1)
		VMOVUPS(Mem{Base: pointers[0]}, m.vec[0])
		VADDPS(Mem{Base: pointers[1]}, m.vec[0], reg.K1, m.vec[0])
		VMOVUPS(m.vec[0], Mem{Base: pointers[0]})
	} else {
		VPCMPEQB(tap, reg.X12, reg.X12)
		for i := range per {
			at := func(p int) Mem { return Mem{Base: pointers[p], Disp: m.bytes() * i} }
			mask, dst, sum := m.vec[3*i], m.vec[3*i+1], m.vec[3*i+2]
			if i == 1 {
				VPSRLDQ(Imm(8), reg.X12, reg.X12)
			}
			VPMOVSXBD(reg.X12, mask)
			VMOVUPS(at(0), dst)
			VADDPS(at(1), dst, sum)
			VBLENDVPS(mask, sum, dst, dst)
			VMOVUPS(dst, at(0))
		}
	}
	end(64, 64, 16)
}
