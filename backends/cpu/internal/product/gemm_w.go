package product

import "kith/backends/cpu/internal/simd"

// Blocking of products by family W.
const (
	tallDepth = 128 // depth of a block; its sums start from zero
	tallSide  = 256 // rows and columns of a piece of out, whose sums stay in L2
	tallRows  = 256 // rows of out that are finished at a time
	slabDepth = 2048
)

// A gemmW is a product by family W: out [M, N] = aᵀ·b with a [K, M] and b [K, N], as weight
// gradients are. Both are read where they lie, in L2, where the block before has called them. They
// are copied when they must be loaded, when rows a multiple of 4 KiB apart would share one set of
// the caches, and where a last panel would read past the end.
type gemmW struct {
	e     *Engine
	g     Gemm
	out   Output
	a, b  Operand
	im    *patches // b is the patches of a map
	panel bool     // b is packed in panels
	half  bool     // elements in the tiles are pairs of bf16

	rows, cols          int  // of a piece
	down, across        int  // pieces
	slabs, slab, depth  int  // slabs of the depth, depth of each and of a block
	copyA, copyB, copyC bool // sums go to scratch memory and from there to out
	partial             []float32
}

// A piece is what a chunk computes: a rectangle of out, summed over a slab of the depth.
type piece struct{ m0, m1, n0, n1, k0, k1 int }

// gemmTall computes a product with TransA. If im is set, b is a map and its patches are meant.
func (e *Engine) gemmTall(out Output, a, b Operand, g Gemm, im *patches) {
	if g.M == 0 || g.N == 0 {
		return
	}
	t := &e.gemmW
	*t = gemmW{e: e, g: g, out: out, a: a, b: b, im: im, panel: g.TransB, half: e.half(g)}
	t.cut()
	partial, packed := 0, 0
	if t.slabs > 1 || out.Data == nil {
		partial = t.slabs * g.M * g.N
	}
	if t.panel {
		packed = e.PackedLen(g)
	}
	mem := e.share(partial + packed)
	t.partial = mem[:partial]
	if t.panel {
		e.Pack(mem[partial:], b, g)
		t.b = Operand{Data: mem[partial:]}
	}
	e.reserve((t.depth+2)*(spread(t.rows)+spread(t.cols))*3/2 + t.rows*(cols+spread(t.cols)) + max(mostLoad, t.rows, t.cols))
	e.pool.Run(t.down*t.across*t.slabs, t)
	if partial > 0 || out.Done != nil {
		e.slabs = slabTask{out: out, partial: t.partial, m: g.M, n: g.N}
		e.pool.Run(ceil(g.M, tallRows), &e.slabs)
		e.slabs = slabTask{}
	}
	*t = gemmW{}
}

// aliases reports whether rows of n elements share one set of the caches.
func aliases(n int) bool { return n*4%4096 == 0 }

// cut decides what is copied and cuts the product into pieces, by its shape alone. Where one operand
// is copied, pieces are narrow on its side and long on the other, so that it is copied rarely.
func (t *gemmW) cut() {
	g := t.g
	t.copyA = t.half || t.a.Load != nil || aliases(g.M)
	t.copyB = !t.panel && (t.half || t.b.Load != nil || t.im != nil || aliases(g.N) || g.N%cols != 0)
	t.rows, t.cols = tallSide, tallSide
	switch wideA, wideB := aliases(g.M), !t.panel && aliases(g.N); {
	case wideA && !wideB:
		t.rows, t.cols = tallSide/2, tallSide*2
	case wideB && !wideA:
		t.rows, t.cols = tallSide*2, tallSide/2
	}
	t.rows, t.cols = min(t.rows, g.M), min(t.cols, panels(g.N)*cols)
	t.down, t.across = ceil(g.M, t.rows), ceil(g.N, t.cols)
	t.slabs = max(1, min(ceil(wantTasks, t.down*t.across), g.K/slabDepth))
	if t.slabs > 1 {
		t.slabs += t.slabs & 1 // even shares for two
	}
	t.slab = max(1, ceil(g.K, t.slabs))
	t.slabs = max(1, ceil(g.K, t.slab))
	t.depth = ceil(t.slab, ceil(t.slab, tallDepth))
	t.copyC = aliases(g.N) && t.depth < t.slab
}

// piece returns the piece of chunk i.
func (t *gemmW) piece(i int) piece {
	slab, i := i%t.slabs, i/t.slabs
	q := piece{m0: i / t.across * t.rows, n0: i % t.across * t.cols, k0: slab * t.slab}
	q.m1, q.n1, q.k1 = min(q.m0+t.rows, t.g.M), min(q.n0+t.cols, t.g.N), min(q.k0+t.slab, t.g.K)
	return q
}

// dest returns where a piece goes, at a pitch of N, and whether it is added there.
func (t *gemmW) dest(q piece) (c []float32, add bool) {
	if len(t.partial) > 0 {
		return t.partial[q.k0/t.slab*t.g.M*t.g.N+q.m0*t.g.N+q.n0:], false
	}
	return t.out.Data[q.m0*t.g.N+q.n0:], t.out.Add
}

// Chunk computes piece i.
func (t *gemmW) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	q := t.piece(i)
	rows, wide := q.m1-q.m0, q.n1-q.n0
	c, add := t.dest(q)
	sum, ldc, plus := c, t.g.N, add
	if t.copyC {
		ldc = spread(wide)
		sum, plus = s.floats(rows*ldc), false
	}
	if q.k0 == q.k1 && !add {
		for r := range rows {
			clear(c[r*t.g.N:][:wide])
		}
	}
	used := s.used
	for k := q.k0; k < q.k1; k += t.depth {
		s.used = used
		t.ahead(s, i, q, k)
		t.block(s, sum, ldc, q, k, min(t.depth, q.k1-k), plus)
		plus = true
	}
	if t.copyC {
		for r := range rows {
			addRows(c[r*t.g.N:][:wide], sum[r*ldc:], add)
		}
	}
}

// block sets or adds the sums over depth from k on.
func (t *gemmW) block(s *slot, c []float32, ldc int, q piece, k, depth int, add bool) {
	rows := q.m1 - q.m0
	table := &t.e.kern.W
	a, lda := t.left(s, q, k, depth)
	b, ldb := t.right(s, q, k, depth)
	if t.half {
		a = t.pairs(s, a, lda, rows, depth)
		if !t.panel {
			b = t.pairs(s, b, ldb, q.n1-q.n0, depth)
		}
		table, depth = &t.e.kern.HalfW, ceil(depth, 2)
	}
	edge := s.floats(rows * cols)
	for n := q.n0; n < q.n1; n += cols {
		from, to := b, c[n-q.n0:]
		if t.panel {
			from = t.b.Data[(n/cols*t.g.K+k)*cols:]
		} else {
			from = b[n-q.n0:]
		}
		if wide := q.n1 - n; wide < cols {
			t.e.outer(table, s, edge, cols, a, lda, from, ldb, rows, depth, false)
			fold(to, ldc, edge, rows, wide, add)
			continue
		}
		t.e.outer(table, s, to, ldc, a, lda, from, ldb, rows, depth, add)
	}
}

// left returns rows [k, k+depth) of a, the piece's columns of it.
func (t *gemmW) left(s *slot, q piece, k, depth int) (a []float32, lda int) {
	if !t.copyA {
		return t.a.Data[k*t.g.M+q.m0:], t.g.M
	}
	return t.copied(s, t.a, t.g.M, k, depth, q.m0, q.m1-q.m0)
}

// right returns rows [k, k+depth) of b, the piece's columns of it, or the pitch of its panels.
func (t *gemmW) right(s *slot, q piece, k, depth int) (b []float32, ldb int) {
	switch {
	case t.panel:
		return nil, cols
	case !t.copyB:
		return t.b.Data[k*t.g.N+q.n0:], t.g.N
	case t.im == nil:
		return t.copied(s, t.b, t.g.N, k, depth, q.n0, q.n1-q.n0)
	}
	ldb = spread(q.n1 - q.n0)
	b = s.floats((depth + 1) * ldb)
	t.im.gather(b, ldb, t.b, k, depth, q.n0, q.n1-q.n0)
	return b, ldb
}

// copied returns rows [row, row+rows) and columns [col, col+n) of x. Whole rows that do not alias are
// loaded as they lie, many at a time; a last panel may read past them, into what follows.
func (t *gemmW) copied(s *slot, x Operand, pitch, row, rows, col, n int) ([]float32, int) {
	ld := spread(n)
	if n == pitch && !aliases(n) && !t.half {
		ld = n
	}
	dst := s.floats((rows + 1) * spread(n)) // one more for pairs
	used := s.used
	x.gather(dst, ld, s.floats(max(mostLoad, n)), pitch, row, rows, col, n)
	s.used = used
	return dst, ld
}

// ahead has the block at k fetch what the one after it reads: in its piece, or in the next that this
// thread takes if chunks go round; and the part of out that the piece goes to in the end.
func (t *gemmW) ahead(s *slot, i int, q piece, k int) {
	s.ahead.clear()
	if k += t.depth; k >= q.k1 {
		if t.copyC {
			c, _ := t.dest(q)
			s.ahead.add(c, t.g.N, q.m1-q.m0, q.n1-q.n0)
		}
		if i += t.e.pool.Threads(); i < t.down*t.across*t.slabs {
			q = t.piece(i)
			k = q.k0
			if !t.copyC {
				c, _ := t.dest(q)
				s.ahead.add(c, t.g.N, q.m1-q.m0, q.n1-q.n0)
			}
		}
	}
	if depth := min(t.depth, q.k1-k); depth > 0 {
		s.ahead.operand(t.a, t.g.M, k, depth, q.m0, q.m1-q.m0)
		switch {
		case t.im != nil:
			s.ahead.patches(t.im, t.b, k, depth, q.n0, q.n1-q.n0)
		case !t.panel:
			s.ahead.operand(t.b, t.g.N, k, depth, q.n0, q.n1-q.n0)
		}
	}
	s.w.Ahead = s.ahead.list()
}

// pairs returns pairs of neighboring rows of a block, n elements of rows that are ld apart. A last
// one alone is paired with zeros.
func (t *gemmW) pairs(s *slot, from []float32, ld, n, rows int) []float32 {
	to := s.floats(ceil(rows, 2) * ld)
	if rows&1 != 0 {
		clear(from[rows*ld:][:n])
	}
	for r := 0; r < rows; r += 2 {
		t.e.kern.PairRows(&to[r/2*ld], &from[r*ld], &from[(r+1)*ld], n)
	}
	return to
}

// outer sets or adds rows×32 elements of c: columns of a times a panel, depth-major both.
func (e *Engine) outer(table *[15]func(*simd.TileW), s *slot, c []float32, ldc int, a []float32, lda int, b []float32, ldb, rows, depth int, add bool) {
	w := &s.w
	w.Rows, w.Cols, w.LDA, w.LDB, w.LDC, w.B = 1, depth, 4*lda, 4*ldb, 4*ldc, &b[0]
	w.Add = 0
	if add {
		w.Add = 1
	}
	pieces, size, big := split(rows, e.kern.Rows)
	for i, r := 0, 0; i < pieces; i++ {
		m := size
		if i < big {
			m++
		}
		w.A, w.C = &a[r], &c[r*ldc]
		table[m](w)
		r += m
	}
}
