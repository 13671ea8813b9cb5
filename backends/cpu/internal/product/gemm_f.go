package product

import "kith/backends/cpu/internal/simd"

// A window says where the rows of a product lie, if not one after another.
type window struct {
	pitchA int      // elements from row to row of a, where a is a matrix
	im     *patches // a is the patches of a map
	to     *scatter // rows of the result go to the pixels of a phase
	b      Operand  // what panels are packed from, by whoever needs one, where none are given
}

// A gemmF is a product by family F: rows of a stand where they are, b is packed. A chunk is a
// group of columns of a chunk of rows.
type gemmF struct {
	e      *Engine
	g      Gemm
	out    Output
	a      Operand
	packed []float32
	pack   packTask // makes panels where none are given, one at a time, each for all rows
	w      window

	chunks, block, each int // row chunks, rows of a block, blocks of a chunk
	depth               int // of a block
	group               int // columns of a group
	pitch               int // of tiles in scratch memory
	copyA               bool
	copyC               bool // sums go to scratch memory and from there to out
	far                 bool // panels of a group do not stay in L2
	half                bool // elements in the tiles are pairs of bf16
}

const farPanels = 1 << 18 // elements of panels that stay in L2: half of it where it is 2 MiB

// runF computes out = a·b, or with rows in windows of larger tensors.
func (e *Engine) runF(out Output, a Operand, packed []float32, g Gemm, w window) {
	if g.M == 0 || g.N == 0 {
		return
	}
	t := &e.gemmF
	*t = gemmF{e: e, g: g, out: out, a: a, packed: packed, w: w, depth: g.depthBlock()}
	t.block, t.each = g.cut()
	if packed == nil {
		t.pack = packTask{e: e, b: w.b, n: g.N, k: g.K, trans: g.TransB}
		t.block, t.each = g.M, 1
	}
	t.chunks = ceil(g.M, t.block*t.each)
	// Rows a multiple of 4 KiB apart would share one set of L1.
	t.half = e.half(g)
	t.copyA = t.half || a.Load != nil || w.im != nil || w.pitchA*4%4096 == 0
	t.group = t.columns()
	t.far = packed != nil && !t.half && t.group*g.K > farPanels
	// Rows of the result a multiple of 8 KiB apart crowd into a sixteenth of L2, block after block.
	t.copyC = out.Data != nil && w.to == nil && g.N*4%8192 == 0 && g.K > t.depth
	switch {
	case t.copyC:
		t.pitch = spread(t.group)
	case packed != nil:
		t.pitch = t.group
	}
	need := 2*t.block*spread(t.depth) + t.block*(t.pitch+cols)
	if packed == nil {
		need += cols * t.depth
	}
	e.reserve(need)
	e.pool.Run(t.chunks*ceil(g.N, t.group), t)
	*t = gemmF{}
}

// columns returns the width of a group of columns. Groups may be wide, since of the panels only one
// is in use at a time; they are narrower when there are few rows to share out, but not where that
// would copy the rows many times.
func (t *gemmF) columns() int {
	group, least, want := 1024, 128, wantTasks
	switch {
	case t.packed == nil: // each group reads all rows
		least, want = cols, 2*t.e.pool.Threads()
	case t.copyA:
		least = 512
	}
	for group > least && t.chunks*ceil(t.g.N, group) < want {
		group /= 2
	}
	return min(group, panels(t.g.N)*cols)
}

// Chunk computes chunk i. Neighbors in time share the columns, whose panels are then in cache.
func (t *gemmF) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	chunk, n0 := i%t.chunks, i/t.chunks*t.group
	n1 := min(n0+t.group, t.g.N)
	abuf := s.floats(2 * t.block * spread(t.depth))
	cbuf := s.floats(t.block * (t.pitch + cols))
	var panel []float32
	if t.packed == nil {
		panel = s.floats(cols * t.depth)
	}
	rows := t.block * t.each
	for m0 := chunk * rows; m0 < min((chunk+1)*rows, t.g.M); m0 += t.block {
		tile := Tile{Row: m0, Rows: min(t.block, t.g.M-m0), Col: n0, Cols: n1 - n0, Chunk: chunk}
		tile.Data, tile.Pitch = cbuf, t.pitch
		if t.direct() {
			tile.Data, tile.Pitch = t.out.Data[m0*t.g.N+n0:], t.g.N
		}
		t.blockOf(s, tile, abuf, cbuf, panel)
		switch {
		case t.w.to != nil:
			t.w.to.store(t.out, tile, t.g.N)
		case t.copyC:
			tile = t.store(tile)
		}
		if t.out.Done != nil {
			t.out.Done(tile)
		}
	}
}

// direct reports whether tiles are parts of the output.
func (t *gemmF) direct() bool { return t.out.Data != nil && t.w.to == nil && !t.copyC }

// blockOf computes one block of rows in all depth blocks.
func (t *gemmF) blockOf(s *slot, c Tile, abuf, cbuf, panel []float32) {
	add := t.out.Add && t.direct()
	if t.g.K == 0 && !add {
		for r := range c.Rows {
			clear(c.Data[r*c.Pitch:][:c.Cols])
		}
	}
	for k0 := 0; k0 < t.g.K; k0 += t.depth {
		depth := min(t.depth, t.g.K-k0)
		if t.packed != nil {
			t.ahead(s, c, k0)
		}
		a, pitch := t.rowsOf(abuf, c.Row, c.Rows, k0, depth)
		table, all, done := &t.e.kern.F, t.g.K, k0
		if t.half {
			table, all, done = &t.e.kern.HalfF, ceil(all, 2), done/2
			a, pitch, depth = t.pairs(abuf, a, pitch, c.Rows, depth)
		}
		for n := 0; n < c.Cols; n += cols {
			b := panel
			if t.packed != nil {
				b = t.packed[((c.Col+n)/cols*all+done)*cols:]
			} else {
				t.pack.panel(s, panel, c.Col+n, k0, depth)
				t.aheadLocal(s, c, n)
			}
			if wide := c.Cols - n; wide < cols {
				edge := cbuf[t.block*t.pitch:]
				t.e.product(table, s, edge, cols, a, pitch, b, c.Rows, depth, false)
				fold(c.Data[n:], c.Pitch, edge, c.Rows, wide, add)
				continue
			}
			t.e.product(table, s, c.Data[n:], c.Pitch, a, pitch, b, c.Rows, depth, add)
		}
		add = true
	}
}

// ahead has the block of rows c and depth from k0 on fetch what is read and written after it begins:
// its panels, where they are far, the result, and the rows of the next block. That is the next depth,
// or the next rows, or the first ones of the next chunk of this thread if chunks go round.
func (t *gemmF) ahead(s *slot, c Tile, k0 int) {
	s.ahead.clear()
	// Of a low block the kernels would not fetch panels faster than they read them.
	if t.far && 2*c.Rows >= t.block {
		for n := cols; n < c.Cols; n += cols {
			t.aheadPanel(s, c.Col+n, k0)
		}
	}
	if k0 += t.depth; k0 >= t.g.K {
		if k0 = 0; t.copyC {
			s.ahead.add(t.out.Data[c.Row*t.g.N+c.Col:], t.g.N, c.Rows, c.Cols)
		}
		for _, x := range t.out.Near {
			s.ahead.source(x, t.g.N, c.Row, c.Rows, c.Col, c.Cols)
		}
		c = t.next(c)
		switch {
		case c.Cols <= 0:
			s.f.Ahead = s.ahead.list()
			return
		case t.direct():
			s.ahead.add(t.out.Data[c.Row*t.g.N+c.Col:], t.g.N, c.Rows, c.Cols)
		case t.w.to != nil:
			s.ahead.scatter(t.w.to, t.out.Data, t.g.N, c.Row, c.Rows, c.Col, c.Cols)
		}
	}
	if depth := min(t.depth, t.g.K-k0); t.w.im == nil {
		s.ahead.operand(t.a, t.w.pitchA, c.Row, c.Rows, k0, depth)
	} else {
		s.ahead.patches(t.w.im, t.a, c.Row, c.Rows, k0, depth)
	}
	if t.far {
		t.aheadPanel(s, c.Col, k0)
	}
	s.f.Ahead = s.ahead.list()
}

// aheadPanel names a block of the panel that begins with column n.
func (t *gemmF) aheadPanel(s *slot, n, k0 int) {
	s.ahead.add(t.packed[(n/cols*t.g.K+k0)*cols:], 0, 1, min(t.depth, t.g.K-k0)*cols)
}

// aheadLocal has the panel at column n of a block fetch what the next one is packed from, and its part of
// the result.
func (t *gemmF) aheadLocal(s *slot, c Tile, n int) {
	s.ahead.clear()
	if n += cols; n < c.Cols {
		wide := min(cols, c.Cols-n)
		s.ahead.add(c.Data[n:], t.g.N, c.Rows, wide)
		if t.g.TransB {
			s.ahead.operand(t.w.b, t.g.K, c.Col+n, wide, 0, t.g.K)
		} else {
			s.ahead.operand(t.w.b, t.g.N, 0, t.g.K, c.Col+n, wide)
		}
	}
	s.f.Ahead = s.ahead.list()
}

// next returns the rows and columns of the block after c; no columns if there is none.
func (t *gemmF) next(c Tile) Tile {
	rows := t.block * t.each
	if c.Row += c.Rows; c.Row >= min((c.Chunk+1)*rows, t.g.M) {
		i := c.Col/t.group*t.chunks + c.Chunk + t.e.pool.Threads()
		c.Chunk, c.Col = i%t.chunks, i/t.chunks*t.group
		c.Row, c.Cols = c.Chunk*rows, min(t.group, t.g.N-c.Col)
	}
	c.Rows = min(t.block, t.g.M-c.Row, (c.Chunk+1)*rows-c.Row)
	return c
}

// store moves a tile of sums to the output.
func (t *gemmF) store(c Tile) Tile {
	to := t.out.Data[c.Row*t.g.N+c.Col:]
	for r := range c.Rows {
		addRows(to[r*t.g.N:][:c.Cols], c.Data[r*c.Pitch:], t.out.Add)
	}
	c.Data, c.Pitch = to, t.g.N
	return c
}

// rowsOf returns rows of a, in place or copied.
func (t *gemmF) rowsOf(buf []float32, m0, rows, k0, depth int) (a []float32, pitch int) {
	if !t.copyA {
		return t.a.Data[m0*t.w.pitchA+k0:], t.w.pitchA
	}
	if t.w.im != nil {
		pitch = spread(depth)
		t.w.im.gather(buf, pitch, t.a, m0, rows, k0, depth)
		return buf, pitch
	}
	// Whole rows that do not alias are loaded as they lie, many at a time.
	if pitch = depth; depth < t.w.pitchA || depth*4%4096 == 0 || t.half && depth&1 != 0 {
		pitch = spread(depth)
	}
	t.a.gather(buf, pitch, buf[t.block*spread(t.depth):], t.w.pitchA, m0, rows, k0, depth)
	return buf, pitch
}

// pairs turns rows of a block into pairs of bf16, behind them in the buffer.
func (t *gemmF) pairs(buf, a []float32, pitch, rows, depth int) ([]float32, int, int) {
	half := ceil(depth, 2)
	to, ld := buf[t.block*spread(t.depth):], spread(half)
	for r := range rows {
		if depth&1 != 0 {
			a[r*pitch+depth] = 0
		}
		t.e.kern.PairColumns(&to[r*ld], &a[r*pitch], half)
	}
	return to, ld, half
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
