package product

import "kith/backends/cpu/internal/simd"

const cols = simd.PanelCols

// panels is the number of panels of 32 columns that n columns take.
func panels(n int) int { return ceil(n, cols) }

// PackedLen returns the number of elements of b in packed form.
func (e *Engine) PackedLen(g Gemm) int {
	if e.matrixGemm(g) {
		return packedHalf(g.N, g.K)
	}
	if e.half(g) {
		return panels(g.N) * cols * ceil(g.K, 2)
	}
	return panels(g.N) * cols * g.K
}

// What one chunk of packing takes. A matrix stored depth-major is walked along its rows, which the
// prefetcher follows; one stored row-major goes panel by panel.
const (
	packRows   = 32  // depth, of a depth-major matrix
	packPanels = 32  // and panels of it
	packDepth  = 512 // depth of one panel of a row-major matrix
)

// Pack writes b as PackedGemm wants it: panels of 32 columns, [N/32][K][32], zero beyond column N; for
// products of bf16 pairs [N/32][K/2][32] of these.
func (e *Engine) Pack(dst []float32, b Operand, g Gemm) {
	if e.matrixGemm(g) {
		e.packMatrix(dst, b, g.N, g.K, g.TransB)
		return
	}
	t := &e.pack
	*t = packTask{e: e, dst: dst, b: b, n: g.N, k: g.K, trans: g.TransB, half: e.half(g), depth: packRows, wide: packPanels * cols}
	if g.TransB {
		t.depth, t.wide = packDepth, cols
	}
	t.blocks = ceil(g.K, t.depth)
	e.reserve(max(2*packRows*packPanels*cols, cols*spread(packDepth)+mostLoad+(packDepth+1)*cols))
	e.pool.Run(ceil(g.N, t.wide)*t.blocks, t)
	*t = packTask{}
}

// A packTask packs a block of depth×wide elements per chunk.
type packTask struct {
	e           *Engine
	dst         []float32
	b           Operand
	n, k        int
	trans       bool // b is stored [n, k]
	half        bool // pairs are wanted
	depth, wide int
	blocks      int // in the depth
}

// Chunk packs chunk i.
func (t *packTask) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	n0, k0 := i/t.blocks*t.wide, i%t.blocks*t.depth
	wide, depth := min(t.wide, t.n-n0), min(t.depth, t.k-k0)
	var dst []float32
	step := t.k * cols // of one panel
	if t.half {
		step = (depth + depth&1) * cols
		dst = s.floats(panels(wide) * step)
	} else {
		dst = t.dst[n0*t.k+k0*cols:]
	}
	if t.trans {
		t.rows(s, dst, n0, wide, k0, depth)
	} else {
		t.columns(s, dst, step, n0, wide, k0, depth)
	}
	if t.half {
		t.pair(dst, n0/cols, panels(wide), k0, depth)
	}
}

// columns packs depth rows of b from k0 on, wide columns from n0 on, as they lie.
func (t *packTask) columns(s *slot, dst []float32, step, n0, wide, k0, depth int) {
	src, pitch := t.b.Data, t.n
	if t.b.Load != nil {
		src, pitch = s.floats(t.depth*t.wide), wide
		t.b.gather(src, wide, nil, t.n, k0, depth, n0, wide)
	} else {
		src = src[k0*t.n+n0:]
	}
	if full := wide / cols; full > 0 {
		t.e.kern.CopyPanels(&dst[0], &src[0], depth, pitch, full, step)
	}
	if rest := wide % cols; rest > 0 {
		dst = dst[wide/cols*step:]
		for r := range depth {
			row := dst[r*cols:][:cols]
			clear(row[copy(row, src[r*pitch+wide-rest:][:rest]):])
		}
	}
}

// rows packs wide rows of b, from n0 on and depth elements from k0 on, as columns.
func (t *packTask) rows(s *slot, dst []float32, n0, wide, k0, depth int) {
	src, pitch := t.b.Data, t.k
	if t.b.Load != nil {
		src, pitch = s.floats(cols*spread(depth)), spread(depth)
		t.b.gather(src, pitch, s.floats(max(mostLoad, depth)), t.k, n0, wide, k0, depth)
	} else {
		src = src[n0*t.k+k0:]
	}
	done := 0
	if wide == cols && depth >= 8 {
		done = depth &^ 7
		t.e.kern.Transpose(&dst[0], &src[0], done, pitch)
	} else if wide < cols {
		clear(dst[:depth*cols])
	}
	for j := range wide {
		for k := done; k < depth; k++ {
			dst[k*cols+j] = src[j*pitch+k]
		}
	}
}

// pair stores packed panels as pairs of neighbors in depth; a last one alone is paired with zeros.
func (t *packTask) pair(src []float32, first, n, k0, depth int) {
	rows := depth + depth&1
	for p := range n {
		from := src[p*rows*cols:][:rows*cols]
		clear(from[depth*cols:])
		to := t.dst[((first+p)*ceil(t.k, 2)+k0/2)*cols:]
		for k := 0; k < rows; k += 2 {
			t.e.kern.PairRows(&to[k/2*cols], &from[k*cols], &from[(k+1)*cols], cols)
		}
	}
}
