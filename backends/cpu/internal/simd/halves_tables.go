//go:build amd64 && gc && !noasm

package simd

func halvesAVX512() *Halves {
	return halvesOn(Halves{
		Norm: normAVX512, NormMax: normMaxAVX512, NormHalf: normHalfAVX512, NormMaxHalf: normMaxHalfAVX512,
		NormAdd: normAddAVX512, NormAddMax: normAddMaxAVX512,
		NormAddHalf: normAddHalfAVX512, NormAddMaxHalf: normAddMaxHalfAVX512,
		SubHalf: subHalfAVX512, Mask: maskAVX512, AddMask: addMaskAVX512, Gradient: gradientAVX512,
	})
}
