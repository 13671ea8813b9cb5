package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// peak emits a loop of independent multiply-adds in registers: the rate that shares are of.
func peak(v machine) {
	n := 2 * v.rows
	emit.Func("peak"+v.suffix, "func(loops int)",
		fmt.Sprintf("runs %d·loops independent fused multiply-adds of %d lanes.", n, v.lanes))
	Load(Param("loops"), reg.RCX)
	v.clear(v.rows)
	for h := range 2 {
		VMOVUPS(v.acc(0, 0), v.panel(h))
	}
	Label("loop")
	for i := range n {
		VFMADD231PS(v.panel(0), v.panel(1), v.vec[i])
	}
	SUBQ(Imm(1), reg.RCX)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
