// Command gemm writes the tile kernels of products: families F and W of simd/gemm.go.
package main

import (
	"fmt"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

func main() {
	for m := 1; m <= 14; m++ {
		tileF(avx512, m)
	}
	for m := 1; m <= 6; m++ {
		tileF(avx2, m)
	}
	for m := 1; m <= 14; m++ {
		tileW(avx512, m)
	}
	for m := 1; m <= 6; m++ {
		tileW(avx2, m)
	}
	for m := 1; m <= 14; m++ {
		tileF(bf16, m)
	}
	for m := 1; m <= 14; m++ {
		tileW(bf16, m)
	}
	pairRows()
	pairColumns()
	copyPanels()
	transpose(avx2)
	transpose(avx512)
	for _, v := range []machine{avx2, avx512} {
		peak(v)
	}
	emit.Write("gemm")
}

func name(kind string, m int, v machine) string { return fmt.Sprintf("%s%d%s", kind, m, v.suffix) }
