package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// lanes emits flat reductions into 16 lanes: one vector on AVX-512, two on AVX2. Lengths are
// multiples of 16; Go adds the rest to the lanes and folds them.
func lanes(m *machine) {
	per := 16 / m.lanes
	at := func(p, i int) Mem { return Mem{Base: pointers[p], Disp: i * m.bytes()} }
	loop := func(params []string, body func(i int, acc vec)) {
		for i, s := range append([]string{"lanes"}, params...) {
			Load(Param(s).Base(), pointers[i])
		}
		Load(Param("x").Len(), count)
		for i := range per {
			VMOVUPS(at(0, i), m.vec[i])
		}
		TESTQ(count, count)
		JZ(LabelRef("end"))
		Label("more")
		for i := range per {
			body(i, m.vec[i])
		}
		for i := range params {
			ADDQ(Imm(64), pointers[1+i])
		}
		SUBQ(Imm(16), count)
		JNZ(LabelRef("more"))
		Label("end")
		for i := range per {
			VMOVUPS(m.vec[i], at(0, i))
		}
		VZEROUPPER()
		RET()
	}

	emit.Func("sum"+m.suffix, "func(lanes, x []float32)", "adds x[i] to lanes[i mod 16]; the length of x is a multiple of 16.")
	loop([]string{"x"}, func(i int, acc vec) { VADDPS(at(1, i), acc, acc) })

	emit.Func("sumSq"+m.suffix, "func(lanes, x []float32)", "adds x[i]² to lanes[i mod 16]; the length of x is a multiple of 16.")
	loop([]string{"x"}, func(i int, acc vec) {
		VMOVUPS(at(1, i), m.vec[4+i])
		m.fma(acc, m.vec[4+i], m.vec[4+i])
	})

	emit.Func("dot"+m.suffix, "func(lanes, x, y []float32)", "adds x[i]·y[i] to lanes[i mod 16]; the length of x is a multiple of 16.")
	loop([]string{"x", "y"}, func(i int, acc vec) {
		VMOVUPS(at(1, i), m.vec[4+i])
		VFMADD231PS(at(2, i), m.vec[4+i], acc)
	})

	// A NaN wins: x is kept where not x ≤ acc, unless acc is NaN already.
	emit.Func("max"+m.suffix, "func(lanes, x []float32)", "raises lanes[i mod 16] to x[i], or to NaN; the length of x is a multiple of 16.")
	loop([]string{"x"}, func(i int, acc vec) {
		x, was := m.vec[4+i], m.vec[6+i]
		VMOVUPS(at(1, i), x)
		VMOVAPS(acc, was)
		m.max(acc, x, acc) // x where one is NaN
		m.choose(acc, was, was, was, unordered, m.vec[8+i])
	})
}
