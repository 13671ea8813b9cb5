package product

import "kith/backends/cpu/internal/simd"

const (
	winoSlabs   = 16      // slabs of tiles, each with sums of its own, where these fit L2
	winoSmall   = 64 * 64 // channels·filters up to which they do
	winoDepth   = 512     // most tiles in one sum
	winoGroup   = 128     // filters of a task
	winoFilters = 8       // filters whose gradient is transformed back at a time
)

// A winoW is the gradient of filters by Winograd's algorithm: the components of x and dy are
// multiplied over tiles, [36][K][C], and transformed back at the end. Few channels: each chunk takes a
// slab of tiles, block after block in one core's L2. Many: the components of a large block are
// shared, and a chunk multiplies one component of 112 filters.
type winoW struct {
	e          *Engine
	c          Conv
	gx, gy     grid
	x, dy      Operand
	out        Output
	du         []float32 // [slabs][36] of K·C elements, comp apart
	comp       int
	slabs      int
	slab, each int // units of a slab, of a block or of a task
	step       winoStep
	u0, u1     int // current large block
	v, d       parts
	add        bool
}

// winoStep says what chunks of a winoW do.
type winoStep int

const (
	winoSlab winoStep = iota
	winoSpread
	winoMultiply
	winoBack
)

func (e *Engine) gradWinograd(dw Output, dy, x Operand, c Conv) {
	t := &e.winoW
	*t = winoW{e: e, c: c, x: x, dy: dy, out: dw, comp: c.winoComp(), slabs: 1}
	t.gx, t.gy = gridOf(c.N, c.H, c.W, c.C), gridOf(c.N, c.H, c.W, c.K)
	t.each = t.gx.unitsOf(winoBlock)
	if c.C*c.K <= winoSmall {
		t.bySlabs()
	} else {
		t.byComponents()
	}
	t.step = winoBack
	e.reserve(winoFilters*9*c.C + winoParts*16)
	e.pool.Run(ceil(c.K, winoFilters), t)
	*t = winoW{}
}

// sums makes room for the sums and shared components of some tiles.
func (t *winoW) sums(tiles int) {
	n, nx, ny := t.slabs*winoParts*t.comp, 0, 0
	if tiles > 0 {
		nx, ny = partsLen(tiles, t.c.C), partsLen(tiles, t.c.K)
	}
	mem := t.e.components(n + nx + ny)
	t.du = mem[:n]
	t.v, t.d = partsOf(mem[n:n+nx], tiles, t.c.C), partsOf(mem[n+nx:], tiles, t.c.K)
}

func (t *winoW) bySlabs() {
	e := t.e
	t.slabs = min(winoSlabs, ceil(t.gx.units, t.each))
	t.slab = ceil(ceil(t.gx.units, t.slabs), t.each) * t.each
	t.slabs = ceil(t.gx.units, t.slab)
	t.sums(0)
	tiles := t.each * t.gx.across
	e.reserve(t.gx.stripLen(t.each, 1) + t.gy.stripLen(t.each, 0) + partsLen(tiles, t.c.C) + partsLen(tiles, t.c.K) + winoParts*16)
	t.step = winoSlab
	e.pool.Run(t.slabs, t)
}

func (t *winoW) byComponents() {
	e := t.e
	most := min(winoDepth, 2*winoShared/partsLen(1, t.c.C+t.c.K))
	super := min(max(1, most/(t.each*t.gx.across))*t.each, ceil(t.gx.units, t.each)*t.each)
	t.sums(super * t.gx.across)
	e.reserve(t.gx.stripLen(t.each, 1) + t.gy.stripLen(t.each, 0) + winoParts*16)
	for t.u0 = 0; t.u0 < t.gx.units; t.u0 = t.u1 {
		t.u1 = min(t.u0+super, t.gx.units)
		t.step = winoSpread
		e.pool.Run(2*ceil(t.u1-t.u0, t.each), t)
		t.step = winoMultiply
		e.pool.Run(winoParts*ceil(t.c.K, winoGroup), t)
		t.add = true
	}
}

// Chunk runs chunk i of the current step.
func (t *winoW) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	s.t.Tmp = &s.floats(winoParts * 16)[0]
	switch t.step {
	case winoSlab:
		t.sumSlab(s, i)
	case winoSpread:
		u := t.u0 + i/2*t.each
		end, first := min(u+t.each, t.u1), (u-t.u0)*t.gx.across
		if i%2 == 0 {
			t.gx.spreadUnits(s, t.e.wino.Input, s.floats(t.gx.stripLen(t.each, 1)), t.v, t.x, u, end, first, 1)
		} else {
			t.gy.spreadUnits(s, t.e.wino.Grad, s.floats(t.gy.stripLen(t.each, 0)), t.d, t.dy, u, end, first, 0)
		}
	case winoMultiply:
		groups := ceil(t.c.K, winoGroup)
		k := i % groups * winoGroup
		t.multiply(s, t.du, t.v, t.d, i/groups, k, min(winoGroup, t.c.K-k), (t.u1-t.u0)*t.gx.across, t.add)
	case winoBack:
		t.back(s, i)
	}
}

// sumSlab computes the sums of slab i.
func (t *winoW) sumSlab(s *slot, i int) {
	tiles := t.each * t.gx.across
	v := partsOf(s.floats(partsLen(tiles, t.c.C)), tiles, t.c.C)
	d := partsOf(s.floats(partsLen(tiles, t.c.K)), tiles, t.c.K)
	sx, sy := s.floats(t.gx.stripLen(t.each, 1)), s.floats(t.gy.stripLen(t.each, 0))
	du := t.du[i*winoParts*t.comp:]
	first, last := i*t.slab, min((i+1)*t.slab, t.gx.units)
	for u := first; u < last; u += t.each {
		end := min(u+t.each, last)
		t.gx.spreadUnits(s, t.e.wino.Input, sx, v, t.x, u, end, 0, 1)
		t.gy.spreadUnits(s, t.e.wino.Grad, sy, d, t.dy, u, end, 0, 0)
		for part := range winoParts {
			t.multiply(s, du, v, d, part, 0, t.c.K, (end-u)*t.gx.across, u > first)
		}
	}
}

// multiply sets or adds one component of n filters from k on, summed over tiles.
func (t *winoW) multiply(s *slot, du []float32, v, d parts, part, k, n, tiles int, add bool) {
	for first := 0; first < tiles; first += tallDepth {
		depth := min(tallDepth, tiles-first)
		for c := 0; c < t.c.C; c += cols {
			t.e.outer(&t.e.kern.W, s, du[part*t.comp+k*t.c.C+c:], t.c.C, d.data[part*d.comp+first*d.row+k:], d.row,
				v.data[part*v.comp+first*v.row+c:], v.row, n, depth, add)
		}
		add = true
	}
}

// back adds the slabs of a few filters and transforms them into gradients.
func (t *winoW) back(s *slot, i int) {
	c, wide := t.c, 9*t.c.C
	k0, k1 := i*winoFilters, min((i+1)*winoFilters, t.c.K)
	for slab := 1; slab < t.slabs; slab++ {
		for part := range winoParts {
			at := part*t.comp + k0*c.C
			addRows(t.du[at:at+(k1-k0)*c.C], t.du[slab*winoParts*t.comp+at:], true)
		}
	}
	tile := Tile{Data: s.floats(winoFilters * wide), Pitch: wide, Row: k0, Rows: k1 - k0, Cols: wide, Chunk: i}
	direct := t.out.Data != nil && !t.out.Add
	if direct {
		tile.Data = t.out.Data[k0*wide : k1*wide]
	}
	tmp := s.t.Tmp
	s.t = simd.Transform{
		Tiles: k1 - k0, Map: &tile.Data[0], Row: 12 * c.C, Pixel: 4 * c.C, StepMap: 4 * wide,
		Parts: &t.du[k0*c.C], Part: 4 * t.comp, StepParts: 4 * c.C, Run: 4 * c.C, Tmp: tmp,
	}
	t.e.wino.FilterGrad(&s.t)
	if t.out.Data != nil && !direct {
		dst := t.out.Data[k0*wide : k1*wide]
		addRows(dst, tile.Data, true)
		tile.Data = dst
	}
	if t.out.Done != nil {
		t.out.Done(tile)
	}
}
