package simd

import "kith/internal/bf16"

// Round sets dst[i] to the bfloat16 next to x[i], as a float32.
func Round(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = bf16.Round(v)
	}
}

// Widen sets dst[i] to the bfloat16 x[i].
func Widen(dst []float32, x []uint16) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = bf16.Bits(v).Wide()
	}
}

// Narrow sets dst[i] to the bfloat16 next to x[i].
func Narrow(dst []uint16, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = uint16(bf16.Narrow(v))
	}
}
