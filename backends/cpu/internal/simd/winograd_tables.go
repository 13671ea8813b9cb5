//go:build amd64 && gc && !noasm

package simd

func winogradAVX2() *Winograd {
	return &Winograd{
		Input: winoInputAVX2, Grad: winoGradAVX2, Filter: winoFilterAVX2,
		Output: winoOutputAVX2, FilterGrad: winoFilterGradAVX2,
	}
}

func winogradAVX512() *Winograd {
	return &Winograd{
		Input: winoInputAVX512, Grad: winoGradAVX512, Filter: winoFilterAVX512,
		Output: winoOutputAVX512, FilterGrad: winoFilterGradAVX512,
	}
}
