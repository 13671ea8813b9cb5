//go:build amd64 && gc && !noasm

package simd

import (
	"math"
	"unsafe"
)

// The tables below are equal but for the level. Kernels that read or write bytes, or that fold
// lanes, take whole vectors of 16; the few elements behind are done in Go, with the same bits.

func kernelsAVX2() *Kernels {
	k := goKernels() // what is small or rare stays as it is
	k.Add, k.Sub, k.Mul, k.Div = addAVX2, subAVX2, mulAVX2, divAVX2
	k.Scale, k.Shift, k.AtLeast = scaleAVX2, shiftAVX2, atLeastAVX2
	k.ReLU, k.Exp, k.Sqrt, k.Rsqrt, k.Round = reluAVX2, expAVX2, sqrtAVX2, rsqrtAVX2, roundAVX2
	k.ReLUGrad, k.SubMulAdd, k.SubMulAddMax, k.MulAddMask = reluGradAVX2, subMulAddAVX2, subMulAddMaxAVX2, mulAddMaskAVX2
	k.AddRows, k.AddMoments, k.Rebase, k.Above = addRowsAVX2, addMomentsAVX2, rebaseAVX2, aboveAVX2
	k.Fence = fence
	k.Stream = func(dst, x []float32) {
		if len(dst)%16 != 0 || uintptr(unsafe.Pointer(unsafe.SliceData(dst)))%64 != 0 {
			copy(dst, x)
			return
		}
		streamAVX2(dst, x)
	}
	k.Select = func(dst, a, b []float32, cond []uint8) {
		n := len(dst) &^ 15
		selectAVX2(dst[:n], a[:n], b[:n], cond[:n])
		Select(dst[n:], a[n:], b[n:], cond[n:])
	}
	k.Widen = func(dst []float32, x []uint16) {
		n := len(dst) &^ 15
		widenAVX2(dst[:n], x[:n])
		Widen(dst[n:], x[n:])
	}
	k.Narrow = func(dst []uint16, x []float32) {
		n := len(dst) &^ 15
		narrowAVX2(dst[:n], x[:n])
		Narrow(dst[n:], x[n:])
	}
	k.Merge = func(mean, m2 []float64, sums, squares, pivots []float32, share, each, cross float64) {
		n := len(mean) &^ 7
		mergeAVX2(mean[:n], m2, sums, squares, pivots, share, each, cross)
		Merge(mean[n:], m2[n:], sums[n:], squares[n:], pivots[n:], share, each, cross)
	}
	k.MaxTap = func(best []float32, arg []uint8, x []float32, tap uint8) {
		n := len(best) &^ 15
		maxTapAVX2(best[:n], arg[:n], x[:n], tap)
		MaxTap(best[n:], arg[n:], x[n:], tap)
	}
	k.AddWhen = func(dst, dy []float32, arg []uint8, tap uint8) {
		n := len(dst) &^ 15
		addWhenAVX2(dst[:n], dy[:n], arg[:n], tap)
		AddWhen(dst[n:], dy[n:], arg[n:], tap)
	}
	k.Sum = func(x []float32) float32 {
		var l [Lanes]float32
		n := len(x) &^ 15
		sumAVX2(l[:], x[:n])
		for i, v := range x[n:] {
			l[i] += v
		}
		return Fold(&l)
	}
	k.SumSq = func(x []float32) float32 {
		var l [Lanes]float32
		n := len(x) &^ 15
		sumSqAVX2(l[:], x[:n])
		for i, v := range x[n:] {
			l[i] = FMA32(v, v, l[i])
		}
		return Fold(&l)
	}
	k.Dot = func(x, y []float32) float32 {
		var l [Lanes]float32
		n := len(x) &^ 15
		dotAVX2(l[:], x[:n], y[:n])
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
		maxAVX2(l[:], x[:n])
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
		expSumAVX2(l[:], x[:n], shift)
		if n < len(x) {
			for i := range rest {
				rest[i] = float32(math.Inf(-1)) // adds nothing
			}
			copy(rest[:], x[n:])
			expSumAVX2(l[:], rest[:], shift)
		}
		return Fold(&l)
	}
	return k
}

func kernelsAVX512() *Kernels {
	k := goKernels() // what is small or rare stays as it is
	k.Add, k.Sub, k.Mul, k.Div = addAVX512, subAVX512, mulAVX512, divAVX512
	k.Scale, k.Shift, k.AtLeast = scaleAVX512, shiftAVX512, atLeastAVX512
	k.ReLU, k.Exp, k.Sqrt, k.Rsqrt, k.Round = reluAVX512, expAVX512, sqrtAVX512, rsqrtAVX512, roundAVX512
	k.ReLUGrad, k.SubMulAdd, k.SubMulAddMax, k.MulAddMask = reluGradAVX512, subMulAddAVX512, subMulAddMaxAVX512, mulAddMaskAVX512
	k.AddRows, k.AddMoments, k.Rebase, k.Above = addRowsAVX512, addMomentsAVX512, rebaseAVX512, aboveAVX512
	k.Fence = fence
	k.Stream = func(dst, x []float32) {
		if len(dst)%16 != 0 || uintptr(unsafe.Pointer(unsafe.SliceData(dst)))%64 != 0 {
			copy(dst, x)
			return
		}
		streamAVX512(dst, x)
	}
	k.Select = func(dst, a, b []float32, cond []uint8) {
		n := len(dst) &^ 15
		selectAVX512(dst[:n], a[:n], b[:n], cond[:n])
		Select(dst[n:], a[n:], b[n:], cond[n:])
	}
	k.Widen = func(dst []float32, x []uint16) {
		n := len(dst) &^ 15
		widenAVX512(dst[:n], x[:n])
		Widen(dst[n:], x[n:])
	}
	k.Narrow = func(dst []uint16, x []float32) {
		n := len(dst) &^ 15
		narrowAVX512(dst[:n], x[:n])
		Narrow(dst[n:], x[n:])
	}
	k.Merge = func(mean, m2 []float64, sums, squares, pivots []float32, share, each, cross float64) {
		n := len(mean) &^ 7
		mergeAVX512(mean[:n], m2, sums, squares, pivots, share, each, cross)
		Merge(mean[n:], m2[n:], sums[n:], squares[n:], pivots[n:], share, each, cross)
	}
	k.MaxTap = func(best []float32, arg []uint8, x []float32, tap uint8) {
		n := len(best) &^ 15
		maxTapAVX512(best[:n], arg[:n], x[:n], tap)
		MaxTap(best[n:], arg[n:], x[n:], tap)
	}
	k.AddWhen = func(dst, dy []float32, arg []uint8, tap uint8) {
		n := len(dst) &^ 15
		addWhenAVX512(dst[:n], dy[:n], arg[:n], tap)
		AddWhen(dst[n:], dy[n:], arg[n:], tap)
	}
	k.Sum = func(x []float32) float32 {
		var l [Lanes]float32
		n := len(x) &^ 15
		sumAVX512(l[:], x[:n])
		for i, v := range x[n:] {
			l[i] += v
		}
		return Fold(&l)
	}
	k.SumSq = func(x []float32) float32 {
		var l [Lanes]float32
		n := len(x) &^ 15
		sumSqAVX512(l[:], x[:n])
		for i, v := range x[n:] {
			l[i] = FMA32(v, v, l[i])
		}
		return Fold(&l)
	}
	k.Dot = func(x, y []float32) float32 {
		var l [Lanes]float32
		n := len(x) &^ 15
		dotAVX512(l[:], x[:n], y[:n])
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
		maxAVX512(l[:], x[:n])
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
		expSumAVX512(l[:], x[:n], shift)
		if n < len(x) {
			for i := range rest {
				rest[i] = float32(math.Inf(-1)) // adds nothing
			}
			copy(rest[:], x[n:])
			expSumAVX512(l[:], rest[:], shift)
		}
		return Fold(&l)
	}
	return k
}
