package product

import "kith/backends/cpu/internal/simd"

// Blocking of products by family W.
const (
	tallDepth = 128 // depth of a block; its sums start from zero
	tallRows  = 256 // rows of out that a task takes
	tallCols  = 512 // columns of out that a task takes
	slabDepth = 2048
)

// A gemmW is a product by family W: out [M, N] = aᵀ·b with a [K, M] and b [K, N], as weight
// gradients are. Nothing is packed unless it must be loaded or lies badly in L1. A chunk is a
// rectangle of out, summed over a slab of the depth.
type gemmW struct {
	e     *Engine
	g     Gemm
	out   Output
	a, b  Operand
	im    *patches // b is the patches of a map
	panel bool     // b is packed in panels
	half  bool     // elements in the tiles are pairs of bf16

	down, across int // rectangles
	slabs, slab  int // slabs, and depth of each
	partial      []float32
}

// gemmTall computes a product with TransA. If im is set, b is a map and its patches are meant.
func (e *Engine) gemmTall(out Output, a, b Operand, g Gemm, im *patches) {
	if g.M == 0 || g.N == 0 {
		return
	}
	t := &e.gemmW
	*t = gemmW{e: e, g: g, out: out, a: a, b: b, im: im}
	t.down, t.across = ceil(g.M, tallRows), ceil(g.N, tallCols)
	t.slabs = max(1, min(ceil(wantTasks, t.down*t.across), g.K/slabDepth))
	t.slab = ceil(ceil(g.K, t.slabs), tallDepth) * tallDepth
	t.slabs = max(1, ceil(g.K, max(t.slab, 1)))
	partial := 0
	if t.slabs > 1 || out.Data == nil {
		partial = t.slabs * g.M * g.N
	}
	packed := 0
	if g.TransB {
		packed = e.PackedLen(g)
	}
	mem := e.share(partial + packed)
	t.partial = mem[:partial]
	if g.TransB {
		e.Pack(mem[partial:], b, g)
		t.b, t.panel = Operand{Data: mem[partial:]}, true
	}
	t.half = e.half(g)
	e.reserve(tallDepth*(spread(tallRows)+spread(tallCols))*3/2 + tallRows*cols + max(mostLoad, tallCols))
	e.pool.Run(t.down*t.across*t.slabs, t)
	if partial > 0 || out.Done != nil {
		e.slabs = slabTask{out: out, partial: t.partial, m: g.M, n: g.N}
		e.pool.Run(t.down, &e.slabs)
		e.slabs = slabTask{}
	}
	*t = gemmW{}
}

// Chunk computes rectangle i.
func (t *gemmW) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	slab, i := i%t.slabs, i/t.slabs
	m0, n0 := i/t.across*tallRows, i%t.across*tallCols
	m1, n1 := min(m0+tallRows, t.g.M), min(n0+tallCols, t.g.N)
	out, add := t.out.Data, t.out.Add
	if len(t.partial) > 0 {
		out, add = t.partial[slab*t.g.M*t.g.N:], false
	}
	abuf := s.floats(tallDepth * spread(tallRows))
	bbuf := s.floats(tallDepth * spread(tallCols))
	apair := s.floats(tallDepth / 2 * spread(tallRows))
	bpair := s.floats(tallDepth / 2 * spread(tallCols))
	tmp := s.floats(mostLoad)
	edge := s.floats(tallRows * cols)
	k1 := min((slab+1)*t.slab, t.g.K)
	if t.g.K == 0 && !add {
		for m := m0; m < m1; m++ {
			clear(out[m*t.g.N+n0 : m*t.g.N+n1])
		}
	}
	for k := slab * t.slab; k < k1; k += tallDepth {
		depth := min(tallDepth, k1-k)
		// Columns of a tall matrix alias in L1 at almost any pitch, so both operands are copied.
		lda, ldb := spread(m1-m0), spread(n1-n0)
		t.a.gather(abuf, lda, tmp, t.g.M, k, depth, m0, m1-m0)
		switch {
		case t.im != nil:
			t.im.gather(bbuf, ldb, t.b, k, depth, n0, n1-n0)
		case !t.panel:
			t.b.gather(bbuf, ldb, tmp, t.g.N, k, depth, n0, n1-n0)
		}
		table, ablock, bblock := &t.e.kern.W, abuf, bbuf
		if t.half {
			t.e.pairRows(apair, abuf, lda, m1-m0, depth)
			t.e.pairRows(bpair, bbuf, ldb, n1-n0, depth)
			table, ablock, bblock, depth = &t.e.kern.HalfW, apair, bpair, ceil(depth, 2)
		}
		for n := n0; n < n1; n += cols {
			b, ldb := bblock[n-n0:], ldb
			if t.panel {
				b, ldb = t.b.Data[(n/cols*t.g.K+k)*cols:], cols
			}
			c, ldc, plus := out[m0*t.g.N+n:], t.g.N, add
			if n1-n < cols {
				c, ldc, plus = edge, cols, false
			}
			t.e.outer(table, s, c, ldc, ablock, lda, b, ldb, m1-m0, depth, plus)
			if n1-n < cols {
				fold(out[m0*t.g.N+n:], t.g.N, edge, m1-m0, n1-n, add)
			}
		}
		add = true
	}
}

// pairRows makes pairs of neighboring rows of a block, n elements of rows that are ld apart. A last
// one alone is paired with zeros.
func (e *Engine) pairRows(to, from []float32, ld, n, rows int) {
	if rows&1 != 0 {
		clear(from[rows*ld:][:n])
	}
	for r := 0; r < rows; r += 2 {
		e.kern.PairRows(&to[r/2*ld], &from[r*ld], &from[(r+1)*ld], n)
	}
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

// A slabTask adds the slabs of a product in order and finishes the output, a chunk of rows each.
type slabTask struct {
	out     Output
	partial []float32
	m, n    int
}

// Chunk finishes rows chunk·tallRows and on.
func (t *slabTask) Chunk(chunk int) {
	r0, r1 := chunk*tallRows, min((chunk+1)*tallRows, t.m)
	tile := Tile{Pitch: t.n, Row: r0, Rows: r1 - r0, Cols: t.n, Chunk: chunk}
	part := t.partial
	if t.out.Data != nil {
		tile.Data = t.out.Data[r0*t.n : r1*t.n]
	} else {
		tile.Data, part = part[r0*t.n:r1*t.n], part[t.m*t.n:]
	}
	for add := t.out.Add || t.out.Data == nil; len(part) > 0; part, add = part[t.m*t.n:], true {
		addRows(tile.Data, part[r0*t.n:r1*t.n], add)
	}
	if t.out.Done != nil {
		t.out.Done(tile)
	}
}

// addRows sets or adds src to dst.
func addRows(dst, src []float32, add bool) {
	if !add {
		copy(dst, src)
		return
	}
	src = src[:len(dst)]
	for i, v := range src {
		dst[i] += v
	}
}
