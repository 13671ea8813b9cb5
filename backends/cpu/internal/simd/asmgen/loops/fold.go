package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// fold emits the step from float32 sums to float64 ones, 16 columns at a time.
func fold(m *machine) {
	emit.Func("drain"+m.suffix, "func(acc []float64, x []float32)", "is Drain for a multiple of 16 elements.")
	Load(Param("acc").Base(), pointers[0])
	Load(Param("x").Base(), pointers[1])
	Load(Param("x").Len(), count)
	zero := m.top(2)
	m.zero(zero)
	TESTQ(count, count)
	JZ(LabelRef("end"))
	Label("more")
	half := m.lanes / 2 // doubles in a vector
	for i := range 16 / half {
		x := m.vec[i]
		acc := Mem{Base: pointers[0], Disp: i * m.bytes()}
		VCVTPS2PD(Mem{Base: pointers[1], Disp: 4 * half * i}, x)
		VADDPD(acc, x, x)
		VMOVUPD(x, acc)
	}
	for i := range 16 / m.lanes {
		VMOVUPS(zero, Mem{Base: pointers[1], Disp: i * m.bytes()})
	}
	ADDQ(U32(128), pointers[0])
	ADDQ(Imm(64), pointers[1])
	SUBQ(Imm(16), count)
	JNZ(LabelRef("more"))
	Label("end")
	VZEROUPPER()
	RET()
}
