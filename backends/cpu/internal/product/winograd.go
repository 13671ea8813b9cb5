package product

// Blocking of Winograd convolution; functions of the shape alone.
const (
	winoParts   = 36        // components of a tile
	winoShort   = 4         // the component that a short side lacks
	winoLeast   = 64        // channels and filters from which on it pays
	winoWidest  = 256       // width of a map up to which a row of tiles is at most 1,024 pixels
	winoTiles   = 24        // tiles below which transforming the filters costs more than it saves
	winoDepth   = 128       // channels of a product: a panel of filters and a tile of rows fit into L1
	winoPrivate = winoDepth // channels up to which a block is private to a task
	winoShared  = 4 << 20   // elements of components that tasks share, 16 MiB
)

// winograd reports whether a convolution is computed by F(4×4, 3×3) (spec/cpu.md 10, 11).
func (e *Engine) winograd(c Conv) bool {
	g := gridOf(c.N, c.H, c.W, c.C)
	return !e.opt.Strict && !e.matrix(c.Half) && c.R == 3 && c.S == 3 && c.Stride == 1 && c.Pad == 1 &&
		c.C%cols == 0 && c.K%cols == 0 && min(c.C, c.K) >= winoLeast &&
		c.W <= winoWidest && g.units*g.across >= winoTiles
}

// A filterSource is filters of a convolution as a pass uses them: for GradX they are turned by 180°,
// channels and filters exchanged. They lie as they are, or packed by packWinograd.
type filterSource struct {
	e      *Engine
	w      []float32
	c      Conv
	turn   bool
	packed bool
}

// sides returns the channels that the pass sums over and the columns of its result.
func (f *filterSource) sides() (depth, n int) {
	if f.turn {
		return f.c.K, f.c.C
	}
	return f.c.C, f.c.K
}

// transformed reports whether packed filters are transformed already. Where there are many channels
// they are not: four times as large, they would take longer to read than to make.
func (f *filterSource) transformed() bool {
	depth, _ := f.sides()
	return depth <= winoPrivate
}

// winoComp is the distance between components of all transformed filters.
func (c Conv) winoComp() int { return spread(c.K * c.C) }

// winoLen returns the number of elements of packed filters.
func (e *Engine) winoLen(c Conv, p Pass) int {
	f := filterSource{c: c, turn: p == GradX}
	if f.transformed() {
		return winoParts * c.winoComp()
	}
	return 9 * c.K * c.C
}

// raw writes panel i of filters as they are, channels [k, k+n) of it, [3][3][n][32].
func (f *filterSource) raw(dst []float32, i, k, n int) {
	c := f.c
	for tap := range 9 {
		to := &dst[tap*n*cols]
		if f.turn {
			f.e.kern.CopyPanels(to, &f.w[(k*9+8-tap)*c.C+i*cols], n, 9*c.C, 1, 0)
		} else {
			f.e.kern.Transpose(to, &f.w[(i*cols*9+tap)*c.C+k], n, 9*c.C)
		}
	}
}

// spread transforms channels [k, k+n) of panel i into components that are comp apart, [n][32] each.
// It takes tmp for filters that are not packed, of 9·n·32 elements.
func (f *filterSource) spread(s *slot, dst []float32, comp int, tmp []float32, i, k, n int) {
	from, pitch := tmp, n
	if f.packed {
		depth, _ := f.sides()
		from, pitch = f.w[(i*9*depth+k)*cols:], depth
	} else {
		f.raw(tmp, i, k, n)
	}
	t := &s.t
	t.Tiles, t.Map, t.Row, t.Pixel, t.Run = 1, &from[0], 12*pitch*cols, 4*pitch*cols, 4*n*cols
	t.Parts, t.Part = &dst[0], 4*comp
	f.e.wino.Filter(t)
}

// A winoPack packs filters, a panel of 32 per chunk: transformed, [36][panels][depth][32], or only
// turned into panels [panels][3][3][depth][32].
type winoPack struct {
	filterSource
	dst []float32
}

func (e *Engine) packWinograd(dst, w []float32, c Conv, p Pass) {
	t := &e.winoPack
	*t = winoPack{filterSource{e: e, w: w, c: c, turn: p == GradX}, dst}
	depth, n := t.sides()
	e.reserve(9*depth*cols + winoParts*16)
	e.pool.Run(n/cols, t)
	*t = winoPack{}
}

// Chunk packs panel i.
func (t *winoPack) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	depth, _ := t.sides()
	size := 9 * depth * cols
	if !t.transformed() {
		t.raw(t.dst[i*size:(i+1)*size], i, 0, depth)
		return
	}
	s.t.Tmp = &s.floats(winoParts * 16)[0]
	t.spread(s, t.dst[i*depth*cols:], t.c.winoComp(), s.floats(size), i, 0, depth)
}

// A filterBlock is transformed filters of a number of columns: [36][columns/32][depth][32], components
// comp apart.
type filterBlock struct {
	data        []float32
	comp, depth int
}

// winoProducts multiplies a group of components v of some units with filters, and sets or adds m.
func (e *Engine) winoProducts(s *slot, in span, m, v group, u filterBlock, add bool) {
	for i := range winoParts {
		lo, hi := in.tiles(i)
		if lo == hi {
			continue
		}
		to, from := m.data[i*m.comp+lo*m.row:], v.data[i*v.comp+lo*v.row:]
		for p := 0; p < m.n; p += cols {
			e.product(&e.kern.F, s, to[p:], m.row, from, v.row, u.data[i*u.comp+p*u.depth:], hi-lo, v.n, add)
		}
	}
}
