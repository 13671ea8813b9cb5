package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A machine is a level as the kernels see it. Its methods emit one operation on a vector, with the
// destination first, which both levels round alike.
type machine struct {
	suffix string
	lanes  int
	vec    []reg.VecPhysical
	wide   bool // AVX-512
}

var (
	avx2 = &machine{"AVX2", 8, []reg.VecPhysical{
		reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
	}, false}
	avx512 = &machine{"AVX512", 16, []reg.VecPhysical{
		reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
		reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
		reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
	}, true}
)

type vec = reg.VecPhysical

func (m *machine) bytes() int { return 4 * m.lanes }

// top returns the i-th register from the end, for what stays through a loop.
func (m *machine) top(i int) vec { return m.vec[len(m.vec)-1-i] }

// tail is the mask of the last, short vector: a vector of ones and zeros on AVX2, a mask register
// on AVX-512.
var (
	tailVec  = reg.Y15
	tailK    = reg.K7
	tailOnes Mem // eight words of ones, then eight zeros
)

func tailMasks() {
	tailOnes = GLOBL("tailOnes", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(uint32([]uint64{0xffffffff, 0}[i/8])))
	}
}

// setTail makes the mask for n < lanes elements.
func (m *machine) setTail(n reg.GPPhysical) {
	if m.wide {
		MOVL(U32(1), reg.EAX)
		MOVQ(n, reg.RCX)
		SHLL(reg.CL, reg.EAX)
		DECL(reg.EAX)
		KMOVW(reg.EAX, tailK)
		return
	}
	LEAQ(tailOnes, reg.RAX)
	MOVQ(n, reg.RCX)
	NEGQ(reg.RCX)
	VMOVDQU(Mem{Base: reg.RAX, Index: reg.RCX, Scale: 4, Disp: 32}, tailVec)
}

// load and store move a vector, or its head under the tail mask.
func (m *machine) load(dst vec, from Mem, tail bool) {
	switch {
	case !tail:
		VMOVUPS(from, dst)
	case m.wide:
		VMOVUPS_Z(from, tailK, dst)
	default:
		VMASKMOVPS(from, tailVec, dst)
	}
}

func (m *machine) store(to Mem, src vec, tail bool) {
	switch {
	case !tail:
		VMOVUPS(src, to)
	case m.wide:
		VMOVUPS(src, tailK, to)
	default:
		VMASKMOVPS(src, tailVec, to)
	}
}

func (m *machine) zero(z vec) {
	if m.wide {
		VPXORD(z, z, z)
		return
	}
	VXORPS(z, z, z)
}

// spread fills a register with one word.
func (m *machine) spread(dst vec, word uint32) {
	MOVL(U32(word), reg.EAX)
	x := dst.AsX()
	if m.wide {
		VPBROADCASTD(reg.EAX, dst)
		return
	}
	VMOVD(reg.EAX, x)
	VPBROADCASTD(x, dst)
}

// The operations, dst first.
func (m *machine) add(dst, x, y vec) { VADDPS(y, x, dst) }
func (m *machine) sub(dst, x, y vec) { VSUBPS(y, x, dst) }
func (m *machine) mul(dst, x, y vec) { VMULPS(y, x, dst) }
func (m *machine) div(dst, x, y vec) { VDIVPS(y, x, dst) }
func (m *machine) sqrt(dst, x vec)   { VSQRTPS(x, dst) }

// max is s where x < s, else x: so a NaN of x stays, and so does its -0.
func (m *machine) max(dst, x, s vec) { VMAXPS(x, s, dst) }
func (m *machine) min(dst, x, s vec) { VMINPS(x, s, dst) }

// fma is acc + x·y, rounded once.
func (m *machine) fma(acc, x, y vec) { VFMADD231PS(y, x, acc) }

// and, or and the shifts work on words.
func (m *machine) and(dst, x, y vec) {
	if m.wide {
		VPANDD(y, x, dst)
		return
	}
	VPAND(y, x, dst)
}

func (m *machine) or(dst, x, y vec) {
	if m.wide {
		VPORD(y, x, dst)
		return
	}
	VPOR(y, x, dst)
}

func (m *machine) addInt(dst, x, y vec) { VPADDD(y, x, dst) }
func (m *machine) subInt(dst, x, y vec) { VPSUBD(y, x, dst) }

// Predicates of compare.
const (
	unordered      = 3
	ordered        = 7
	notLessOrEqual = 22 // true for NaN
	greater        = 30 // false for NaN
)

// keep zeroes the elements of dst = x where not a ⟨predicate⟩ b; scratch is a free register.
func (m *machine) keep(dst, x, a, b vec, predicate uint8, scratch vec) {
	if m.wide {
		VCMPPS(U8(predicate), b, a, reg.K1)
		VMOVAPS_Z(x, reg.K1, dst)
		return
	}
	VCMPPS(U8(predicate), b, a, scratch)
	VANDPS(x, scratch, dst)
}

// choose sets dst to x where a ⟨predicate⟩ b, else leaves it.
func (m *machine) choose(dst, x, a, b vec, predicate uint8, scratch vec) {
	if m.wide {
		VCMPPS(U8(predicate), b, a, reg.K1)
		VMOVAPS(x, reg.K1, dst)
		return
	}
	VCMPPS(U8(predicate), b, a, scratch)
	VBLENDVPS(scratch, x, dst, dst)
}
