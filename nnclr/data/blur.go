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
	b.gather(dst, r, func(j int) []float32 { return line[3*(r+j):] })
}

// down is the vertical pass of row y.
func (b *blurrer) down(dst []float32, y, h, r int) {
	n := len(dst)
	b.gather(dst, r, func(j int) []float32 { return b.rows[mirror(y+j, h)*n:] })
}

// gather sums the weighted neighbors -r..r of a row: at(j) begins at neighbor j. Equal weights
// share a multiplication, and four neighbors are added to dst at a time.
func (b *blurrer) gather(dst []float32, r int, at func(j int) []float32) {
	n := len(dst)
	w0, a := b.w[r], at(0)[:n]
	for i, x := range a {
		dst[i] = w0 * x
	}
	j := 1
	for ; j < r; j += 2 {
		w1, w2 := b.w[r+j], b.w[r+j+1]
		a, c, d, e := at(-j)[:n], at(j)[:n], at(-j - 1)[:n], at(j + 1)[:n]
		for i := range dst {
			dst[i] += float32(w1*(a[i]+c[i])) + float32(w2*(d[i]+e[i]))
		}
	}
	if j == r {
		w1, a, c := b.w[r+j], at(-j)[:n], at(j)[:n]
		for i := range dst {
			dst[i] += float32(w1 * (a[i] + c[i]))
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
