package product

// Blocking of GradW.
const (
	winoSlabs   = 16        // slabs of tiles at most, each with sums of its own, where these fit L2
	winoSlab    = 512       // tiles of a slab at least
	winoSum     = 128       // most tiles in one sum
	winoMost    = 512       // tiles whose components are there at the same time
	winoGroup   = 128       // filters of a task that has one component
	winoSquare  = 64        // filters and channels of a task that has all
	winoMany    = 512 * 256 // channels·filters from which on sums in squares pay
	winoFilters = 8         // filters whose gradient is transformed back at a time
)

// A winoW is the gradient of filters by Winograd's algorithm: the components of x and dy are
// multiplied over tiles, [36][K][C], and transformed back at the end. There are three ways through it.
//
// Up to 64 channels and filters, a task takes a slab of tiles, block after block, everything in one
// core's L2; its sums are added to the others' at the end.
//
// Where there are more, the components of many tiles are shared, and a task multiplies one component
// of them for 128 filters; its operands are in L2.
//
// Few tiles of many channels: the sums are weights four times over, which would be written and read
// again for little work. A task takes a square of them, 64 filters by 64 channels in all components,
// and transforms it back while it is in L2.
type winoW struct {
	e      *Engine
	c      Conv
	gx, gy grid
	x, dy  Operand
	out    Output

	du    []float32 // sums
	comp  int       // distance between their components
	slabs int
	slab  int // units of a slab
	each  int // units of a block or of a piece to transform

	step   winoStep
	u0, u1 int // units whose components are there
	v, d   parts
	add    bool // to what earlier tiles gave
}

// winoStep says what chunks of a winoW do.
type winoStep int

const (
	winoSumSlab winoStep = iota
	winoSpread
	winoMultiply
	winoSumSquare
	winoBack
)

func (e *Engine) gradWinograd(dw Output, dy, x Operand, c Conv) {
	t := &e.winoW
	*t = winoW{e: e, c: c, x: x, dy: dy, out: dw, comp: c.winoComp(), slabs: 1}
	t.gx, t.gy = gridOf(c.N, c.H, c.W, c.C), gridOf(c.N, c.H, c.W, c.K)
	e.whole(&t.out, c.K*9*c.C)
	switch tiles := t.gx.units * t.gx.across; {
	case max(c.C, c.K) <= winoSquare:
		t.bySlabs()
	case tiles <= winoSum && c.C*c.K >= winoMany:
		t.bySquares()
	default:
		t.byComponents()
	}
	*t = winoW{}
}

// columnParts returns parts of which whole columns of all channels are used, without data.
func columnParts(tiles, c int) parts { return parts{tiles: tiles, c: c, wide: c, pad: 16} }

// slabParts returns the same for a block of a slab: so few rows of 64 elements get on in L1 without padding.
func slabParts(tiles, c int) parts { return parts{tiles: tiles, c: c, wide: c} }

// make makes room for sums and for components that are shared.
func (t *winoW) make(sums int, v, d parts) {
	t.v, t.d = v, d
	nx, ny := v.len(), d.len()
	mem := t.e.components(sums + nx + ny)
	t.du, t.v.data, t.d.data = mem[:sums], mem[sums:sums+nx], mem[sums+nx:]
	t.e.reserve(max(t.gx.stripLen(t.each, 1), t.gy.stripLen(t.each, 0)) + winoParts*16)
}

// run runs tasks of a step.
func (t *winoW) run(step winoStep, tasks int) {
	t.step = step
	t.e.pool.Run(tasks, t)
}

func (t *winoW) bySlabs() {
	e := t.e
	t.each = t.gx.unitsOf(winoBlock)
	t.slabs = max(1, min(winoSlabs, t.gx.units*t.gx.across/winoSlab))
	if t.slabs > 1 {
		t.slabs += t.slabs & 1 // even shares for two
	}
	t.slab = ceil(t.gx.units, t.slabs)
	t.slabs = ceil(t.gx.units, t.slab)
	t.du = e.components(t.slabs * winoParts * t.comp)
	tiles := t.each * t.gx.across
	e.reserve(t.gx.stripLen(t.each, 1) + t.gy.stripLen(t.each, 0) +
		slabParts(tiles, t.c.C).len() + slabParts(tiles, t.c.K).len() + winoParts*16)
	t.run(winoSumSlab, t.slabs)
	t.finish()
}

func (t *winoW) byComponents() {
	t.each = t.gx.unitsOf(winoBlock)
	super := min(max(1, winoMost/(t.each*t.gx.across))*t.each, t.gx.units)
	tiles := super * t.gx.across
	t.make(winoParts*t.comp, columnParts(tiles, t.c.C), columnParts(tiles, t.c.K))
	for t.u0 = 0; t.u0 < t.gx.units; t.u0 = t.u1 {
		t.u1 = min(t.u0+super, t.gx.units)
		t.run(winoSpread, 2*ceil(t.u1-t.u0, t.each))
		t.run(winoMultiply, winoParts*ceil(t.c.K, winoGroup))
		t.add = true
	}
	t.finish()
}

func (t *winoW) bySquares() {
	t.each = t.gx.unitsOf(winoBlock / 2)
	t.u1 = t.gx.units
	// A task reads little of a row, so what it reads lies together.
	tiles := t.u1 * t.gx.across
	t.make(0, parts{tiles: tiles, c: t.c.C, wide: cols}, parts{tiles: tiles, c: t.c.K, wide: winoSquare})
	t.comp = spread(winoSquare * winoSquare)
	t.e.reserve(winoParts*(t.comp+16) + winoFilters*9*winoSquare)
	t.run(winoSpread, 2*ceil(t.u1, t.each))
	t.run(winoSumSquare, ceil(t.c.K, winoSquare)*ceil(t.c.C, winoSquare))
}

// finish transforms the sums.
func (t *winoW) finish() {
	t.e.reserve(winoFilters*9*t.c.C + winoParts*16)
	t.run(winoBack, ceil(t.c.K, winoFilters))
}

// Chunk runs chunk i of the current step.
func (t *winoW) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	s.t.Tmp = &s.floats(winoParts * 16)[0]
	switch t.step {
	case winoSumSlab:
		t.sumSlab(s, i)
	case winoSpread:
		t.spread(s, i%2 == 0, t.u0+i/2*t.each)
	case winoMultiply:
		part, k0, k1 := t.group(i)
		t.aheadOf(s, i)
		t.multiply(s, t.du[part*t.comp+k0*t.c.C:], t.c.C, t.gx.span(t.u0, t.u1), t.v, t.d, part, k0, k1, 0, t.c.C, t.add)
	case winoSumSquare:
		t.square(s, i)
	case winoBack:
		t.back(s, i)
	}
}

// spread transforms a piece of x or dy, from unit u on.
func (t *winoW) spread(s *slot, ofX bool, u int) {
	end := min(u+t.each, t.u1)
	if ofX {
		in := t.gx.span(t.u0, t.u1)
		in.spread(s, &t.e.wino.Input, s.floats(t.gx.stripLen(t.each, 1)), t.v, t.x, u, end, 1)
	} else {
		in := t.gy.span(t.u0, t.u1)
		in.spread(s, &t.e.wino.Grad, s.floats(t.gy.stripLen(t.each, 0)), t.d, t.dy, u, end, 0)
	}
}

// sumSlab computes the sums of slab i.
func (t *winoW) sumSlab(s *slot, i int) {
	tiles := t.each * t.gx.across
	v, d := slabParts(tiles, t.c.C), slabParts(tiles, t.c.K)
	v.data, d.data = s.floats(v.len()), s.floats(d.len())
	sx, sy := s.floats(t.gx.stripLen(t.each, 1)), s.floats(t.gy.stripLen(t.each, 0))
	du := t.du[i*winoParts*t.comp:]
	first, last := i*t.slab, min((i+1)*t.slab, t.gx.units)
	for u := first; u < last; u += t.each {
		end := min(u+t.each, last)
		inX, inY := t.gx.span(u, end), t.gy.span(u, end)
		inX.spread(s, &t.e.wino.Input, sx, v, t.x, u, end, 1)
		inY.spread(s, &t.e.wino.Grad, sy, d, t.dy, u, end, 0)
		next := end // of this slab, or of that which this thread takes next if slabs go round
		if next == last {
			next = (i + t.e.pool.Threads()) * t.slab
		}
		s.ahead.clear()
		s.ahead.units(&t.gx, t.x, next, min(next+t.each, t.gx.units), 1)
		s.ahead.units(&t.gy, t.dy, next, min(next+t.each, t.gx.units), 0)
		s.w.Ahead = s.ahead.list()
		for part := range winoParts {
			t.multiply(s, du[part*t.comp:], t.c.C, inX, v, d, part, 0, t.c.K, 0, t.c.C, u > first)
		}
	}
}

// square computes the gradients of square i.
func (t *winoW) square(s *slot, i int) {
	across := ceil(t.c.C, winoSquare)
	k0, c0 := i/across*winoSquare, i%across*winoSquare
	k1, c1 := min(k0+winoSquare, t.c.K), min(c0+winoSquare, t.c.C)
	du := s.floats(winoParts * t.comp)
	t.aheadOfSquare(s, i)
	for part := range winoParts {
		t.multiply(s, du[part*t.comp:], winoSquare, t.gx.span(0, t.u1), t.v, t.d, part, k0, k1, c0, c1, false)
	}
	for k := k0; k < k1; k += winoFilters {
		t.backward(s, du[(k-k0)*winoSquare:], winoSquare, k, min(k+winoFilters, k1), c0, c1)
	}
}

// group returns the component and the filters of chunk i.
func (t *winoW) group(i int) (part, k0, k1 int) {
	groups := ceil(t.c.K, winoGroup)
	k0 = i % groups * winoGroup
	return i / groups, k0, min(k0+winoGroup, t.c.K)
}

// aheadOf has the products of chunk i fetch what they read, a sum before it is used, and of the chunk that
// this thread takes next its beginning and the place of its sums.
func (t *winoW) aheadOf(s *slot, i int) {
	in, next := t.gx.span(t.u0, t.u1), i+t.e.pool.Threads()
	s.ahead.clear()
	name := func(i, skip, most int) {
		part, k0, k1 := t.group(i)
		lo, hi := in.tiles(part)
		if lo += skip; lo < hi {
			v, d, rows := t.v.group(0), t.d.group(0), min(most, hi-lo)
			s.ahead.add(v.data[part*v.comp+lo*v.row:], v.row, rows, v.row)
			s.ahead.add(d.data[part*d.comp+lo*d.row+k0:], d.row, rows, k1-k0)
		}
	}
	name(i, winoSum, winoMost)
	if part, k0, k1 := t.group(next); part < winoParts {
		name(next, 0, winoSum)
		s.ahead.add(t.du[part*t.comp+k0*t.c.C:], t.c.C, k1-k0, t.c.C)
	}
	s.w.Ahead = s.ahead.list()
}

// aheadOfSquare has the products of square i fetch its components, one before it is used, and the first of
// the square that this thread takes next. Those of the filters are there already if its last square was of
// the same.
func (t *winoW) aheadOfSquare(s *slot, i int) {
	s.ahead.clear()
	for part := 1; part < winoParts; part++ {
		t.nameSquare(s, i, part)
	}
	if next := i + t.e.pool.Threads(); next < ceil(t.c.K, winoSquare)*ceil(t.c.C, winoSquare) {
		t.nameSquare(s, next, 0)
	}
	s.w.Ahead = s.ahead.list()
}

// nameSquare names what square i reads of a component.
func (t *winoW) nameSquare(s *slot, i, part int) {
	in, across := t.gx.span(0, t.u1), ceil(t.c.C, winoSquare)
	lo, hi := in.tiles(part)
	if lo == hi {
		return
	}
	k0, c0 := i/across*winoSquare, i%across*winoSquare
	if i%across < t.e.pool.Threads() {
		d := t.d.group(k0 / t.d.wide)
		s.ahead.add(d.data[part*d.comp+lo*d.row:], d.row, hi-lo, d.row)
	}
	for c := c0; c < min(c0+winoSquare, t.c.C); c += cols {
		v := t.v.group(c / t.v.wide)
		s.ahead.add(v.data[part*v.comp+lo*v.row:], v.row, hi-lo, v.row)
	}
}

// multiply sets or adds one component of filters [k0, k1), of one group, and channels [c0, c1), summed
// over tiles. It goes to du, whose rows are pitch apart.
func (t *winoW) multiply(s *slot, du []float32, pitch int, in span, v, d parts, part, k0, k1, c0, c1 int, add bool) {
	a := d.group(k0 / d.wide)
	first, tiles := in.tiles(part)
	if first == tiles && !add {
		for k := range k1 - k0 {
			clear(du[k*pitch:][:c1-c0])
		}
	}
	for ; first < tiles; first += winoSum {
		depth := min(winoSum, tiles-first)
		for c := c0; c < c1; c += cols {
			b := v.group(c / v.wide)
			t.e.outer(&t.e.kern.W, s, du[c-c0:], pitch, a.data[part*a.comp+first*a.row+k0%d.wide:], a.row,
				b.data[part*b.comp+first*b.row+c%v.wide:], b.row, k1-k0, depth, add)
		}
		add = true
	}
}

// back adds the slabs of a few filters and transforms them into gradients.
func (t *winoW) back(s *slot, i int) {
	k0, k1 := i*winoFilters, min((i+1)*winoFilters, t.c.K)
	for slab := 1; slab < t.slabs; slab++ {
		for part := range winoParts {
			at := part*t.comp + k0*t.c.C
			sum := t.du[at : at+(k1-k0)*t.c.C]
			t.e.vec.Add(sum, sum, t.du[slab*winoParts*t.comp+at:][:len(sum)])
		}
	}
	t.backward(s, t.du[k0*t.c.C:], t.c.C, k0, k1, 0, t.c.C)
}

// backward transforms sums, whose rows are pitch apart, into gradients of filters [k0, k1), winoFilters
// at most, and channels [c0, c1).
func (t *winoW) backward(s *slot, du []float32, pitch, k0, k1, c0, c1 int) {
	wide, n := 9*t.c.C, c1-c0
	dst := t.out.Data[k0*wide+c0:]
	f := &s.t
	f.Tiles, f.Parts, f.Part, f.StepParts, f.Run = k1-k0, &du[0], 4*t.comp, 4*pitch, 4*n
	if t.out.Add {
		used := s.used
		tmp := s.floats(winoFilters * 9 * n)
		f.Map, f.Row, f.Pixel, f.StepMap = &tmp[0], 12*n, 4*n, 36*n
		t.e.wino.FilterGrad(f)
		for i := range (k1 - k0) * 9 {
			addRows(dst[i*t.c.C:][:n], tmp[i*n:], true)
		}
		s.used = used
	} else {
		f.Map, f.Row, f.Pixel, f.StepMap = &dst[0], 12*t.c.C, 4*t.c.C, 4*wide
		t.e.wino.FilterGrad(f)
	}
	if t.out.Done == nil {
		return
	}
	// Whole filters are rows of the result; of parts of them, runs of channels are.
	tile := Tile{Data: dst, Pitch: wide, Row: k0, Rows: k1 - k0, Cols: wide, Chunk: k0 / winoFilters}
	if n < t.c.C {
		tile.Pitch, tile.Row, tile.Rows, tile.Col, tile.Cols = t.c.C, 9*k0, 9*(k1-k0), c0, n
	}
	t.out.Done(tile)
}
