// Command halves writes kernels that read and write bf16 numbers where they lie: those of the table
// in simd/halves.go.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

type vec = reg.VecPhysical

// Constants stay in registers; a body may use the others.
var (
	one, half, top, quiet, zero, least = reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31
	free                               = []vec{
		reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10, reg.Z11,
		reg.Z12, reg.Z13, reg.Z14, reg.Z15, reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
	}
	operands = []reg.GPPhysical{reg.RDI, reg.RSI, reg.RDX, reg.R8, reg.R9, reg.R10, reg.R11, reg.R12}
	index    = reg.RBX // elements done
	count    = reg.RCX
)

func main() {
	for _, relu := range []bool{false, true} {
		for _, narrow := range []bool{false, true} {
			norm(relu, narrow)
			normAdd(relu, narrow)
		}
	}
	sub()
	mask()
	addMask()
	gradient()
	emit.Write("halves")
}

// wide is 16 float32 of operand i, narrow 16 bf16 numbers.
func wide(i int) Mem   { return Mem{Base: operands[i], Index: index, Scale: 4} }
func narrow(i int) Mem { return Mem{Base: operands[i], Index: index, Scale: 2} }

// load widens bf16 numbers into z.
func load(from Mem, z vec) {
	VPMOVZXWD(from, z)
	VPSLLD(Imm(16), z, z)
}

// round rounds x to bf16, in integers: half of the last place that stays, less one where that place
// is even. A NaN stays one. t is a free register.
func round(x, t vec, k reg.OpmaskPhysical) {
	VPSRLD(Imm(16), x, t)
	VPANDD(one, t, t)
	VPADDD(half, t, t)
	VPADDD(x, t, t)
	VCMPPS(U8(3), x, x, k) // unordered
	VPORD(quiet, x, k, t)
	VPANDD(top, t, x)
}

// store writes what round has left as bf16.
func store(x vec, to Mem) {
	VPSRLD(Imm(16), x, x)
	VPMOVDW(x, to)
}

// kernel emits a loop over n operands, 16 elements at a time.
func kernel(name string, n int, body func(z []vec, k reg.OpmaskPhysical)) {
	emit.Func(name+"AVX512", "func(p *Pointers, n int)", "is "+name+" for a multiple of 16 elements.")
	Load(Param("p"), reg.RAX)
	Load(Param("n"), count)
	for i := range n {
		MOVQ(Mem{Base: reg.RAX, Disp: 8 * i}, operands[i])
	}
	for _, c := range []struct {
		z    vec
		word uint32
	}{{one, 1}, {half, 0x7fff}, {top, 0xffff0000}, {quiet, 0x400000}, {zero, 0}, {least, 0x8000}} {
		MOVL(U32(c.word), reg.EAX)
		VPBROADCASTD(reg.EAX, c.z)
	}
	XORQ(index, index)
	TESTQ(count, count)
	JZ(LabelRef("end"))
	Label("more")
	body(free[:12], reg.K1)
	ADDQ(Imm(16), index)
	SUBQ(Imm(16), count)
	JNZ(LabelRef("more"))
	Label("end")
	VZEROUPPER()
	RET()
}

// norm emits round((x - m)·a + b), and its ReLU.
func norm(relu, halves bool) {
	name := "norm"
	if relu {
		name += "Max"
	}
	if halves {
		name += "Half"
	}
	kernel(name, 5, func(z []vec, k reg.OpmaskPhysical) {
		apply(z[0])
		if relu {
			VMAXPS(z[0], zero, z[0])
		}
		round(z[0], z[1], k)
		if halves {
			store(z[0], narrow(0))
		} else {
			VMOVUPS(z[0], wide(0))
		}
	})
}

// apply emits (x - m)·a + b of operands 1 to 4.
func apply(z vec) {
	load(narrow(1), z)
	VSUBPS(wide(2), z, z)
	VMULPS(wide(3), z, z)
	VADDPS(wide(4), z, z)
}

// normAdd emits round(round((x - m)·a + b) + y), and its ReLU.
func normAdd(relu, halves bool) {
	name := "normAdd"
	if relu {
		name += "Max"
	}
	if halves {
		name += "Half"
	}
	kernel(name, 6, func(z []vec, k reg.OpmaskPhysical) {
		apply(z[0])
		round(z[0], z[1], k)
		load(narrow(5), z[1])
		VADDPS(z[1], z[0], z[0])
		round(z[0], z[1], k)
		if relu {
			VMAXPS(z[0], zero, z[0])
		}
		if halves {
			store(z[0], narrow(0))
		} else {
			VMOVUPS(z[0], wide(0))
		}
	})
}

// sub emits x - m.
func sub() {
	kernel("subHalf", 3, func(z []vec, _ reg.OpmaskPhysical) {
		load(narrow(1), z[0])
		VSUBPS(wide(2), z[0], z[0])
		VMOVUPS(z[0], wide(0))
	})
}

// addMask emits round(g + x) where y > 0, else 0.
func addMask() {
	kernel("addMask", 4, func(z []vec, k reg.OpmaskPhysical) {
		load(narrow(2), z[0])
		VADDPS(wide(1), z[0], z[0])
		round(z[0], z[1], k)
		load(narrow(3), z[1])
		VCMPPS(U8(30), zero, z[1], k)
		VMOVAPS_Z(z[0], k, z[0])
		VMOVUPS(z[0], wide(0))
	})
}

// mask emits d = z - m, and g where round(d·a + b) > 0, else 0. Rounded to bf16, what is above half of
// the least number is above 0.
func mask() {
	kernel("mask", 7, func(z []vec, k reg.OpmaskPhysical) {
		load(narrow(3), z[0])
		VSUBPS(wide(4), z[0], z[0])
		VMOVUPS(z[0], wide(1))
		VMULPS(wide(5), z[0], z[0])
		VADDPS(wide(6), z[0], z[0])
		VCMPPS(U8(30), least, z[0], k) // greater, false for NaN
		VMOVUPS_Z(wide(2), k, z[1])
		VMOVUPS(z[1], wide(0))
	})
}

// gradient emits round((g - (z - m)·k - c)·a).
func gradient() {
	kernel("gradient", 7, func(z []vec, k reg.OpmaskPhysical) {
		load(narrow(2), z[0])
		VSUBPS(wide(3), z[0], z[0])
		VMULPS(wide(4), z[0], z[0])
		load(narrow(1), z[1])
		VSUBPS(z[0], z[1], z[1])
		VSUBPS(wide(5), z[1], z[1])
		VMULPS(wide(6), z[1], z[1])
		round(z[1], z[2], k)
		store(z[1], narrow(0))
	})
}
