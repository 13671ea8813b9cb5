// Command neon writes the kernels of the level neon, for arm64: those that the other programs write
// for amd64, in the same order of sums.
package main

import "kith/backends/cpu/internal/simd/asmgen/emit"

func main() {
	for m := 1; m <= tallest; m++ {
		tileF(m)
	}
	for m := 1; m <= tallest; m++ {
		tileW(m)
	}
	copyPanels()
	transpose()
	peak()
	arith()
	exp()
	lanes()
	columns()
	merge()
	rebase()
	choose()
	aboveBits()
	pool()
	convert()
	winograd()
	emit.Table("NEON", false) // the assembler knows no store that goes around the caches
	emit.WriteText("neon", text.String())
}
