// Command amx writes the kernels of the matrix unit: blocks of products in tile registers, and what
// brings operands into the order that it wants. Their definitions are in simd/amx.go.
package main

import "kith/backends/cpu/internal/simd/asmgen/emit"

func main() {
	for high := 1; high <= 2; high++ {
		for wide := 1; wide <= 2; wide++ {
			block(high, wide)
		}
	}
	interleave()
	turnPairs()
	emit.Write("amx")
}
