package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The assembler knows nothing of tile registers; their instructions are written as bytes. All are
// VEX.128 of map 0F38 with W = 0 and differ in the opcode and the prefix that VEX holds.
const (
	none  = 0 // no prefix
	pre66 = 1
	preF3 = 2
	preF2 = 3

	opConfig = 0x49 // LDTILECFG (none, memory), TILERELEASE (none, C0), TILEZERO (F2)
	opMove   = 0x4b // TILELOADD (F2), TILESTORED (F3)
	opDot    = 0x5c // TDPBF16PS (F3)
)

// vex is the prefix and opcode. r, x and b are the high bits of the register, the index and the base
// of what follows; v is the third register.
func vex(pp, opcode byte, r, x, b, v int) []byte {
	inv := func(high int) byte { return byte(high&1) ^ 1 }
	return []byte{0xc4, inv(r)<<7 | inv(x)<<6 | inv(b)<<5 | 2, byte(^v&15)<<3 | pp, opcode}
}

// loadConfig is LDTILECFG [base].
func loadConfig(base int) []byte {
	return append(vex(none, opConfig, 0, 0, base>>3, 0), address(0, base, -1)...)
}

// release is TILERELEASE.
func release() []byte { return append(vex(none, opConfig, 0, 0, 0, 0), 0xc0) }

// zero is TILEZERO tile.
func zero(tile int) []byte { return append(vex(preF2, opConfig, 0, 0, 0, 0), 0xc0|byte(tile)<<3) }

// move is TILELOADD tile, [base+pitch] or, with prefix F3, TILESTORED: rows pitch apart from base on.
func move(pp byte, tile, base, pitch int) []byte {
	return append(vex(pp, opMove, 0, pitch>>3, base>>3, 0), address(tile, base, pitch)...)
}

// dot is TDPBF16PS c, a, b.
func dot(c, a, b int) []byte {
	return append(vex(preF3, opDot, 0, 0, 0, b), 0xc0|byte(c)<<3|byte(a))
}

// address is ModRM and SIB of [base+index] without displacement; index −1 is none, which takes no
// SIB. Bases whose low bits are those of RSP or RBP would need other forms; kernels use none.
func address(register, base, index int) []byte {
	if base&7 == 4 || base&7 == 5 || index == 4 {
		panic("base or index needs another form")
	}
	if index < 0 {
		return []byte{byte(register)<<3 | byte(base&7)}
	}
	return []byte{byte(register)<<3 | 4, byte(index&7)<<3 | byte(base&7)}
}

// emitBytes puts an instruction into the function.
func emitBytes(code []byte) {
	for _, b := range code {
		Instruction(&ir.Instruction{Opcode: "BYTE", Operands: []Op{Imm(uint64(b))}})
	}
}

// number is a register as instructions count.
func number(r reg.GPPhysical) int { return int(r.PhysicalIndex()) }
