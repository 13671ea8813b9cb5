package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// prefetch emits loads into the nearest cache of memory that is read soon. It takes no vectors and
// is the same on both levels.
func prefetch() {
	emit.Func("prefetch", "func(p *float32, n int)", "asks for the n bytes at p, a cache line at a time.")
	p, n := reg.RDI, reg.RSI
	Load(Param("p"), p)
	Load(Param("n"), n)
	Label("line")
	PREFETCHT0(Mem{Base: p})
	ADDQ(Imm(64), p)
	SUBQ(Imm(64), n)
	JG(LabelRef("line"))
	RET()
}
