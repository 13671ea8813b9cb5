package product

import "kith/backends/cpu/internal/simd"

// A window says where the rows of a product lie, if not one after another.
type window struct {
	im *patches  // a is the patches of a map
	to *scatter  // rows of the result go to the pixels of a phase
	b  []float32 // b as stored, where no panels are given: each chunk packs those of its columns
}

// A gemmF is a product by family F: rows of a, in place or copied, times panels of b. A chunk is a group
// of columns of a chunk of rows. It goes through
//
//	blocks of rows { sweeps of the depth { panels { blocks of the depth { tiles } } } }
//
// so that the tiles of a panel are still in cache when the next block of the sweep adds to them. What is
// computed of one panel in one sweep is a unit.
type gemmF struct {
	e      *Engine
	g      Gemm
	out    Output
	a      Operand
	packed []float32
	w      window

	chunks, block, each int // row chunks, rows of a block, blocks of a chunk
	depth, sweep        int // of a block, of a sweep
	group               int // columns of a group
	copyA               bool
	moveA               bool // copies are made by the kernels of the sweep before
	far                 bool // panels of a group do not stay in L2
	half                bool // elements in the tiles are pairs of bf16
}

const (
	mostSweep = 1024    // depth of a sweep whose blocks are shorter: rows of two sweeps fit L2
	mostGroup = 1024    // columns of a group
	wideGroup = 512     // columns that are worth a copy of rows
	farPanels = 1 << 18 // elements of panels that stay in L2: half of it where it is 2 MiB
)

// runF computes out = a·b, or with rows in windows of larger tensors.
func (e *Engine) runF(out Output, a Operand, packed []float32, g Gemm, w window) {
	if g.M == 0 || g.N == 0 {
		return
	}
	t := &e.gemmF
	*t = gemmF{e: e, g: g, out: out, a: a, packed: packed, w: w, depth: g.depthBlock(), half: e.half(g)}
	t.sweep = min(ceil(g.K, t.depth), max(1, mostSweep/t.depth)) * t.depth
	// Rows a multiple of 4 KiB apart would share one set of L1.
	alias := w.im == nil && g.K*4%4096 == 0
	t.copyA = t.half || a.Load != nil || w.im != nil || alias
	t.moveA = alias && !t.half && a.Load == nil
	t.cut()
	t.far = !t.half && t.group*g.K > farPanels
	need := 2*t.block*spread(t.sweep) + t.tiles() + (t.block+idleRows)*cols
	if t.packs() {
		need += t.group * g.K
	}
	e.reserve(need)
	e.pool.Run(t.chunks*ceil(g.N, t.group), t)
	*t = gemmF{}
}

// cut sets blocks, chunks and groups. Groups may be wide, since of the panels only one is in use at a
// time; they are narrower when there are few rows to share out, but not where that would copy the rows
// many times.
func (t *gemmF) cut() {
	threads, least := t.e.pool.Threads(), 128
	if t.copyA {
		least = wideGroup
	}
	t.block, t.each = t.g.cut()
	want := 4 * threads
	if t.packs() || t.moveA && t.out.Done == nil {
		// Chunks are not part of the result, and in long ones all copies but the first are made ahead.
		least, t.each, want = wideGroup, ceil(t.g.M, t.block), 2*threads
		if ceil(t.g.N, least) < threads {
			t.each = ceil(t.each, threads)
			t.block = ceil(t.g.M, t.each*threads)
		}
	}
	t.chunks, t.group = ceil(t.g.M, t.block*t.each), mostGroup
	for t.group > least && t.chunks*ceil(t.g.N, t.group) < want {
		t.group /= 2
	}
	t.group = min(t.group, panels(t.g.N)*cols)
}

// direct reports whether tiles are parts of the output.
func (t *gemmF) direct() bool { return t.out.Data != nil && t.w.to == nil }

// tiles returns the elements of a block of rows of a group, where they are not parts of the output.
func (t *gemmF) tiles() int {
	if t.direct() {
		return 0
	}
	return t.block * t.group
}

// deep returns the depth of the sweep from k0 on.
func (t *gemmF) deep(k0 int) int { return min(t.sweep, t.g.K-k0) }

// packs reports whether chunks pack panels, each while its first block of rows is computed.
func (t *gemmF) packs() bool { return t.w.b != nil }

// first returns the first rows of chunk i, and its columns; no columns if there is no such chunk.
func (t *gemmF) first(i int) Tile {
	c := Tile{Chunk: i % t.chunks, Col: i / t.chunks * t.group}
	c.Row, c.Cols = c.Chunk*t.block*t.each, min(t.group, t.g.N-c.Col)
	c.Rows = min(t.block, t.g.M-c.Row)
	return c
}

// below returns the rows of the chunk after c; none if there are none.
func (t *gemmF) below(c Tile) Tile {
	c.Row += c.Rows
	c.Rows = min(t.block, min((c.Chunk+1)*t.block*t.each, t.g.M)-c.Row)
	return c
}

// A walk goes through a chunk.
type walk struct {
	*gemmF
	s      *slot
	rows   []float32 // copies of the rows of a sweep
	other  []float32 // of the next one, or scratch for copying
	ready  bool      // the next ones are there
	panels []float32 // of the chunk, if it packs them: no other thread has to give up their lines
	full   bool      // the panel of the next unit gets packed
	pack   bool      // that of this unit must be
	sums   []float32 // tiles of a block, where the result does not take them
	edge   []float32 // of a panel that is not full
}

// Chunk computes chunk i. Neighbors in time share the columns, whose panels are then in cache.
func (t *gemmF) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	w := walk{gemmF: t, s: s}
	w.rows, w.other = s.floats(t.block*spread(t.sweep)), s.floats(t.block*spread(t.sweep))
	w.sums, w.edge = s.floats(t.tiles()), s.floats(max(t.block, idleRows)*cols)
	if t.packs() {
		w.panels = s.floats(t.group * t.g.K)
	}
	for c := t.first(i); c.Rows > 0; c = t.below(c) {
		if c.Data, c.Pitch = w.sums, t.group; t.direct() {
			c.Data, c.Pitch = t.out.Data[c.Row*t.g.N+c.Col:], t.g.N
		}
		w.product(c)
		if t.w.to != nil {
			t.w.to.store(t.out, c, t.g.N)
		}
		if t.out.Done != nil {
			t.out.Done(c)
		}
	}
}

// product computes one block of rows.
func (w *walk) product(c Tile) {
	add := w.out.Add && w.direct()
	if w.g.K == 0 && !add {
		for r := range c.Rows {
			clear(c.Data[r*c.Pitch:][:c.Cols])
		}
	}
	byUnit := w.far || w.moveA || w.packs() // each unit says itself what comes next
	for u := (unit{Tile: c}); u.k0 < w.g.K; u.k0 += w.sweep {
		if !byUnit {
			w.fetchSweep(u)
		}
		a, pitch := w.rowsOf(u)
		for u.n = 0; u.n < c.Cols; u.n += cols {
			w.pack = w.firstUse(u) && !w.full
			if byUnit {
				w.prepare(u)
			}
			w.unit(u, a, pitch, add)
		}
		add = true
	}
}

// unit sets or adds a unit, block of depth by block of depth, rows being those of a.
func (w *walk) unit(u unit, a []float32, pitch int, add bool) {
	table, pair := &w.e.kern.F, 1 // pair: the depth of an element
	if w.half {
		table, pair = &w.e.kern.HalfF, 2
	}
	b, deep := w.panel(u), w.deep(u.k0)
	for k := 0; k < deep; k += w.depth {
		a, b, depth := a[k/pair:], b[k/pair*cols:], ceil(min(w.depth, deep-k), pair)
		if w.pack {
			w.packBlock(b, u, u.k0+k, depth)
		}
		if wide := u.wide(); wide < cols {
			w.e.product(table, w.s, w.edge, cols, a, pitch, b, u.Rows, depth, false)
			fold(u.Data[u.n:], u.Pitch, w.edge, u.Rows, wide, add)
		} else {
			w.e.product(table, w.s, u.Data[u.n:], u.Pitch, a, pitch, b, u.Rows, depth, add)
		}
		add = true
	}
	w.s.f.Moves.Finish()
}

// panel returns the panel of a unit, its sweep of the depth.
func (w *walk) panel(u unit) []float32 {
	switch {
	case w.packs():
		return w.panels[(u.n/cols*w.g.K+u.k0)*cols:]
	case w.half:
		return w.packed[((u.Col+u.n)/cols*ceil(w.g.K, 2)+u.k0/2)*cols:]
	}
	return w.packed[((u.Col+u.n)/cols*w.g.K+u.k0)*cols:]
}

// firstUse reports whether u is the first unit that needs its panel, which is not packed before.
func (w *walk) firstUse(u unit) bool { return w.packs() && u.Row == u.Chunk*w.block*w.each }

// packBlock packs a block of a panel that no kernel has packed, right before its products: it is in L1 then.
func (w *walk) packBlock(panel []float32, u unit, k, depth int) {
	t, n := packTask{e: w.e, b: Operand{Data: w.w.b}, n: w.g.N, k: w.g.K}, u.Col+u.n
	if w.g.TransB {
		t.rows(w.s, panel, n, u.wide(), k, depth)
	} else {
		t.columns(w.s, panel, 0, n, u.wide(), k, depth)
	}
}

// rowsOf returns rows of a for a sweep, in place or copied.
func (w *walk) rowsOf(u unit) (a []float32, pitch int) {
	if !w.copyA {
		return w.a.Data[u.Row*w.g.K+u.k0:], w.g.K
	}
	deep := w.deep(u.k0)
	pitch = spread(deep)
	switch {
	case w.ready:
		w.rows, w.other, w.ready = w.other, w.rows, false
		return w.rows, pitch
	case w.w.im != nil:
		w.w.im.gather(w.rows, pitch, w.a, u.Row, u.Rows, u.k0, deep)
	default:
		if deep == w.g.K && deep*4%4096 != 0 && !(w.half && deep&1 != 0) {
			pitch = deep // whole rows that do not alias are loaded as they lie, many at a time
		}
		w.a.gather(w.rows, pitch, w.other, w.g.K, u.Row, u.Rows, u.k0, deep)
	}
	if w.half {
		return w.pairs(w.rows, pitch, u.Rows, deep)
	}
	return w.rows, pitch
}

// pairs turns rows of a into pairs of bf16.
func (w *walk) pairs(a []float32, pitch, rows, deep int) ([]float32, int) {
	half := ceil(deep, 2)
	ld := spread(half)
	for r := range rows {
		if deep&1 != 0 {
			a[r*pitch+deep] = 0
		}
		w.e.kern.PairColumns(&w.other[r*ld], &a[r*pitch], half)
	}
	return w.other, ld
}

// product sets or adds rows×32 elements of c: rows of a times a panel. It cuts the rows evenly, so
// that no tile is left with too few sums to hide the latency of an addition.
func (e *Engine) product(table *[15]func(*simd.TileF), s *slot, c []float32, ldc int, a []float32, lda int, b []float32, rows, depth int, add bool) {
	f := &s.f
	f.Taps, f.Off, f.Depth, f.LDA, f.LDC, f.B = 1, &s.zero, depth, 4*lda, 4*ldc, &b[0]
	f.Add = 0
	if add {
		f.Add = 1
	}
	pieces, size, big := split(rows, e.kern.Rows)
	tiles(table, f, c, ldc, a, lda, 0, big, size+1)
	tiles(table, f, c, ldc, a, lda, big*(size+1), pieces-big, size)
}

// tiles runs n tiles of m rows each, from row r on.
func tiles(table *[15]func(*simd.TileF), f *simd.TileF, c []float32, ldc int, a []float32, lda, r, n, m int) {
	if n == 0 {
		return
	}
	f.Tiles, f.StepA, f.StepC = n, 4*m*lda, 4*m*ldc
	f.A0, f.C0 = &a[r*lda], &c[r*ldc]
	if m > 7 {
		f.A1, f.C1 = &a[(r+7)*lda], &c[(r+7)*ldc]
	}
	table[m](f)
}

// fold copies or adds wide columns of the panel-wide rows of edge to c.
func fold(c []float32, ldc int, edge []float32, rows, wide int, add bool) {
	for r := range rows {
		dst, src := c[r*ldc:][:wide], edge[r*cols:][:wide]
		if !add {
			copy(dst, src)
			continue
		}
		for j, v := range src {
			dst[j] += v
		}
	}
}
