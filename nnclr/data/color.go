package data

// Color operations on float pixels [n, 3] in 0..1. All products are rounded before they are added
// (float32(a*b)): processors with a fused multiply-add would give other bits.

// luma weighs the channels to gray, as torchvision does. White becomes 0.9999.
const (
	lumaR = .2989
	lumaG = .587
	lumaB = .114
)

func luma(r, g, b float32) float32 {
	return float32(lumaR*r) + float32(lumaG*g) + float32(lumaB*b)
}

func clamp(x float32) float32 {
	if x < 0 {
		return 0
	}
	if x > 1 {
		return 1
	}
	return x
}

// brighten: f·x.
func brighten(px []float32, f float32) {
	for i, x := range px {
		px[i] = clamp(x * f)
	}
}

// contrast: f·x + (1-f)·m, with m the mean gray of the picture.
func contrast(px []float32, f float32) {
	m := float32((1 - f) * meanLuma(px))
	for i, x := range px {
		px[i] = clamp(float32(x*f) + m)
	}
}

// meanLuma sums each channel over runs of 256 pixels in float32 and the runs in float64: the
// result is within 1e-7 for pictures of any size.
func meanLuma(px []float32) float32 {
	var r, g, b float64
	n := len(px) / 3
	for len(px) > 0 {
		run := px[:min(len(px), 3*256)]
		px = px[len(run):]
		var sr, sg, sb float32
		for ; len(run) >= 3; run = run[3:] {
			sr += run[0]
			sg += run[1]
			sb += run[2]
		}
		r, g, b = r+float64(sr), g+float64(sg), b+float64(sb)
	}
	return float32((float64(lumaR*r) + float64(lumaG*g) + float64(lumaB*b)) / float64(n))
}

// saturate: f·x + (1-f)·gray(x).
func saturate(px []float32, f float32) {
	for ; len(px) >= 3; px = px[3:] {
		r, g, b := px[0], px[1], px[2]
		y := float32((1 - f) * luma(r, g, b))
		px[0] = clamp(float32(r*f) + y)
		px[1] = clamp(float32(g*f) + y)
		px[2] = clamp(float32(b*f) + y)
	}
}

// shiftHue turns the hue by d, a share of the full circle. Of HSV only the hue changes, so with
// Δ = max - min the four levels that a pixel can take are max, min, max - Δf and min + Δf, f being
// the position of the hue in its sixth. That is the usual way through saturation without its
// divisions.
func shiftHue(px []float32, d float32) {
	d = float32(d * 6)
	for ; len(px) >= 3; px = px[3:] {
		r, g, b := px[0], px[1], px[2]
		hi, lo := r, g // not max and min, which look out for NaN
		if g > r {
			hi, lo = g, r
		}
		if b > hi {
			hi = b
		}
		if b < lo {
			lo = b
		}
		delta := hi - lo
		if delta == 0 {
			continue // gray has no hue
		}
		inv := 1 / delta
		var h float32 // in sixths
		switch hi {
		case r:
			h = float32((g - b) * inv)
		case g:
			h = 2 + float32((b-r)*inv)
		default:
			h = 4 + float32((r-g)*inv)
		}
		h += d
		if h < 0 {
			h += 6
		}
		if h >= 6 {
			h -= 6
		}
		i := int(h)
		f := float32(delta * (h - float32(i)))
		q, t := clamp(hi-f), clamp(lo+f)
		switch i {
		default: // 0; and 6, which h = -tiny rounds to: the same red
			px[0], px[1], px[2] = hi, t, lo
		case 1:
			px[0], px[1], px[2] = q, hi, lo
		case 2:
			px[0], px[1], px[2] = lo, hi, t
		case 3:
			px[0], px[1], px[2] = lo, q, hi
		case 4:
			px[0], px[1], px[2] = t, lo, hi
		case 5:
			px[0], px[1], px[2] = hi, lo, q
		}
	}
}

// gray replaces each pixel by its luma.
func gray(px []float32) {
	for ; len(px) >= 3; px = px[3:] {
		y := luma(px[0], px[1], px[2])
		px[0], px[1], px[2] = y, y, y
	}
}

// solarize inverts what is at least 1/2.
func solarize(px []float32) {
	for i, x := range px {
		if x >= 0.5 {
			px[i] = 1 - x
		}
	}
}

// apply normalizes pixels in place.
func (n *Norm) apply(px []float32) {
	if n.Std[0] == 0 {
		return
	}
	m0, m1, m2 := n.Mean[0], n.Mean[1], n.Mean[2]
	s0, s1, s2 := 1/n.Std[0], 1/n.Std[1], 1/n.Std[2]
	for ; len(px) >= 3; px = px[3:] {
		px[0] = (px[0] - m0) * s0
		px[1] = (px[1] - m1) * s1
		px[2] = (px[2] - m2) * s2
	}
}
