package product

// MatrixFilters reports whether filters of this convolution are wanted as bf16, by PackHalves.
func (e *Engine) MatrixFilters(c Conv) bool { return e.matrix(c.Half) }

// Halves reports whether operands of bf16 numbers are wanted as such, by Half or LoadHalf.
func (e *Engine) Halves() bool { return e.mat != nil }

// GemmChunks returns the number of row chunks of the output of a product, as Chunks does.
func (e *Engine) GemmChunks(g Gemm) int {
	if g.TransA || !e.matrixGemm(g) {
		return g.Chunks()
	}
	rows, _ := g.flat()
	return ceil(g.M, rows)
}

// forwardFlat and gradFlat are the passes as products of matrices; of the latter, one phase.
func (c Conv) forwardFlat() Gemm {
	return Gemm{M: c.N * c.P() * c.Q(), N: c.K, K: c.R * c.S * c.C, TransB: true, Half: true}
}

func (c Conv) gradFlat(f phase) Gemm {
	return Gemm{M: c.N * f.rows * f.columns, N: c.C, K: f.r * f.s * c.K, Half: true}
}

// stripped reports whether a pass reads strips.
func (c Conv) stripped(p Pass) bool {
	if p == Forward {
		return c.R*c.S > 1 && c.C%lot == 0 && c.Stride <= 2
	}
	return !c.plain() && c.K%lot == 0 && c.Stride <= 2
}

// chunksMatrix is Chunks.
func (c Conv) chunksMatrix(p Pass) int {
	flat := func(g Gemm) int {
		rows, _ := g.flat()
		return ceil(g.M, rows)
	}
	switch {
	case p == GradW:
		return ceil(c.K, tallRows)
	case p == Forward && c.stripped(p):
		t := c.forwardStrip()
		return t.groups * t.blocks
	case p == Forward:
		return flat(c.forwardFlat())
	case c.stripped(p):
		t := c.gradStrip()
		return t.groups * t.blocks
	case c.Stride == 1:
		return flat(c.gradFlat(c.phase(0)))
	}
	return ceil(c.N*c.H*c.W, finishRows)
}

// packedMatrix is PackedFilters.
func (c Conv) packedMatrix(p Pass) int {
	if p == Forward {
		return packedHalf(c.K, c.R*c.S*c.C)
	}
	return c.turnedHalf()
}

// FilterRoom returns memory for filters in packed form until the pass that uses them is done.
func (e *Engine) FilterRoom(c Conv, p Pass) []float32 { return e.share(e.PackedFilters(c, p)) }

// PackHalves is PackFilters for filters that are stored as bf16.
func (e *Engine) PackHalves(dst []float32, w []uint16, c Conv, p Pass) {
	if p == Forward {
		e.packMatrix(dst, Operand{Half: w}, c.K, c.R*c.S*c.C, true)
		return
	}
	e.turnMatrix(dst, w, c)
}

// narrowFilters returns filters as bf16.
func (e *Engine) narrowFilters(w []float32) []uint16 {
	if n := ceil(len(w), 2); len(e.wide16) < n {
		e.wide16 = e.grow(e.wide16, n)
	}
	dst := asHalves(e.wide16)[:len(w)]
	for at := 0; at < len(w); at += mostLoad { // in pieces: a call must not take long
		n := min(mostLoad, len(w)-at)
		e.vec.Narrow(dst[at:at+n], w[at:at+n])
	}
	return dst
}

// forwardMatrix is PackedForward.
func (e *Engine) forwardMatrix(y Output, x Operand, w []float32, c Conv) {
	switch {
	case c.stripped(Forward):
		e.runStripM(c.forwardStrip(), y, x, w)
	case c.plain():
		e.runFlat(y, x, w, c.forwardFlat(), window{})
	default:
		e.im = c.patches()
		e.runFlat(y, x, w, c.forwardFlat(), window{im: &e.im})
	}
}

// gradXMatrix is PackedGradX.
func (e *Engine) gradXMatrix(dx Output, dy Operand, w []float32, c Conv) {
	switch {
	case c.stripped(GradX):
		e.runStripM(c.gradStrip(), dx, dy, w)
		return
	case c.plain():
		e.runFlat(dx, dy, w, c.gradFlat(c.phase(0)), window{})
		return
	case c.Stride == 1:
		f := c.phase(0)
		e.im = f.patches
		e.runFlat(dx, dy, w, c.gradFlat(f), window{im: &e.im})
		return
	}
	part := dx
	part.Done = nil
	e.whole(&part, c.N*c.H*c.W*c.C)
	dy = e.madeHalf(dy, 0, c.N*c.P()*c.Q()*c.K, c.K)
	for i := range c.phases() {
		f := c.phase(i)
		e.im, e.to = f.patches, scatter{f, c.H, c.W}
		e.runFlat(part, dy, w, c.gradFlat(f), window{im: &e.im, to: &e.to})
		w = w[packedHalf(c.C, f.r*f.s*c.K):]
	}
	if dx.Done != nil {
		e.finish.run(e, part.Data, c.N*c.H*c.W, c.C, dx.Done)
	}
}
