package product

// A Conv is the geometry of a convolution: x [N, H, W, C] with filters w [K, R, S, C] gives
// y [N, P, Q, K], P = (H + 2·Pad − R)/Stride + 1 and Q likewise.
//
// Padding counts as zeros, but some of its products are left out: filters that hold infinities or NaN
// may or may not show at the edges. Winograd's algorithm spreads a NaN of the input over the tiles
// whose 6×6 patches hold it.
type Conv struct {
	N, H, W, C, K, R, S int
	Stride, Pad         int
	Half                bool // as in Gemm; Winograd's algorithm stays with float32
}

// A Pass names what is computed.
type Pass int

const (
	Forward Pass = iota // y from x and w
	GradX               // dx from dy and w
	GradW               // dw from dy and x
)

// P returns the height of the output.
func (c Conv) P() int { return (c.H+2*c.Pad-c.R)/c.Stride + 1 }

// Q returns the width of the output.
func (c Conv) Q() int { return (c.W+2*c.Pad-c.S)/c.Stride + 1 }

// plain reports whether the convolution is a product of matrices as they lie.
func (c Conv) plain() bool { return c.R == 1 && c.S == 1 && c.Stride == 1 && c.Pad == 0 }

// halves reports whether the passes with packed filters use pairs: products of matrices do.
func (c Conv) halves() bool { return c.Half && c.plain() }

// forward returns the forward pass as a product: patches by filters.
func (c Conv) forward() Gemm {
	return Gemm{M: c.N * c.P() * c.Q(), N: c.K, K: c.R * c.S * c.C, TransB: true, Half: c.halves()}
}

// gradX returns a phase of the gradient with respect to x as a product.
func (c Conv) gradX(f phase) Gemm {
	return Gemm{M: c.N * f.rows * f.columns, N: c.C, K: f.r * f.s * c.K, Half: c.halves()}
}

// gradW returns the gradient with respect to w as a product over pixels.
func (c Conv) gradW() Gemm {
	return Gemm{M: c.K, N: c.R * c.S * c.C, K: c.N * c.P() * c.Q(), TransA: true, Half: c.Half}
}

// Chunks returns the number of row chunks of the output of a pass, each of at most 896 rows.
// Rows are pixels (Forward, GradX) or filters, of R·S·C elements (GradW).
func (e *Engine) Chunks(c Conv, p Pass) int {
	switch {
	case e.matrix(c.Half):
		return c.chunksMatrix(p)
	case p == GradW && e.winograd(c):
		return ceil(c.K, winoFilters)
	case e.winograd(c):
		g := gridOf(c.N, c.H, c.W, c.C)
		if p == GradX {
			g.c = c.K
		}
		return ceil(g.units, winoChunk(&g))
	case p == Forward:
		im := c.patches()
		return im.chunks(c, c.forward())
	case p == GradX && c.Stride == 1:
		f := c.phase(0)
		return f.patches.chunks(c, c.gradX(f))
	case p == GradX:
		return ceil(c.N*c.H*c.W, finishRows)
	}
	return c.gradW().Chunks()
}

// chunks returns the row chunks of a direct convolution with stride 1 on the side of the output.
func (p *patches) chunks(c Conv, g Gemm) int {
	if !c.plain() && p.strips() {
		return c.N * ceil(p.p, p.stripRows())
	}
	return g.Chunks()
}

// PackedFilters returns the number of elements of the filters in the form that PackedForward or
// PackedGradX wants.
func (e *Engine) PackedFilters(c Conv, p Pass) int {
	if e.matrix(c.Half) {
		return c.packedMatrix(p)
	}
	if e.winograd(c) {
		return e.winoLen(c, p)
	}
	if p == Forward {
		return e.PackedLen(c.forward())
	}
	if c.plain() {
		return e.PackedLen(c.gradX(c.phase(0)))
	}
	return panels(c.C) * cols * c.R * c.S * c.K
}

// PackFilters writes w in that form.
func (e *Engine) PackFilters(dst, w []float32, c Conv, p Pass) {
	if e.matrix(c.Half) {
		e.PackHalves(dst, e.narrowFilters(w), c, p)
		return
	}
	if e.winograd(c) {
		e.packWinograd(dst, w, c, p)
		return
	}
	if p == Forward {
		e.Pack(dst, Operand{Data: w}, c.forward())
		return
	}
	if c.plain() {
		e.Pack(dst, Operand{Data: w}, c.gradX(c.phase(0)))
		return
	}
	e.packTurned(dst, w, c)
}

// Forward computes y = x ∗ w.
func (e *Engine) Forward(y Output, x Operand, w []float32, c Conv) {
	if f := (filterSource{e: e, w: w, c: c}); e.winograd(c) && !f.transformed() {
		e.runWinograd(y, x, f)
		return
	}
	packed := e.share(e.PackedFilters(c, Forward))
	e.PackFilters(packed, w, c, Forward)
	e.PackedForward(y, x, packed, c)
}

// GradX computes the gradient with respect to x: dx [N, H, W, C] from dy [N, P, Q, K].
func (e *Engine) GradX(dx Output, dy Operand, w []float32, c Conv) {
	if f := (filterSource{e: e, w: w, c: c, turn: true}); e.winograd(c) && !f.transformed() {
		e.runWinograd(dx, dy, f)
		return
	}
	packed := e.share(e.PackedFilters(c, GradX))
	e.PackFilters(packed, w, c, GradX)
	e.PackedGradX(dx, dy, packed, c)
}

// PackedForward is Forward with filters in packed form.
func (e *Engine) PackedForward(y Output, x Operand, w []float32, c Conv) {
	if e.matrix(c.Half) {
		e.forwardMatrix(y, x, w, c)
		return
	}
	if e.winograd(c) {
		e.runWinograd(y, x, filterSource{e: e, w: w, c: c, packed: true})
		return
	}
	if c.plain() {
		e.runF(y, x, w, c.forward(), window{})
		return
	}
	if e.im = c.patches(); !e.im.strips() {
		if c.R*c.S > 1 {
			x = e.made(x, c.N*c.H*c.W*c.C, c.C)
		}
		e.runF(y, x, w, c.forward(), window{im: &e.im})
		return
	}
	e.whole(&y, c.N*c.P()*c.Q()*c.K)
	e.runStrips(stripF{p: e.im, x: x, packed: w, out: y, n: c.K, image: c.P() * c.Q(), wide: c.Q(), down: 1}, c.N)
}

// whole gives an output a place for all of its elements.
func (e *Engine) whole(out *Output, n int) {
	if out.Data == nil {
		out.Data, out.Add = e.hold(n), false
	}
}

// PackedGradX is GradX with filters in packed form.
func (e *Engine) PackedGradX(dx Output, dy Operand, w []float32, c Conv) {
	if e.matrix(c.Half) {
		e.gradXMatrix(dx, dy, w, c)
		return
	}
	if e.winograd(c) {
		e.runWinograd(dx, dy, filterSource{e: e, w: w, c: c, turn: true, packed: true})
		return
	}
	if c.plain() {
		e.runF(dx, dy, w, c.gradX(c.phase(0)), window{})
		return
	}
	part := dx
	if c.Stride > 1 {
		part.Done = nil
		dy = e.made(dy, c.N*c.P()*c.Q()*c.K, c.K)
	}
	if f := c.phase(0); c.Stride > 1 || f.patches.strips() {
		e.whole(&part, c.N*c.H*c.W*c.C)
	}
	for i := range c.phases() {
		f := c.phase(i)
		g := c.gradX(f)
		e.gradPhase(part, dy, w, c, g, f)
		w = w[panels(g.N)*cols*g.K:]
	}
	if c.Stride > 1 && dx.Done != nil {
		e.finish.run(e, part.Data, c.N*c.H*c.W, c.C, dx.Done)
	}
}

// gradPhase computes one phase of the gradient with respect to x.
func (e *Engine) gradPhase(dx Output, dy Operand, w []float32, c Conv, g Gemm, f phase) {
	e.im, e.to = f.patches, scatter{f, c.H, c.W}
	switch {
	case g.M == 0:
	case g.K == 0: // no tap meets these pixels
		if !dx.Add {
			e.zero = zeroTask{to: &e.to, data: dx.Data, rows: g.M, cols: g.N}
			e.pool.Run(ceil(g.M, finishRows), &e.zero)
			e.zero = zeroTask{}
		}
	case e.im.strips():
		e.runStrips(stripF{
			p: e.im, x: dy, packed: w, out: dx, n: c.C,
			image: c.H * c.W, wide: c.W, down: c.Stride, top: f.h0, left: f.w0,
		}, c.N)
	case c.Stride == 1:
		dy = e.made(dy, c.N*c.P()*c.Q()*c.K, c.K)
		e.runF(dx, dy, w, g, window{im: &e.im})
	default:
		e.runF(dx, dy, w, g, window{im: &e.im, to: &e.to})
	}
}

// GradW computes the gradient with respect to the filters: dw [K, R, S, C] from dy and x.
func (e *Engine) GradW(dw Output, dy, x Operand, c Conv) {
	if e.matrix(c.Half) {
		e.gradMatrix(dw, dy, x, c.patches(), c.N, c.K)
		return
	}
	if e.winograd(c) {
		e.gradWinograd(dw, dy, x, c)
		return
	}
	if c.stem() {
		e.gradStem(dw, dy, x, c)
		return
	}
	var im *patches
	if !c.plain() {
		e.im = c.patches()
		im = &e.im
		if c.R*c.S > 1 {
			x = e.made(x, c.N*c.H*c.W*c.C, c.C)
		}
	}
	e.gemmTall(dw, dy, x, c.gradW(), im)
}

// packTurned packs filters for GradX: phase by phase, taps in the order in which a window of dy
// meets them, [C/32][taps][K][32].
func (e *Engine) packTurned(dst, w []float32, c Conv) {
	t := &e.turn
	*t = turnTask{e: e, dst: dst, w: w, c: c}
	e.pool.Run(c.R*c.S, t)
	*t = turnTask{}
}

// A turnTask packs one tap per chunk.
type turnTask struct {
	e      *Engine
	dst, w []float32
	c      Conv
}

// Chunk packs tap i of the packed order.
func (t *turnTask) Chunk(i int) {
	c, dst := t.c, t.dst
	for p := range c.phases() {
		f := c.phase(p)
		taps := f.r * f.s
		if i >= taps {
			i -= taps
			dst = dst[panels(c.C)*cols*taps*c.K:]
			continue
		}
		t.tap(dst[i*c.K*cols:], t.w[c.tapOf(f, i)*c.C:], taps)
		return
	}
}

// tapOf is the filter tap that is number tap of a phase, in the order of windows of dy.
func (c Conv) tapOf(f phase, tap int) int {
	r := f.tapR + (f.r-1-tap/f.s)*f.step
	s := f.tapS + (f.s-1-tap%f.s)*f.step
	return r*c.S + s
}

// tap packs w[k][tap] for all filters: 32 channels of each are contiguous.
func (t *turnTask) tap(dst, w []float32, taps int) {
	c := t.c
	pitch, step := c.R*c.S*c.C, taps*c.K*cols
	full := c.C / cols
	if full > 0 {
		t.e.kern.CopyPanels(&dst[0], &w[0], c.K, pitch, full, step)
	}
	if rest := c.C % cols; rest > 0 {
		for k := range c.K {
			row := dst[full*step+k*cols:][:cols]
			clear(row[copy(row, w[k*pitch+full*cols:][:rest]):])
		}
	}
}

// A zeroTask clears the pixels of a phase, a chunk of rows each.
type zeroTask struct {
	to         *scatter
	data       []float32
	rows, cols int
}

// Chunk clears pixels chunk·finishRows and on.
func (t *zeroTask) Chunk(chunk int) {
	for r := chunk * finishRows; r < min((chunk+1)*finishRows, t.rows); r++ {
		clear(t.data[t.to.row(r)*t.cols:][:t.cols])
	}
}

// finishRows is the number of rows that are finished at a time when a pass cannot do it by itself.
const finishRows = 512

// A finishTask shows a stored output to Done, a chunk of rows each.
type finishTask struct {
	data       []float32
	rows, cols int
	done       func(Tile)
}

func (t *finishTask) run(e *Engine, data []float32, rows, cols int, done func(Tile)) {
	*t = finishTask{data, rows, cols, done}
	e.pool.Run(ceil(rows, finishRows), t)
	*t = finishTask{}
}

// Chunk finishes rows chunk·finishRows and on.
func (t *finishTask) Chunk(chunk int) {
	r0 := chunk * finishRows
	rows := min(finishRows, t.rows-r0)
	t.done(Tile{
		Data: t.data[r0*t.cols : (r0+rows)*t.cols], Pitch: t.cols,
		Row: r0, Rows: rows, Cols: t.cols, Chunk: chunk,
	})
}
