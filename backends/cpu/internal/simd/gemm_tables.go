//go:build amd64 && gc && !noasm

package simd

import (
	"github.com/klauspost/cpuid/v2"
	"golang.org/x/sys/cpu"
)

func productsAVX2() *Products {
	return &Products{Rows: 6, CopyPanels: copyPanelsAVX2, Transpose: transposeAVX2, Peak: peakAVX2, PeakFlops: 2 * 12 * 8,
		F: [15]func(*TileF){1: tileF1AVX2, tileF2AVX2, tileF3AVX2, tileF4AVX2, tileF5AVX2, tileF6AVX2},
		W: [15]func(*TileW){1: tileW1AVX2, tileW2AVX2, tileW3AVX2, tileW4AVX2, tileW5AVX2, tileW6AVX2},
	}
}

func productsAVX512() *Products {
	p := &Products{Rows: 14, CopyPanels: copyPanelsAVX2, Transpose: transposeAVX512, Peak: peakAVX512, PeakFlops: 2 * 28 * 16,
		F: [15]func(*TileF){
			1: tileF1AVX512, tileF2AVX512, tileF3AVX512, tileF4AVX512, tileF5AVX512, tileF6AVX512, tileF7AVX512,
			tileF8AVX512, tileF9AVX512, tileF10AVX512, tileF11AVX512, tileF12AVX512, tileF13AVX512, tileF14AVX512,
		},
		W: [15]func(*TileW){
			1: tileW1AVX512, tileW2AVX512, tileW3AVX512, tileW4AVX512, tileW5AVX512, tileW6AVX512, tileW7AVX512,
			tileW8AVX512, tileW9AVX512, tileW10AVX512, tileW11AVX512, tileW12AVX512, tileW13AVX512, tileW14AVX512,
		},
	}
	// Asked of AVX512F too: hypervisors and GODEBUG clear flags one by one.
	if !cpu.X86.HasAVX512BF16 || AVX512.Missing() != "" {
		return p
	}
	p.HalfFast = cpuid.CPU.VendorID == cpuid.AMD
	p.PairRows, p.PairColumns = pairRowsAVX512, pairColumnsAVX512
	p.HalfF = [15]func(*TileF){
		1: tileF1BF16, tileF2BF16, tileF3BF16, tileF4BF16, tileF5BF16, tileF6BF16, tileF7BF16,
		tileF8BF16, tileF9BF16, tileF10BF16, tileF11BF16, tileF12BF16, tileF13BF16, tileF14BF16,
	}
	p.HalfW = [15]func(*TileW){
		1: tileW1BF16, tileW2BF16, tileW3BF16, tileW4BF16, tileW5BF16, tileW6BF16, tileW7BF16,
		tileW8BF16, tileW9BF16, tileW10BF16, tileW11BF16, tileW12BF16, tileW13BF16, tileW14BF16,
	}
	return p
}
