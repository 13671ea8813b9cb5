package simd

import "math"

// Above sets bit j of mask[r] where not x[32·r+j] ≤ y[j]: so a NaN on either side counts.
func Above(mask []uint32, x, y []float32) {
	y = y[:PanelCols]
	for r := range mask {
		m := uint32(0)
		for j, v := range x[r*PanelCols:][:PanelCols] {
			if !(v <= y[j]) {
				m |= 1 << j
			}
		}
		mask[r] = m
	}
}

// FMA32 returns a·b + c rounded once. The product is exact in float64; rounding the sum to odd
// keeps the second rounding, to float32, from going wrong (Boldo and Melquiond 2008).
func FMA32(a, b, c float32) float32 {
	p, q := float64(a)*float64(b), float64(c)
	s := p + q
	t := s - p
	// Where something is infinite, e is NaN and s stays.
	if e := (p - (s - t)) + (q - t); (e < 0 || e > 0) && math.Float64bits(s)&1 == 0 {
		if (e > 0) == (s > 0) {
			s = math.Float64frombits(math.Float64bits(s) + 1)
		} else {
			s = math.Float64frombits(math.Float64bits(s) - 1)
		}
	}
	return float32(s)
}

// Chain returns Σ x[i]·y[i] as one chain of fused multiply-adds from +0, i ascending.
func Chain(x, y []float32) float32 {
	var s float32
	y = y[:len(x)]
	for i, v := range x {
		s = FMA32(v, y[i], s)
	}
	return s
}
