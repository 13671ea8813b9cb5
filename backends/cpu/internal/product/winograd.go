package product

import "kith/backends/cpu/internal/simd"

// Blocking of Winograd convolution; functions of the shape alone.
const (
	winoParts   = 36      // components of a tile
	winoLeast   = 64      // channels and filters from which on it pays
	winoWidest  = 256     // width of a map up to which a row of tiles is at most 1,024 pixels
	winoTiles   = 24      // tiles below which transforming the filters costs more than it saves
	winoBlock   = 28      // tiles of a block whose components stay in one core's L2
	winoWide    = 56      // the same, up to 64 channels
	winoPrivate = 128     // channels up to which blocks are private to a task
	winoShared  = 4 << 20 // elements of components that tasks share, 16 MiB
	winoPanels  = 2       // panels of 32 filters that a block goes through at a time
	winoTasks   = 16      // tasks wanted of a large block
)

// winograd reports whether a convolution is computed by F(4×4, 3×3) (spec/cpu.md 10, 11).
func (e *Engine) winograd(c Conv) bool {
	g := gridOf(c.N, c.H, c.W, c.C)
	return !e.opt.Strict && !e.matrix(c.Half) && c.R == 3 && c.S == 3 && c.Stride == 1 && c.Pad == 1 &&
		c.C%cols == 0 && c.K%cols == 0 && min(c.C, c.K) >= winoLeast &&
		c.W <= winoWidest && g.units*g.across >= winoTiles
}

// A grid cuts maps [n, h, w, c] into tiles of 4×4 pixels. A unit is a row of tiles of one image.
type grid struct {
	h, w, c      int
	down, across int // tiles of an image
	units        int // rows of tiles of all images
}

func gridOf(n, h, w, c int) grid {
	g := grid{h: h, w: w, c: c, down: ceil(h, 4), across: ceil(w, 4)}
	g.units = n * g.down
	return g
}

// rows returns the number of pixel rows of a unit, 4 but for the last of an image.
func (g *grid) rows(unit int) int { return min(4, g.h-unit%g.down*4) }

// pixel returns the first pixel of a unit, as a row of the matrix [n·h·w, c].
func (g *grid) pixel(unit int) int {
	return (unit/g.down*g.h + unit%g.down*4) * g.w
}

// unitsOf returns the number of units that make about so many tiles.
func (g *grid) unitsOf(tiles int) int { return max(1, tiles/g.across) }

// parts is scratch for the components of some tiles: [36][tiles][c], rows and components padded so
// that neither falls into few sets of a cache.
type parts struct {
	data      []float32
	row, comp int // pitches, in elements
}

func partsLen(tiles, c int) int { return winoParts * spread(tiles*spread(c)) }

func partsOf(data []float32, tiles, c int) parts {
	return parts{data: data, row: spread(c), comp: spread(tiles * spread(c))}
}

// stripLen returns the elements of a strip of units with a halo.
func (g *grid) stripLen(units, halo int) int {
	return (4*min(units, g.down) + 2*halo) * (4*g.across + 2*halo) * g.c
}

// strip copies units [u0, u1), of one image, with a halo of 0 or 1 pixels. Pixels outside the map
// are 0, whatever Load makes of zeros.
func (g *grid) strip(dst []float32, x Operand, u0, u1, halo int) {
	wide := (4*g.across + 2*halo) * g.c
	h0, image := u0%g.down*4-halo, u0/g.down
	for r := range (u1-u0)*4 + 2*halo {
		row := dst[r*wide:][:wide]
		h := h0 + r
		if h < 0 || h >= g.h {
			clear(row)
			continue
		}
		clear(row[:halo*g.c])
		mid := row[halo*g.c:][:g.w*g.c]
		clear(row[halo*g.c+len(mid):])
		at := (image*g.h + h) * g.w * g.c
		if x.Load == nil {
			copy(mid, x.Data[at:])
			continue
		}
		for some := mostLoad / g.c * g.c; len(mid) > 0; {
			n := min(some, len(mid))
			x.Load(mid[:n], at)
			mid, at = mid[n:], at+n
		}
	}
}

// spreadUnits transforms units [u0, u1) into p, from tile first on.
func (g *grid) spreadUnits(s *slot, f func(*simd.Transform), strip []float32, p parts, x Operand, u0, u1, first, halo int) {
	t := &s.t
	wide := (4*g.across + 2*halo) * g.c
	t.Tiles, t.Row, t.Pixel, t.StepMap = g.across, 4*wide, 4*g.c, 16*g.c
	t.Part, t.StepParts, t.Run = 4*p.comp, 4*p.row, 4*g.c
	for u := u0; u < u1; {
		// As many units as lie in one image share a strip.
		end := min(u1, (u/g.down+1)*g.down)
		g.strip(strip, x, u, end, halo)
		for r := 0; u < end; u, r = u+1, r+1 {
			t.Map, t.Parts = &strip[4*r*wide], &p.data[(first+(u-u0)*g.across)*p.row]
			f(t)
		}
	}
}

// collectUnits transforms channels [col, col+n) of units [u0, u1) back into pixels of out.
func (g *grid) collectUnits(s *slot, f func(*simd.Transform), out Output, p parts, u0, u1, first, col, n int) {
	t := &s.t
	t.Row, t.Pixel, t.StepMap = 4*g.w*g.c, 4*g.c, 16*g.c
	t.Part, t.StepParts, t.Run, t.Add = 4*p.comp, 4*p.row, 4*n, 0
	if out.Add {
		t.Add = 1
	}
	full, edge := g.w/4, g.w%4
	for u := u0; u < u1; u++ {
		at, tile := g.pixel(u)*g.c+col, first+(u-u0)*g.across
		t.Rows = g.rows(u)
		if full > 0 {
			t.Tiles, t.Cols, t.Map, t.Parts = full, 4, &out.Data[at], &p.data[tile*p.row]
			f(t)
		}
		if edge > 0 {
			t.Tiles, t.Cols, t.Map, t.Parts = 1, edge, &out.Data[at+4*full*g.c], &p.data[(tile+full)*p.row]
			f(t)
		}
	}
}

// done shows units to out.Done, in order.
func (g *grid) done(out Output, u0, u1, col, n, chunk int) {
	if out.Done == nil {
		return
	}
	for u := u0; u < u1; u++ {
		row := g.pixel(u)
		out.Done(Tile{
			Data: out.Data[row*g.c+col:], Pitch: g.c, Row: row, Rows: g.rows(u) * g.w,
			Col: col, Cols: n, Chunk: chunk,
		})
	}
}

// winoComp is the distance between components of all transformed filters.
func (c Conv) winoComp() int { return c.K*c.C + 16 }

// winoLen returns the number of elements of packed filters with so many channels in.
func (c Conv) winoLen(in int) int {
	if in > winoPrivate {
		return 9 * c.K * c.C
	}
	return winoParts * c.winoComp()
}

// A winoPack packs filters, a panel of 32 per chunk: transformed, [36][panels][depth][32], or, where a
// task transforms them for itself, only turned into panels [panels][3][3][depth][32].
type winoPack struct {
	e      *Engine
	dst, w []float32
	c      Conv
	turn   bool // for GradX: turned by 180°, channels and filters exchanged
}

func (e *Engine) packWinograd(dst, w []float32, c Conv, p Pass) {
	t := &e.winoPack
	*t = winoPack{e: e, dst: dst, w: w, c: c, turn: p == GradX}
	n, depth := c.K, c.C
	if t.turn {
		n, depth = c.C, c.K
	}
	e.reserve(9*depth*cols + winoParts*16)
	e.pool.Run(n/cols, t)
	*t = winoPack{}
}

// Chunk packs panel i.
func (t *winoPack) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	c, depth := t.c, t.c.C
	if t.turn {
		depth = c.K
	}
	size := 9 * depth * cols
	if depth > winoPrivate {
		t.panel(t.dst[i*size:(i+1)*size], i)
		return
	}
	panel := s.floats(size)
	t.panel(panel, i)
	t.e.spreadFilters(s, s.floats(winoParts*16), t.dst[i*depth*cols:], c.winoComp(), panel, depth)
}

// panel copies panel i as it is, [3][3][depth][32].
func (t *winoPack) panel(dst []float32, i int) {
	c := t.c
	if !t.turn {
		t.e.kern.Transpose(&dst[0], &t.w[i*cols*9*c.C], 9*c.C, 9*c.C)
		return
	}
	for tap := range 9 {
		t.e.kern.CopyPanels(&dst[tap*c.K*cols], &t.w[(8-tap)*c.C+i*cols], c.K, 9*c.C, 1, 0)
	}
}

// spreadFilters transforms a panel of filters of some depth into components that are comp apart.
func (e *Engine) spreadFilters(s *slot, tmp, dst []float32, comp int, panel []float32, depth int) {
	run := 4 * depth * cols
	s.t = simd.Transform{
		Tiles: 1, Map: &panel[0], Row: 3 * run, Pixel: run, Run: run,
		Parts: &dst[0], Part: 4 * comp, Tmp: &tmp[0],
	}
	e.wino.Filter(&s.t)
}

// A winoF is a convolution by Winograd's algorithm: Forward of x, or GradX of dy with filters that
// are packed for it. Up to winoPrivate channels a chunk takes a block of tiles through all three
// steps in one core's L2. Beyond, filters are too large to be read once a block; then all tiles of a
// large block are transformed first, and a chunk takes 64 filters of a part of them.
type winoF struct {
	e       *Engine
	in, res grid
	x       Operand
	u       []float32
	comp    int // distance between components of transformed filters
	out     Output

	each   int // units of a block (private), or of a chunk of rows (shared)
	shared bool
	super  int // units of a large block
	u0, u1 int // the current one
	v      parts
	input  bool // transforming the input
	parts  int  // that a large block is cut into, beside panels of filters
	part   int  // units of one
}

func (e *Engine) runWinograd(out Output, x Operand, u []float32, c Conv, in, res int) {
	t := &e.winoF
	*t = winoF{e: e, in: gridOf(c.N, c.H, c.W, in), res: gridOf(c.N, c.H, c.W, res), x: x, u: u, comp: c.winoComp(), out: out}
	if out.Data == nil {
		t.out.Data = e.hold(c.N * c.H * c.W * res)
	}
	t.each, t.shared = winoChunk(&t.in)
	tiles := t.in.across * t.each
	if !t.shared {
		e.reserve(t.in.stripLen(t.each, 1) + partsLen(tiles, in) + partsLen(tiles, winoPanels*cols) + winoParts*16)
		e.pool.Run(ceil(t.in.units, t.each), t)
		*t = winoF{}
		return
	}
	wide := winoPanels * cols
	t.comp = in*wide + 16
	e.reserve(max(t.in.stripLen(t.each, 1), partsLen(2*tiles, wide)+winoParts*t.comp) + winoParts*16)
	t.super = max(1, winoShared/partsLen(2*tiles, in)) * 2 * t.each
	t.super = min(t.super, ceil(t.in.units, 2*t.each)*2*t.each)
	t.v = partsOf(e.components(partsLen(t.super*t.in.across, in)), t.super*t.in.across, in)
	for t.u0 = 0; t.u0 < t.in.units; t.u0 = t.u1 {
		t.u1 = min(t.u0+t.super, t.in.units)
		t.input = true
		e.pool.Run(ceil(t.u1-t.u0, t.each), t)
		t.input, t.parts = false, max(1, winoTasks/ceil(res, wide))
		t.part = ceil(ceil(t.u1-t.u0, t.parts), 2*t.each) * 2 * t.each
		t.parts = ceil(t.u1-t.u0, t.part)
		e.pool.Run(t.parts*ceil(res, wide), t)
	}
	*t = winoF{}
}

// winoChunk returns the units of a chunk of rows and whether components are shared.
func winoChunk(in *grid) (each int, shared bool) {
	switch {
	case in.c > winoPrivate:
		return in.unitsOf(winoWide), true
	case in.c > winoLeast:
		return in.unitsOf(winoBlock), false
	}
	return in.unitsOf(winoWide), false
}

// Chunk runs chunk i of the current step.
func (t *winoF) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	s.t.Tmp = &s.floats(winoParts * 16)[0]
	switch {
	case !t.shared:
		t.private(s, i)
	case t.input:
		u := t.u0 + i*t.each
		strip := s.floats(t.in.stripLen(t.each, 1))
		t.in.spreadUnits(s, t.e.wino.Input, strip, t.v, t.x, u, min(u+t.each, t.u1), (u-t.u0)*t.in.across, 1)
	default:
		t.panel(s, i/t.parts, t.u0+i%t.parts*t.part)
	}
}

// panel multiplies and transforms back 64 filters, panel·64 and on, of a part of the large block.
func (t *winoF) panel(s *slot, panel, u int) {
	const wide = winoPanels * cols
	tiles, depth := 2*t.each*t.in.across, t.in.c
	m := partsOf(s.floats(partsLen(tiles, wide)), tiles, wide)
	filters, tmp, size := s.floats(winoParts*t.comp), s.mem[:winoParts*16], 9*depth*cols
	col := panel * wide
	n := min(wide, t.res.c-col)
	for p := 0; p < n; p += cols {
		t.e.spreadFilters(s, tmp, filters[p*depth:], t.comp, t.u[(col+p)/cols*size:][:size], depth)
	}
	for end := min(u+t.part, t.u1); u < end; {
		last, v := min(u+2*t.each, end), t.v
		v.data = v.data[(u-t.u0)*t.in.across*v.row:]
		t.products(s, v, m, filters, u, last, col, n)
		for ; u < last; u += t.each {
			t.res.done(t.out, u, min(u+t.each, last), col, n, u/t.each)
		}
		u = last
	}
}

// private takes block i through all steps.
func (t *winoF) private(s *slot, i int) {
	u, tiles := i*t.each, t.each*t.in.across
	end := min(u+t.each, t.in.units)
	v := partsOf(s.floats(partsLen(tiles, t.in.c)), tiles, t.in.c)
	m := partsOf(s.floats(partsLen(tiles, winoPanels*cols)), tiles, winoPanels*cols)
	t.in.spreadUnits(s, t.e.wino.Input, s.floats(t.in.stripLen(t.each, 1)), v, t.x, u, end, 0, 1)
	for col := 0; col < t.res.c; col += winoPanels * cols {
		t.products(s, v, m, t.u[col*t.in.c:], u, end, col, min(winoPanels*cols, t.res.c-col))
	}
	t.res.done(t.out, u, end, 0, t.res.c, i)
}

// products multiplies the components of units [u0, u1) with n filters, those from col on, and
// transforms the results.
func (t *winoF) products(s *slot, v, m parts, filters []float32, u0, u1, col, n int) {
	tiles, depth := (u1-u0)*t.in.across, t.in.c
	block := Gemm{K: depth}.depthBlock()
	for i := range winoParts {
		for p := 0; p < n; p += cols {
			for k := 0; k < depth; k += block {
				t.e.product(&t.e.kern.F, s, m.data[i*m.comp+p:], m.row, v.data[i*v.comp+k:], v.row,
					filters[i*t.comp+p*depth+k*cols:], tiles, min(block, depth-k), k > 0)
			}
		}
	}
	t.res.collectUnits(s, t.e.wino.Output, t.out, m, u0, u1, 0, col, n)
}
