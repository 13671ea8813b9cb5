//go:build arm64 && gc && !noasm

package simd

func productsNEON() *Products {
	return &Products{Rows: 6, CopyPanels: copyPanelsNEON, Transpose: transposeNEON, Peak: peakNEON, PeakFlops: 2 * 24 * 4,
		F: [15]func(*TileF){1: tileF1NEON, tileF2NEON, tileF3NEON, tileF4NEON, tileF5NEON, tileF6NEON},
		W: [15]func(*TileW){1: tileW1NEON, tileW2NEON, tileW3NEON, tileW4NEON, tileW5NEON, tileW6NEON},
	}
}

func winogradNEON() *Winograd {
	return &Winograd{
		Input:  [2][2]func(*Transform){{winoInput44NEON, winoInput43NEON}, {winoInput34NEON, winoInput33NEON}},
		Grad:   [2][2]func(*Transform){{winoGrad44NEON, winoGrad43NEON}, {winoGrad34NEON, winoGrad33NEON}},
		Output: [2][2]func(*Transform){{winoOutput44NEON, winoOutput43NEON}, {winoOutput34NEON, winoOutput33NEON}},
		Filter: winoFilterNEON, FilterGrad: winoFilterGradNEON,
	}
}
