//go:build amd64 && gc && !noasm

package simd

func productsAVX2() *Products {
	return &Products{Rows: 6, CopyPanels: copyPanelsAVX2, Transpose: transposeAVX2, Peak: peakAVX2, PeakFlops: 2 * 12 * 8,
		F: [15]func(*TileF){1: tileF1AVX2, tileF2AVX2, tileF3AVX2, tileF4AVX2, tileF5AVX2, tileF6AVX2},
		W: [15]func(*TileW){1: tileW1AVX2, tileW2AVX2, tileW3AVX2, tileW4AVX2, tileW5AVX2, tileW6AVX2},
	}
}

func productsAVX512() *Products {
	return &Products{Rows: 14, CopyPanels: copyPanelsAVX2, Transpose: transposeAVX2, Peak: peakAVX512, PeakFlops: 2 * 28 * 16,
		F: [15]func(*TileF){
			1: tileF1AVX512, tileF2AVX512, tileF3AVX512, tileF4AVX512, tileF5AVX512, tileF6AVX512, tileF7AVX512,
			tileF8AVX512, tileF9AVX512, tileF10AVX512, tileF11AVX512, tileF12AVX512, tileF13AVX512, tileF14AVX512,
		},
		W: [15]func(*TileW){
			1: tileW1AVX512, tileW2AVX512, tileW3AVX512, tileW4AVX512, tileW5AVX512, tileW6AVX512, tileW7AVX512,
			tileW8AVX512, tileW9AVX512, tileW10AVX512, tileW11AVX512, tileW12AVX512, tileW13AVX512, tileW14AVX512,
		},
	}
}
