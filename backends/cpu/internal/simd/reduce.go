package simd

import "math"

// Lanes is the number of partial sums of a flat reduction: element i goes to lane i mod 16, in
// one zmm register, two ymm, or an array.
const Lanes = 16

// AddRows adds each row of x to sum, in order: sum[j] += x[r·c+j], c = len(sum).
func AddRows(sum, x []float32) {
	for len(x) >= len(sum) && len(x) > 0 {
		row := x[:len(sum)]
		for j, v := range row {
			sum[j] += v
		}
		x = x[len(sum):]
	}
}

// AddMoments adds, for each row of x in order and d = x[r·c+j] - pivot[j], d to sum[j] and d² to
// sq[j]; the latter is a fused multiply-add on every level but this one.
func AddMoments(sum, sq, pivot, x []float32) {
	c := len(sum)
	sq, pivot = sq[:c], pivot[:c]
	for len(x) >= c && len(x) > 0 {
		row := x[:c]
		for j, v := range row {
			d := v - pivot[j]
			sum[j] += d
			sq[j] += float32(d * d)
		}
		x = x[c:]
	}
}

// Fold adds 16 lanes by the tree 8-4-2-1.
func Fold(l *[Lanes]float32) float32 {
	for n := Lanes / 2; n > 0; n /= 2 {
		for i := range n {
			l[i] += l[i+n]
		}
	}
	return l[0]
}

// Sum returns Σ x[i], in 16 lanes.
func Sum(x []float32) float32 {
	var l [Lanes]float32
	for i, v := range x {
		l[i%Lanes] += v
	}
	return Fold(&l)
}

// SumSq returns Σ x[i]², in 16 lanes; fused multiply-adds on every level but this one.
func SumSq(x []float32) float32 { return Dot(x, x) }

// Dot returns Σ x[i]·y[i], in 16 lanes; fused multiply-adds on every level but this one.
func Dot(x, y []float32) float32 {
	var l [Lanes]float32
	y = y[:len(x)]
	for i, v := range x {
		l[i%Lanes] += float32(v * y[i])
	}
	return Fold(&l)
}

// Max returns the largest x[i], NaN if there is one, and -∞ of nothing.
func Max(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v > m || v != v {
			m = v
		}
		if m != m {
			return m
		}
	}
	return m
}

// ExpSum returns Σ exp(x[i] - shift), in 16 lanes.
func ExpSum(x []float32, shift float32) float32 {
	var l [Lanes]float32
	for i, v := range x {
		l[i%Lanes] += float32(math.Exp(float64(v - shift)))
	}
	return Fold(&l)
}
