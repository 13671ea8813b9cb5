package product

import "kith/backends/cpu/internal/simd"

const cols = simd.PanelCols

// panels is the number of panels of 32 columns that n columns take.
func panels(n int) int { return ceil(n, cols) }

// PackedLen returns the number of elements of b in packed form.
func (g Gemm) PackedLen() int { return panels(g.N) * cols * g.K }

// Pack writes b as PackedGemm wants it: panels of 32 columns, [N/32][K][32], zero beyond column N.
func (e *Engine) Pack(dst []float32, b Operand, g Gemm) {
	e.pack = packTask{dst: dst, b: b, n: g.N, k: g.K, trans: g.TransB, e: e}
	e.reserve(packDepth)
	e.pool.Run(panels(g.N)*ceil(g.K, packDepth), &e.pack)
	e.pack = packTask{}
}

// packDepth is the depth that one chunk packs.
const packDepth = 512

// A packTask packs one panel to a depth of packDepth per chunk.
type packTask struct {
	e     *Engine
	dst   []float32
	b     Operand
	n, k  int
	trans bool // b is stored [n, k]
}

// Chunk packs chunk i.
func (t *packTask) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	blocks := ceil(t.k, packDepth)
	p, k0 := i/blocks, i%blocks*packDepth
	k1 := min(k0+packDepth, t.k)
	wide := min(cols, t.n-p*cols)
	dst := t.dst[(p*t.k+k0)*cols : (p*t.k+k1)*cols]
	if t.trans {
		t.rows(dst, s, p*cols, wide, k0, k1-k0)
		return
	}
	buf := s.floats(packDepth)
	for k := k0; k < k1; k++ {
		row := dst[(k-k0)*cols:][:cols]
		clear(row[copy(row, t.b.load(buf, k*t.n+p*cols, wide)):])
	}
}

// rows packs wide rows of b, from n0 on and depth elements from k0 on, as columns.
func (t *packTask) rows(dst []float32, s *slot, n0, wide, k0, depth int) {
	if wide < cols {
		clear(dst)
	}
	buf := s.floats(depth)
	for j := range wide {
		for k, v := range t.b.load(buf, (n0+j)*t.k+k0, depth) {
			dst[k*cols+j] = v
		}
	}
}
