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

// Rebase makes the mean of the n rows so far the pivot: with s its way from the old one,
// Σ(d-s) = Σd - n·s and Σ(d-s)² = Σd² - s·(2Σd - n·s). Any pivot will do, so float32 is enough. All
// levels round alike.
func Rebase(sums, squares, pivots []float32, n float32) {
	squares, pivots = squares[:len(sums)], pivots[:len(sums)]
	for j, sum := range sums {
		was := pivots[j]
		pivots[j] = was + float32(sum/n)
		s := pivots[j] - was
		ns := float32(n * s)
		squares[j] -= float32(s * (float32(2*sum) - ns))
		sums[j] = sum - ns
	}
}

// Merge takes a block of rows about pivots into means and sums of squared deviations of n rows, by
// Chan's formula: each = 1/rows, share = rows/(n+rows), cross = n·share. All levels round alike.
//
//	delta = pivot + sum·each - mean
//	mean += delta·share
//	m2   += square - sum·(sum·each) + delta·(delta·cross)
func Merge(mean, m2 []float64, sums, squares, pivots []float32, share, each, cross float64) {
	m2, sums, squares, pivots = m2[:len(mean)], sums[:len(mean)], squares[:len(mean)], pivots[:len(mean)]
	for j := range mean {
		d := float64(sums[j])
		t := float64(d * each)
		delta := float64(pivots[j]) + t - mean[j]
		q := float64(squares[j]) - float64(d*t) + float64(float64(delta*cross)*delta)
		m2[j] += q
		mean[j] += float64(delta * share)
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
