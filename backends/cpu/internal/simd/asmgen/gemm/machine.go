package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A machine is a level as the kernels see it.
type machine struct {
	suffix string
	vec    []reg.VecPhysical // all vector registers
	lanes  int               // floats in one
	rows   int               // tallest tile
	halves int               // passes over a panel of 32 columns, two vectors each

	// pairs says that elements are pairs of bf16, multiplied by VDPBF16PS. Everything else about a
	// tile is the same.
	pairs bool
}

var (
	avx2   = machine{"AVX2", ymm, 8, 6, 2, false}
	avx512 = machine{"AVX512", zmm, 16, 14, 1, false}
	bf16   = machine{"BF16", zmm, 16, 14, 1, true}
)

var ymm = []reg.VecPhysical{
	reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
	reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
}

var zmm = []reg.VecPhysical{
	reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
	reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
	reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
	reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
}

// bytes is the size of a vector register.
func (v machine) bytes() int { return 4 * v.lanes }

// Accumulators come first, then two panel registers, then two for broadcasts.
func (v machine) acc(row, half int) reg.VecPhysical { return v.vec[2*row+half] }
func (v machine) panel(half int) reg.VecPhysical    { return v.vec[2*v.rows+half] }
func (v machine) spread(i int) reg.VecPhysical      { return v.vec[2*v.rows+2+i%2] }

// clear zeros the accumulators of m rows.
func (v machine) clear(m int) {
	for r := range m {
		for h := range 2 {
			z := v.acc(r, h)
			if v.lanes == 16 {
				VPXORD(z, z, z)
			} else {
				VXORPS(z, z, z)
			}
		}
	}
}

// step emits one step of depth: the products of m values at a(row) and 2 vectors at b.
func (v machine) step(m int, a func(row int) Mem, b Mem) {
	for h := range 2 {
		VMOVUPS(b.Offset(h*v.bytes()), v.panel(h))
	}
	for r := range m {
		// A separate broadcast, not the embedded form, which costs a load for each product.
		VBROADCASTSS(a(r), v.spread(r))
		for h := range 2 {
			if v.pairs {
				dotPairs(2*r+h, 2*v.rows+h, 2*v.rows+2+r%2)
			} else {
				VFMADD231PS(v.panel(h), v.spread(r), v.acc(r, h))
			}
		}
	}
}

// store emits c = acc, or c += acc where add is not 0.
func (v machine) store(m int, add reg.GPPhysical, label string, c func(row int) Mem) {
	TESTQ(add, add)
	JZ(LabelRef(label + "_set"))
	for r := range m {
		for h := range 2 {
			VADDPS(c(r).Offset(h*v.bytes()), v.acc(r, h), v.acc(r, h))
		}
	}
	Label(label + "_set")
	for r := range m {
		for h := range 2 {
			VMOVUPS(v.acc(r, h), c(r).Offset(h*v.bytes()))
		}
	}
}

// A pitch addresses seven rows from one base: multiples 1, 3 and 5 lie in registers, and index
// scales of 1, 2 and 4 give the others.
type pitch struct{ one, three, five reg.GPPhysical }

// set loads the pitch from m.
func (p pitch) set(m Mem) {
	MOVQ(m, p.one)
	LEAQ(Mem{Base: p.one, Index: p.one, Scale: 2}, p.three)
	LEAQ(Mem{Base: p.one, Index: p.one, Scale: 4}, p.five)
}

// row returns the address of row r from base.
func (p pitch) row(base reg.GPPhysical, r int) Mem {
	switch r {
	case 0:
		return Mem{Base: base}
	case 1, 2, 4:
		return Mem{Base: base, Index: p.one, Scale: uint8(r)}
	case 3:
		return Mem{Base: base, Index: p.three, Scale: 1}
	case 5:
		return Mem{Base: base, Index: p.five, Scale: 1}
	}
	return Mem{Base: base, Index: p.three, Scale: 2}
}

// rows returns rows 0 to 6 from lo and 7 to 13 from hi.
func (p pitch) rows(lo, hi reg.GPPhysical) func(int) Mem {
	return func(r int) Mem {
		if r < 7 {
			return p.row(lo, r)
		}
		return p.row(hi, r-7)
	}
}

// dotPairs emits VDPBF16PS on 512-bit registers, which the assembler does not know:
// dst += src1·src2, pair by pair.
func dotPairs(dst, src1, src2 int) {
	for _, b := range evex512(2, 0x52, dst, src1, src2) {
		Instruction(&ir.Instruction{Opcode: "BYTE", Operands: []Op{Imm(uint64(b))}})
	}
}

// evex512 encodes an EVEX.512 instruction of map 0F38 on registers; pp is 2 (F3) or 3 (F2).
func evex512(pp, opcode byte, dst, src1, src2 int) []byte {
	inv := func(bit int) byte { return byte(bit&1) ^ 1 }
	p0 := inv(dst>>3)<<7 | inv(src2>>4)<<6 | inv(src2>>3)<<5 | inv(dst>>4)<<4 | 2
	p1 := byte(^src1&15)<<3 | 4 | pp
	p2 := byte(0x40) | inv(src1>>4)<<3
	return []byte{0x62, p0, p1, p2, opcode, 0xc0 | byte(dst&7)<<3 | byte(src2&7)}
}
