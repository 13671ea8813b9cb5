//go:build arm64 && gc && !noasm

package simd

import "math"

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

// kernelsNEON is equal to kernelsAVX2 but for Stream: there is no hint that a store should go around
// the caches which the assembler knows, and Go's copy is as good as any other.
func kernelsNEON() *Kernels {
	k := goKernels() // what is small or rare stays as it is
	k.Add, k.Sub, k.Mul, k.Div = addNEON, subNEON, mulNEON, divNEON
	k.Scale, k.Shift, k.AtLeast = scaleNEON, shiftNEON, atLeastNEON
	k.ReLU, k.Exp, k.Sqrt, k.Rsqrt, k.Round = reluNEON, expNEON, sqrtNEON, rsqrtNEON, roundNEON
	k.ReLUGrad, k.SubMulAdd, k.SubMulAddMax, k.MulAddMask = reluGradNEON, subMulAddNEON, subMulAddMaxNEON, mulAddMaskNEON
	k.AddRows, k.AddMoments, k.Rebase, k.Above = addRowsNEON, addMomentsNEON, rebaseNEON, aboveNEON
	k.Select = func(dst, a, b []float32, cond []uint8) {
		n := len(dst) &^ 15
		selectNEON(dst[:n], a[:n], b[:n], cond[:n])
		Select(dst[n:], a[n:], b[n:], cond[n:])
	}
	k.Widen = func(dst []float32, x []uint16) {
		n := len(dst) &^ 15
		widenNEON(dst[:n], x[:n])
		Widen(dst[n:], x[n:])
	}
	k.Narrow = func(dst []uint16, x []float32) {
		n := len(dst) &^ 15
		narrowNEON(dst[:n], x[:n])
		Narrow(dst[n:], x[n:])
	}
	k.Merge = func(mean, m2 []float64, sums, squares, pivots []float32, share, each, cross float64) {
		n := len(mean) &^ 7
		mergeNEON(mean[:n], m2, sums, squares, pivots, share, each, cross)
		Merge(mean[n:], m2[n:], sums[n:], squares[n:], pivots[n:], share, each, cross)
	}
	k.MaxTap = func(best []float32, arg []uint8, x []float32, tap uint8) {
		n := len(best) &^ 15
		maxTapNEON(best[:n], arg[:n], x[:n], tap)
		MaxTap(best[n:], arg[n:], x[n:], tap)
	}
	k.AddWhen = func(dst, dy []float32, arg []uint8, tap uint8) {
		n := len(dst) &^ 15
		addWhenNEON(dst[:n], dy[:n], arg[:n], tap)
		AddWhen(dst[n:], dy[n:], arg[n:], tap)
	}
	k.Sum = func(x []float32) float32 {
		var l [Lanes]float32
		n := len(x) &^ 15
		sumNEON(l[:], x[:n])
		for i, v := range x[n:] {
			l[i] += v
		}
		return Fold(&l)
	}
	k.SumSq = func(x []float32) float32 {
		var l [Lanes]float32
		n := len(x) &^ 15
		sumSqNEON(l[:], x[:n])
		for i, v := range x[n:] {
			l[i] = FMA32(v, v, l[i])
		}
		return Fold(&l)
	}
	k.Dot = func(x, y []float32) float32 {
		var l [Lanes]float32
		n := len(x) &^ 15
		dotNEON(l[:], x[:n], y[:n])
		for i, v := range x[n:] {
			l[i] = FMA32(v, y[n+i], l[i])
		}
		return Fold(&l)
	}
	k.Max = func(x []float32) float32 {
		var l [Lanes]float32
		for i := range l {
			l[i] = float32(math.Inf(-1))
		}
		n := len(x) &^ 15
		maxNEON(l[:], x[:n])
		for i, v := range x[n:] {
			if v > l[i] || v != v {
				l[i] = v
			}
		}
		return Max(l[:])
	}
	k.ExpSum = func(x []float32, shift float32) float32 {
		var l, rest [Lanes]float32
		n := len(x) &^ 15
		expSumNEON(l[:], x[:n], shift)
		if n < len(x) {
			for i := range rest {
				rest[i] = float32(math.Inf(-1)) // adds nothing
			}
			copy(rest[:], x[n:])
			expSumNEON(l[:], rest[:], shift)
		}
		return Fold(&l)
	}
	return k
}
