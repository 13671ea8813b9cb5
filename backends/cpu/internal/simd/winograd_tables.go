//go:build amd64 && gc && !noasm

package simd

func winogradAVX2() *Winograd {
	return &Winograd{
		Input:  [2][2]func(*Transform){{winoInput44AVX2, winoInput43AVX2}, {winoInput34AVX2, winoInput33AVX2}},
		Grad:   [2][2]func(*Transform){{winoGrad44AVX2, winoGrad43AVX2}, {winoGrad34AVX2, winoGrad33AVX2}},
		Output: [2][2]func(*Transform){{winoOutput44AVX2, winoOutput43AVX2}, {winoOutput34AVX2, winoOutput33AVX2}},
		Filter: winoFilterAVX2, FilterGrad: winoFilterGradAVX2,
	}
}

func winogradAVX512() *Winograd {
	return &Winograd{
		Input:  [2][2]func(*Transform){{winoInput44AVX512, winoInput43AVX512}, {winoInput34AVX512, winoInput33AVX512}},
		Grad:   [2][2]func(*Transform){{winoGrad44AVX512, winoGrad43AVX512}, {winoGrad34AVX512, winoGrad33AVX512}},
		Output: [2][2]func(*Transform){{winoOutput44AVX512, winoOutput43AVX512}, {winoOutput34AVX512, winoOutput33AVX512}},
		Filter: winoFilterAVX512, FilterGrad: winoFilterGradAVX512,
	}
}
