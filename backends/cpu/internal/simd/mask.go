package simd

import "math"

// Select sets dst[i] = a[i] where cond[i] ≠ 0, else b[i]. It moves bits: the elements may be
// integers in disguise.
func Select(dst, a, b []float32, cond []uint8) {
	a, b, cond = a[:len(dst)], b[:len(dst)], cond[:len(dst)]
	for i := range dst {
		if cond[i] != 0 {
			dst[i] = a[i]
		} else {
			dst[i] = b[i]
		}
	}
}

// Positive sets dst[i] = 1 where x[i] > 0, else 0.
func Positive(dst []uint8, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = bit(v > 0)
	}
}

// Finite sets dst[i] = 1 where x[i] is neither infinite nor NaN, else 0.
func Finite(dst []uint8, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = bit(math.Float32bits(v)&0x7f800000 != 0x7f800000)
	}
}

// Equal sets dst[i] = 1 where x[i] = y[i], else 0.
func Equal(dst []uint8, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = bit(x[i] == y[i])
	}
}

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
