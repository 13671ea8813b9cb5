package product

import "unsafe"

// A packM packs the second operand of a product for the matrix unit: panels of 32 columns,
// [N/32][K/2][32] pairs of neighbors in depth, depth rounded up to whole steps with zeros.
type packM struct {
	e     *Engine
	dst   []uint16
	b     Operand
	n, k  int
	trans bool // b is stored [n, k]

	blocks int // of packDepth
}

// packedHalf is the number of float32 elements that hold such panels.
func packedHalf(n, k int) int { return panels(n) * cols * padded(k) / 2 }

// packMatrix packs b.
func (e *Engine) packMatrix(dst []float32, b Operand, n, k int, trans bool) {
	if n == 0 || k == 0 {
		return
	}
	t := &e.packM
	*t = packM{e: e, dst: asHalves(dst), b: b, n: n, k: k, trans: trans, blocks: ceil(k, packDepth)}
	e.reserve(cols*packDepth/2 + mostLoad)
	e.pool.Run(panels(n)*t.blocks, t)
	*t = packM{}
}

// Chunk packs a block of depth of one panel.
func (t *packM) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	n0, k0 := i/t.blocks*cols, i%t.blocks*packDepth
	wide, depth := min(cols, t.n-n0), min(packDepth, t.k-k0)
	dst := t.dst[n0*padded(t.k)+k0*cols:]
	if t.trans {
		t.rows(s, dst, n0, wide, k0, depth)
	} else {
		t.columns(s, dst, n0, wide, k0, depth)
	}
}

// rows packs rows of b as columns: their pairs are words, which are transposed.
func (t *packM) rows(s *slot, dst []uint16, n0, wide, k0, depth int) {
	src, pitch := t.b.Half, t.k
	if src == nil || wide < cols || depth%lot != 0 || t.k%2 != 0 {
		src, pitch = s.halves(cols*packDepth), packDepth
		clear(src)
		t.e.narrowRows(src, pitch, t.b, t.k, n0, wide, k0, depth, s.floats(mostLoad))
	} else {
		src = src[n0*t.k+k0:]
	}
	t.e.mat.TurnPairs(word(dst), word(src), cols, pitch/2, padded(depth)/2, cols)
}

// columns packs rows of depth: two of them make a row of pairs.
func (t *packM) columns(s *slot, dst []uint16, n0, wide, k0, depth int) {
	src, pitch := t.b.Half, t.n
	if src == nil || wide < cols || depth%lot != 0 {
		src, pitch = s.halves(cols*packDepth), cols
		clear(src)
		t.e.narrowRows(src, pitch, t.b, t.n, k0, depth, n0, wide, s.floats(mostLoad))
	} else {
		src = src[k0*t.n+n0:]
	}
	t.e.mat.Interleave(&dst[0], &src[0], &src[pitch], cols, padded(depth)/2, 2*cols, 2*pitch)
}

// word is the address of the first pair of x.
func word(x []uint16) *uint32 { return (*uint32)(unsafe.Pointer(&x[0])) }

// A turnM packs filters for the gradient with respect to x: for each phase panels of 32 channels,
// [C/32][taps·K/2][32] pairs of neighboring filters, taps in the order in which a window of dy meets
// them, each phase's depth rounded up to whole steps.
type turnM struct {
	e   *Engine
	dst []uint16
	w   []uint16
	c   Conv
}

// turnedHalf is the number of float32 elements of filters in that form.
func (c Conv) turnedHalf() (n int) {
	for i := range c.phases() {
		f := c.phase(i)
		n += packedHalf(c.C, f.r*f.s*c.K)
	}
	return n
}

// turnMatrix packs filters.
func (e *Engine) turnMatrix(dst []float32, w []uint16, c Conv) {
	t := &e.turnM
	*t = turnM{e: e, dst: asHalves(dst), w: w, c: c}
	most := 0
	for i := range c.phases() {
		f := c.phase(i)
		most = max(most, padded(f.r*f.s*c.K))
	}
	e.reserve(most * cols / 2)
	e.pool.Run(panels(c.C), t)
	*t = turnM{}
}

// Chunk packs 32 channels of all phases.
func (t *turnM) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	c, dst, c0 := t.c, t.dst, i*cols
	wide := min(cols, c.C-c0)
	line := c.R * c.S * c.C
	for p := range c.phases() {
		f := c.phase(p)
		depth := f.r * f.s * c.K
		if depth == 0 {
			continue
		}
		panel := dst[c0*padded(depth):][:cols*padded(depth)]
		dst = dst[2*packedHalf(c.C, depth):]
		if wide == cols && c.K%lot == 0 {
			for tap := range f.r * f.s {
				w := t.w[c.tapOf(f, tap)*c.C+c0:]
				t.e.mat.Interleave(&panel[tap*c.K*cols], &w[0], &w[line], cols, c.K/2, 2*cols, 2*line)
			}
			continue
		}
		s.used = 0
		rows := s.halves(padded(depth) * cols) // [taps·K][32], for what does not come in pairs
		clear(rows)
		for tap := range f.r * f.s {
			for k := range c.K {
				copy(rows[(tap*c.K+k)*cols:][:wide], t.w[k*line+c.tapOf(f, tap)*c.C+c0:])
			}
		}
		t.e.mat.Interleave(&panel[0], &rows[0], &rows[cols], cols, padded(depth)/2, 2*cols, 2*cols)
	}
}
