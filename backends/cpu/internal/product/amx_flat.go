package product

// A flatM is a product by the matrix unit whose first operand is a matrix, or the patches of a map
// gathered into one. A chunk is a group of columns of some rows.
type flatM struct {
	e      *Engine
	g      Gemm
	out    Output
	a      Operand
	packed []uint16
	w      window

	chunks, rows, group int
	deep                int // padded depth
}

// flat returns the rows and columns that a chunk takes. As many columns as keep their panels in L2;
// with one group of them, an operand that is made on the way is made once.
func (g Gemm) flat() (rows, group int) {
	const panelLen = 384 << 10
	group = panels(g.N) * cols
	for group > 4*cols && group*padded(g.K) > panelLen {
		group = ceil(group/2, cols) * cols
	}
	rows = min(max(3*taskSums/4/max(group, 1)/lot, 1), 16) * lot
	for rows > 2*lot && ceil(g.M, rows)*ceil(g.N, max(group, 1)) < leastWork {
		rows -= lot
	}
	n := ceil(max(g.M, 1), rows)
	return ceil(ceil(max(g.M, 1), n), 16) * 16, group
}

// runFlat computes out = a·b from packed panels.
func (e *Engine) runFlat(out Output, a Operand, packed []float32, g Gemm, w window) {
	if g.M == 0 || g.N == 0 {
		return
	}
	rows, group := g.flat()
	if a.Half == nil && (group < g.N || w.im != nil && w.im.r*w.im.s > 1) {
		n, c := g.M*g.K, g.K
		if w.im != nil {
			n, c = g.M/(w.im.p*w.im.q)*w.im.h*w.im.w*w.im.c, w.im.c
		}
		a = e.madeHalf(a, 0, n, c)
	}
	t := &e.flatM
	*t = flatM{e: e, g: g, out: out, a: a, packed: asHalves(packed), w: w, rows: rows, group: group, chunks: ceil(g.M, rows), deep: padded(g.K)}
	e.reserve(t.rows*spreadHalf(t.deep)/2 + t.rows*t.group + mostLoad)
	e.pool.Run(t.chunks*ceil(g.N, group), t)
	*t = flatM{}
}

// Chunk computes chunk i. Neighbors in time share the columns, whose panels are then in cache.
func (t *flatM) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	chunk, n0 := i%t.chunks, i/t.chunks*t.group
	m0, n1 := chunk*t.rows, min(n0+t.group, t.g.N)
	rows := min(t.rows, t.g.M-m0)
	sums := s.floats(t.rows * t.group)
	if t.g.K == 0 {
		clear(sums)
	} else {
		a, lda := t.rowsOf(s, m0, rows)
		for n := n0; n < n1; n += cols {
			t.panel(s, sums[n-n0:], a, lda, rows, t.packed[n*t.deep:])
		}
	}
	tile := Tile{Data: sums, Pitch: t.group, Row: m0, Rows: rows, Col: n0, Cols: n1 - n0, Chunk: chunk}
	if t.w.to != nil {
		t.w.to.store(t.out, tile, t.g.N)
		return
	}
	t.out.finish(tile, t.g.N)
}

// rowsOf returns rows of a, in place where they are stored and whole steps, else copied.
func (t *flatM) rowsOf(s *slot, m0, rows int) (a []uint16, lda int) {
	if t.a.Half != nil && t.w.im == nil && t.g.K%lot == 0 {
		return t.a.Half[m0*t.g.K:], t.g.K
	}
	lda = spreadHalf(t.deep)
	if t.w.im == nil && t.g.K%lot == 0 {
		lda = t.g.K // side by side, so that many are made at a time
	}
	a = s.halves(t.rows * lda)
	tmp := s.floats(mostLoad)
	if t.w.im != nil {
		t.w.im.gatherHalf(t.e, a, lda, t.a, m0, rows, tmp)
	} else {
		t.e.narrowRows(a, lda, t.a, t.g.K, m0, rows, 0, t.g.K, tmp)
	}
	if t.g.K < t.deep {
		for r := range rows {
			clear(a[r*lda+t.g.K:][:t.deep-t.g.K])
		}
	}
	return a, lda
}

// panel computes 32 columns of rows.
func (t *flatM) panel(s *slot, c []float32, a []uint16, lda, rows int, b []uint16) {
	m := &s.m
	m.Segments, m.OffA, m.OffB, m.Steps, m.Add = 1, &s.zero, &s.zero, t.deep/lot, 0
	m.LDA, m.B, m.LDB, m.LDC = 2*lda, &b[0], 4*cols, 4*t.group
	m.StepA, m.StepC = lot*m.LDA, lot*m.LDC
	some := max(1, mostSteps/m.Steps)
	for r := 0; r < rows; r += lot * m.Blocks {
		m.A, m.C, m.Blocks = &a[r*lda], &c[r*t.group], min((rows-r)/lot, some)
		high := lot
		if m.Blocks == 0 {
			m.Blocks, high = 1, rows-r
		}
		t.e.tile(m, high, cols)
	}
}

// gatherHalf is gather for whole rows of bf16 elements.
func (p *patches) gatherHalf(e *Engine, dst []uint16, ld int, x Operand, row, rows int, tmp []float32) {
	line := p.s * p.c
	pixel := row % (p.p * p.q)
	image, oh, ow := row/(p.p*p.q), pixel/p.q, pixel%p.q
	for i := range rows {
		for r := range p.r {
			d := dst[i*ld+r*line:][:line]
			h, w := oh*p.stride+r-p.top, ow*p.stride-p.left
			if h < 0 || h >= p.h {
				clear(d)
				continue
			}
			lo, hi := min(max(0, -w), p.s), max(0, min(p.s, p.w-w))
			hi = max(lo, hi)
			clear(d[:lo*p.c])
			clear(d[hi*p.c:])
			if lo < hi {
				e.narrow(d[lo*p.c:hi*p.c], x, ((image*p.h+h)*p.w+w+lo)*p.c, tmp)
			}
		}
		if ow++; ow == p.q {
			if ow, oh = 0, oh+1; oh == p.p {
				oh, image = 0, image+1
			}
		}
	}
}
