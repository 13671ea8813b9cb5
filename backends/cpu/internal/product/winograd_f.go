package product

// Blocking of Forward and GradX.
const (
	winoBlock = 32       // tiles of a private block: with filters and results they stay in L2
	winoPass  = 49       // the same where filters pass by: products with fewer rows would not fetch them in time
	winoWide  = 64       // tiles of a chunk of rows, of two to a block, where blocks are shared: 1,024 pixels
	winoTasks = 8        // tasks wanted of shared blocks
	winoCols  = 2 * cols // columns of the result that a task or block goes through at a time
)

// A winoF is a convolution by Winograd's algorithm: Forward of x, or GradX of dy with filters turned.
//
// Up to winoPrivate channels a chunk takes a block of tiles through all three steps in one core's L2; of more
// than winoLeast channels the filters, 2.4 MB, pass by once a block.
// Beyond, the filters are too large to be read once a block: all tiles are transformed first, and then
// a task takes winoCols columns of the result and block after block of tiles. It transforms the filters
// of winoDepth channels at a time and adds their products: these filters and the results stay in L2, only
// the components of the input pass by, once for winoCols columns.
type winoF struct {
	e       *Engine
	in, res grid
	x       Operand
	f       filterSource
	out     Output

	each  int // units of a chunk of rows
	block int // units of a shared block
	piece int // units that are transformed at a time, where blocks are shared

	u0, u1 int       // units whose components are there
	v      []float32 // of block after block
	input  bool      // transforming the input
	cut    int       // tasks that share a panel of filters
}

func (e *Engine) runWinograd(out Output, x Operand, f filterSource) {
	c := f.c
	depth, n := f.sides()
	t := &e.winoF
	*t = winoF{e: e, in: gridOf(c.N, c.H, c.W, depth), res: gridOf(c.N, c.H, c.W, n), x: x, f: f, out: out}
	e.whole(&t.out, c.N*c.H*c.W*n)
	t.each = winoChunk(&t.in)
	if t.f.transformed() {
		tiles := t.in.across * t.each
		e.reserve(t.in.stripLen(t.each, 1) + rowParts(tiles, depth).len() + rowParts(tiles, winoCols).len() + winoParts*16)
		e.pool.Run(ceil(t.in.units, t.each), t)
	} else {
		t.runShared()
	}
	*t = winoF{}
}

// winoChunk returns the units of a chunk of rows.
func winoChunk(in *grid) int {
	switch {
	case in.c > winoPrivate:
		return in.unitsOf(winoWide)
	case in.c > winoLeast:
		return in.unitsOf(winoPass)
	}
	return in.unitsOf(winoBlock)
}

// runShared computes all blocks, some at a time if their components are too many.
func (t *winoF) runShared() {
	e := t.e
	t.block = min(2*t.each, t.in.units)
	t.piece = ceil(t.block, 8)
	tiles := t.block * t.in.across
	e.reserve(winoParts*16 + max(t.in.stripLen(t.piece, 1),
		rowParts(tiles, winoCols).len()+winoParts*spread(winoDepth*winoCols)+9*winoDepth*cols))
	blocks := ceil(t.in.units, t.block)
	most := ceil(blocks, ceil(blocks, max(1, winoShared/t.vLen()))) // even shares
	t.v = e.components(most * t.vLen())
	for t.u0 = 0; t.u0 < t.in.units; t.u0 = t.u1 {
		t.u1 = min(t.u0+most*t.block, t.in.units)
		t.input = true
		e.pool.Run(ceil(t.u1-t.u0, t.piece), t)
		t.input = false
		panels := ceil(t.res.c, winoCols)
		t.cut = min(max(1, winoTasks/panels), ceil(t.u1-t.u0, t.block))
		e.pool.Run(t.cut*panels, t)
	}
}

// rowParts returns parts as winoProducts wants them, without data.
func rowParts(tiles, c int) parts { return parts{tiles: tiles, c: c, wide: winoDepth} }

// vLen is the number of elements of a block's components.
func (t *winoF) vLen() int { return rowParts(t.block*t.in.across, t.in.c).len() }

// Chunk runs chunk i of the current step.
func (t *winoF) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	s.t.Tmp = &s.floats(winoParts * 16)[0]
	switch {
	case t.f.transformed():
		t.private(s, i)
	case t.input:
		t.spread(s, t.u0+i*t.piece)
	default:
		blocks := ceil(t.u1-t.u0, t.block)
		part := i % t.cut
		t.panel(s, i/t.cut, part*blocks/t.cut, (part+1)*blocks/t.cut)
	}
}

// components returns those of shared block b.
func (t *winoF) components(b int) parts {
	return rowParts(t.block*t.in.across, t.in.c).on(t.v[b*t.vLen():])
}

// spread transforms the input of a piece of a shared block, from unit u on.
func (t *winoF) spread(s *slot, u int) {
	end := min(u+t.piece, t.u1)
	strip := s.floats(t.in.stripLen(t.piece, 1))
	for u < end {
		b := (u - t.u0) / t.block
		first := t.u0 + b*t.block
		last := min(end, first+t.block)
		in := t.in.span(first, min(first+t.block, t.u1))
		in.spread(s, &t.e.wino.Input, strip, t.components(b), t.x, u, last, 1)
		u = last
	}
}

// panel computes winoCols columns of the result for shared blocks [b0, b1).
func (t *winoF) panel(s *slot, panel, b0, b1 int) {
	depth, tiles := t.in.c, t.block*t.in.across
	col := panel * winoCols
	m := rowParts(tiles, min(winoCols, t.res.c-col))
	m.data = s.floats(m.len())
	filters := filterBlock{comp: spread(winoDepth * m.c)}
	filters.data = s.floats(winoParts * filters.comp)
	raw := s.floats(9 * winoDepth * cols)
	for b := b0; b < b1; b++ {
		u := t.u0 + b*t.block
		end := min(u+t.block, t.u1)
		in, res := t.in.span(u, end), t.res.span(u, end)
		for k := 0; k < depth; k += winoDepth {
			v := t.components(b).group(k / winoDepth)
			filters.depth = v.n
			for p := 0; p < m.c; p += cols {
				t.f.spread(s, filters.data[p*v.n:], filters.comp, raw, (col+p)/cols, k, v.n)
			}
			t.ahead(s, v, res, col, m.c, k+winoDepth >= depth)
			t.e.winoProducts(s, in, m.group(0), v, filters, k > 0)
		}
		res.collect(s, &t.e.wino.Output, t.out, m.group(0), col)
		for ; u < end; u += t.each {
			t.res.done(t.out, u, min(u+t.each, end), col, m.c, u/t.each)
		}
	}
}

// ahead has the products of a group of components fetch these, which pass by, one component before
// they are used, and in the end where the results go.
func (t *winoF) ahead(s *slot, v group, res span, col, wide int, last bool) {
	s.ahead.clear()
	s.ahead.add(v.data[v.comp:], v.comp, winoParts-1, v.comp)
	if last {
		from, to := t.res.pixel(res.u0), t.res.pixel(res.u1)
		s.ahead.add(t.out.Data[from*t.res.c+col:], t.res.c, to-from, wide)
	}
	s.f.Ahead = s.ahead.list()
}

// private takes block i through all steps.
func (t *winoF) private(s *slot, i int) {
	depth, tiles := t.in.c, t.each*t.in.across
	u := i * t.each
	end := min(u+t.each, t.in.units)
	v := rowParts(tiles, depth)
	v.data = s.floats(v.len())
	mem := s.floats(rowParts(tiles, winoCols).len())
	in, res := t.in.span(u, end), t.res.span(u, end)
	in.spread(s, &t.e.wino.Input, s.floats(t.in.stripLen(t.each, 1)), v, t.x, u, end, 1)
	for col := 0; col < t.res.c; col += winoCols {
		n := min(winoCols, t.res.c-col)
		m := rowParts(tiles, n).on(mem)
		filters := filterBlock{t.f.w[col*depth:], t.f.c.winoComp(), depth}
		t.aheadOf(s, res, filters, col, n)
		t.e.winoProducts(s, in, m.group(0), v.group(0), filters, false)
		res.collect(s, &t.e.wino.Output, t.out, m.group(0), col)
	}
	t.res.done(t.out, u, end, 0, t.res.c, i)
}

// aheadOf has the products of a private block with n columns fetch their filters, one component before it
// is used, unless all filters are in L2. After the last columns come the places of the results, and the
// input of the block that this thread takes next if blocks go round.
func (t *winoF) aheadOf(s *slot, res span, u filterBlock, col, n int) {
	s.ahead.clear()
	if u.depth > winoLeast {
		s.ahead.add(u.data[u.comp:], u.comp, winoParts-1, n*u.depth)
	}
	if col+n == t.res.c {
		next := res.u0 + t.e.pool.Threads()*t.each
		s.ahead.units(&t.res, Operand{Data: t.out.Data}, res.u0, res.u1, 0)
		s.ahead.units(&t.in, t.x, next, min(next+t.each, t.in.units), 1)
	}
	s.f.Ahead = s.ahead.list()
}
