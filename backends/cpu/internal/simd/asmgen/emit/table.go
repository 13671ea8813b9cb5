package emit

import "strings"

// Table adds the table of kernels of a level to the Go file, with streamed stores or without. Kernels that
// read or write bytes, or that fold lanes, take whole vectors of 16; the few elements behind are done in Go, with
// the same bits. It is text for each level, since what is passed to a function in a variable escapes to the heap.
func Table(level string, streams bool) {
	text, stream := table, ""
	if streams {
		stream = tableStream
		imports["unsafe"] = true
	}
	imports["math"] = true
	text = strings.Replace(text, "STREAM", stream, 1)
	stubs.WriteString(strings.ReplaceAll(text, "LEVEL", level))
}

const table = `
func kernelsLEVEL() *Kernels {
	k := goKernels() // what is small or rare stays as it is
	k.Add, k.Sub, k.Mul, k.Div = addLEVEL, subLEVEL, mulLEVEL, divLEVEL
	k.Scale, k.Shift, k.AtLeast = scaleLEVEL, shiftLEVEL, atLeastLEVEL
	k.ReLU, k.Exp, k.Sqrt, k.Rsqrt, k.Round = reluLEVEL, expLEVEL, sqrtLEVEL, rsqrtLEVEL, roundLEVEL
	k.ReLUGrad, k.SubMulAdd, k.SubMulAddMax, k.MulAddMask = reluGradLEVEL, subMulAddLEVEL, subMulAddMaxLEVEL, mulAddMaskLEVEL
	k.AddRows, k.AddMoments, k.Rebase, k.Above = addRowsLEVEL, addMomentsLEVEL, rebaseLEVEL, aboveLEVEL
STREAM	k.Select = func(dst, a, b []float32, cond []uint8) {
		n := len(dst) &^ 15
		selectLEVEL(dst[:n], a[:n], b[:n], cond[:n])
		Select(dst[n:], a[n:], b[n:], cond[n:])
	}
	k.Widen = func(dst []float32, x []uint16) {
		n := len(dst) &^ 15
		widenLEVEL(dst[:n], x[:n])
		Widen(dst[n:], x[n:])
	}
	k.Narrow = func(dst []uint16, x []float32) {
		n := len(dst) &^ 15
		narrowLEVEL(dst[:n], x[:n])
		Narrow(dst[n:], x[n:])
	}
	k.Merge = func(mean, m2 []float64, sums, squares, pivots []float32, share, each, cross float64) {
		n := len(mean) &^ 7
		mergeLEVEL(mean[:n], m2, sums, squares, pivots, share, each, cross)
		Merge(mean[n:], m2[n:], sums[n:], squares[n:], pivots[n:], share, each, cross)
	}
	k.MaxTap = func(best []float32, arg []uint8, x []float32, tap uint8) {
		n := len(best) &^ 15
		maxTapLEVEL(best[:n], arg[:n], x[:n], tap)
		MaxTap(best[n:], arg[n:], x[n:], tap)
	}
	k.AddWhen = func(dst, dy []float32, arg []uint8, tap uint8) {
		n := len(dst) &^ 15
		addWhenLEVEL(dst[:n], dy[:n], arg[:n], tap)
		AddWhen(dst[n:], dy[n:], arg[n:], tap)
	}
	k.Sum = func(x []float32) float32 {
		var l [Lanes]float32
		n := len(x) &^ 15
		sumLEVEL(l[:], x[:n])
		for i, v := range x[n:] {
			l[i] += v
		}
		return Fold(&l)
	}
	k.SumSq = func(x []float32) float32 {
		var l [Lanes]float32
		n := len(x) &^ 15
		sumSqLEVEL(l[:], x[:n])
		for i, v := range x[n:] {
			l[i] = FMA32(v, v, l[i])
		}
		return Fold(&l)
	}
	k.Dot = func(x, y []float32) float32 {
		var l [Lanes]float32
		n := len(x) &^ 15
		dotLEVEL(l[:], x[:n], y[:n])
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
		maxLEVEL(l[:], x[:n])
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
		expSumLEVEL(l[:], x[:n], shift)
		if n < len(x) {
			for i := range rest {
				rest[i] = float32(math.Inf(-1)) // adds nothing
			}
			copy(rest[:], x[n:])
			expSumLEVEL(l[:], rest[:], shift)
		}
		return Fold(&l)
	}
	return k
}
`

const tableStream = `	k.Fence = fence
	k.Stream = func(dst, x []float32) {
		if len(dst)%16 != 0 || uintptr(unsafe.Pointer(unsafe.SliceData(dst)))%64 != 0 {
			copy(dst, x)
			return
		}
		streamLEVEL(dst, x)
	}
`
