package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// stream emits a copy whose stores go around the caches. A store to a line that is not cached
// fetches it first; a whole line written like this is not fetched.
func stream(m *machine) {
	emit.Func("stream"+m.suffix, "func(dst, x []float32)", "copies a multiple of 16 elements to dst, which is aligned to 64 bytes.")
	Load(Param("dst").Base(), pointers[0])
	Load(Param("x").Base(), pointers[1])
	Load(Param("dst").Len(), count)
	TESTQ(count, count)
	JZ(LabelRef("end"))
	Label("more")
	for i := range 16 / m.lanes {
		VMOVUPS(Mem{Base: pointers[1], Disp: i * m.bytes()}, m.vec[i])
		VMOVNTPS(m.vec[i], Mem{Base: pointers[0], Disp: i * m.bytes()})
	}
	ADDQ(Imm(64), pointers[0])
	ADDQ(Imm(64), pointers[1])
	SUBQ(Imm(16), count)
	JNZ(LabelRef("more"))
	Label("end")
	VZEROUPPER()
	RET()
}

// fence emits the order between streamed stores and whatever follows.
func fence() {
	emit.Func("fence", "func()", "makes streamed stores visible before later ones.")
	SFENCE()
	RET()
}
