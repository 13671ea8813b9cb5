//go:build arm64 && gc && !noasm

package simd

func productsNEON() *Products {
	return &Products{Rows: 6, CopyPanels: copyPanelsNEON, Transpose: transposeNEON, Peak: peakNEON, PeakFlops: 2 * 24 * 4,
		F: [15]func(*TileF){1: tileF1NEON, tileF2NEON, tileF3NEON, tileF4NEON, tileF5NEON, tileF6NEON},
		W: [15]func(*TileW){1: tileW1NEON, tileW2NEON, tileW3NEON, tileW4NEON, tileW5NEON, tileW6NEON},
	}
}

func kernelsNEON() *Kernels {
	k := goKernels()
	return k
}

func winogradNEON() *Winograd { return winogradGo() }
