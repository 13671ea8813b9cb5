package data

import "math"

// blurRadius is the reach of the Gaussian for views of h rows: 224 → 11, 96 → 4, 32 → 1.
func blurRadius(h int) int { return h / 10 / 2 }

// gaussian returns the weights -r..r of deviation sigma, with sum 1.
func gaussian(w []float32, r int, sigma float64) []float32 {
	w = w[:0]
	sum := 0.0
	for x := -r; x <= r; x++ {
		g := math.Exp(-float64(x*x) / (2 * sigma * sigma))
		sum += g
		w = append(w, float32(g))
	}
	for i := range w {
		w[i] = float32(float64(w[i]) / sum)
	}
	return w
}

// blurrer holds the scratch of blur.
type blurrer struct {
	w    []float32
	rows []float32 // the horizontal pass
	line []float32 // one row, continued at both ends
}

// blur convolves the picture with a Gaussian along both axes. Beyond the border the picture is
// mirrored without repeating the edge pixel. Taps below 1e-8 of the central one are dropped.
func (b *blurrer) blur(img *Image, sigma float64) {
	r := blurRadius(img.H)
	r = min(r, int(sigma*math.Sqrt(2*math.Log(1e8))), img.H-1, img.W-1)
	if r < 1 {
		return
	}
	b.w = gaussian(b.w, r, sigma)
	b.passes(img, r)
}

// passes convolves along both axes with the weights b.w of radius r.
func (b *blurrer) passes(img *Image, r int) {
	n := 3 * img.W
	b.rows = growFloats(b.rows, n*img.H)
	b.line = growFloats(b.line, n+6*r)
	for y := range img.H {
		b.across(b.rows[y*n:(y+1)*n], img.Pix[y*n:(y+1)*n], r)
	}
	for y := range img.H {
		b.down(img.Pix[y*n:(y+1)*n], y, img.H, r)
	}
}

// across is the horizontal pass of one row.
func (b *blurrer) across(dst, src []float32, r int) {
	line := b.line
	copy(line[3*r:], src)
	last := len(line) - 3*r // end of the row proper
	for i := 1; i <= r; i++ {
		copy(line[3*(r-i):3*(r-i)+3], src[3*i:])
		copy(line[last+3*(i-1):last+3*i], src[len(src)-3*(i+1):])
	}
	for i := range dst {
		dst[i] = b.w[0] * line[i]
	}
	for j, w := range b.w[1:] {
		in := line[3*(j+1):]
		in = in[:len(dst)]
		for i, x := range in {
			dst[i] += float32(w * x)
		}
	}
}

// down is the vertical pass of row y.
func (b *blurrer) down(dst []float32, y, h, r int) {
	n := len(dst)
	for j, w := range b.w {
		s := mirror(y+j-r, h)
		in := b.rows[s*n : (s+1)*n]
		in = in[:len(dst)]
		if j == 0 {
			for i, x := range in {
				dst[i] = w * x
			}
			continue
		}
		for i, x := range in {
			dst[i] += float32(w * x)
		}
	}
}

// mirror reflects index i into 0..n-1.
func mirror(i, n int) int {
	if i < 0 {
		i = -i
	}
	if i >= n {
		i = 2*(n-1) - i
	}
	return i
}

func growFloats(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}
