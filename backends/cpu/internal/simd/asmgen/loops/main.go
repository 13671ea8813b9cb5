// Command loops writes the kernels that are not products: those of the table in simd/kernels.go.
package main

import "kith/backends/cpu/internal/simd/asmgen/emit"

func main() {
	tailMasks()
	fence()
	for _, m := range []*machine{avx2, avx512} {
		arith(m)
		masked(m)
		exp(m)
		convert(m)
		masks(m)
		columns(m)
		merge(m)
		rebase(m)
		stream(m)
		lanes(m)
		pool(m)
		emit.Table(m.suffix, true)
	}
	emit.Write("loops")
}
