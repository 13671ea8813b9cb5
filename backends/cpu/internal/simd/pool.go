package simd

// MaxTap sets best[i] = x[i] and arg[i] = tap where x[i] > best[i], or where x[i] is NaN and
// best[i] is not: the first of ties stays, and the first NaN.
func MaxTap(best []float32, arg []uint8, x []float32, tap uint8) {
	arg, x = arg[:len(best)], x[:len(best)]
	for i, v := range x {
		if b := best[i]; v > b || v != v && b == b {
			best[i], arg[i] = v, tap
		}
	}
}

// AddWhen adds dy[i] to dst[i] where arg[i] = tap.
func AddWhen(dst, dy []float32, arg []uint8, tap uint8) {
	dy, arg = dy[:len(dst)], arg[:len(dst)]
	for i, a := range arg {
		if a == tap {
			dst[i] += dy[i]
		}
	}
}
