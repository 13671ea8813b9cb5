package cpu

import (
	"math"
	"math/bits"
	"unsafe"

	"kith/backends/cpu/internal/simd"
	"kith/tensor"
)

// searches adds the nearest-row search.
func searches(b *Backend) {
	wide(b, b.nearestRow)
}

const (
	slabRows = 4096 // rows that one task searches
	stepRows = 112  // rows scored at a time: eight tiles of 14, which stay in L2 for all panels
	together = 4    // panels of queries in a task
	panel    = simd.PanelCols
)

// A search is the loop of NearestRow. A task is a slab of rows and four panels of 32 queries; it
// keeps the K best of its slab per query, and slabs are merged in their order, so ties go to the smaller
// index whoever comes first. The product queries × rows is never in memory but for a tile.
//
// A score is one chain of fused multiply-adds over the depth. With vectors, 32 queries are the
// columns of a product tile and the rows its rows, read where they lie. Generic has no fused
// multiply-add worth the name: it takes sums in float64 and computes the chain only where they
// come close to the K-th best.
type search struct {
	b          *Backend
	o          tensor.NearestRow
	q, rows    view
	id, rowID  []int32
	panels     []float32 // queries, [panel][d][32]
	index      []int32   // [slab][panel][32][K]
	score      []float32
	panelCount int
	groups     int    // of panels
	taps       [1]int // the offset of a product's only tap
}

// nearestRow searches all slabs, then merges the lists of each query.
func (b *Backend) nearestRow(o tensor.NearestRow, out, in []view) {
	n, m, d := in[0].Shape[0], in[1].Shape[0], in[0].Shape[1]
	s := &b.jobs.search
	*s = search{b: b, o: o, q: in[0], rows: in[1], id: in[2].i32(), rowID: in[3].i32()}
	s.panelCount = (n + panel - 1) / panel
	slabs := (m + slabRows - 1) / slabRows
	s.index = b.temp.ints(slabs * s.panelCount * panel * o.K)
	s.score = b.temp.floats(slabs * s.panelCount * panel * o.K)
	s.panels = b.temp.floats(s.panelCount * d * panel)
	s.pack()
	s.groups = (s.panelCount + together - 1) / together
	b.pool.Run(slabs*s.groups, s)
	for i := range n {
		index, score := out[0].i32()[i*o.K:][:o.K], out[1].f32()[i*o.K:][:o.K]
		blank(index, score)
		for slab := range slabs {
			at := (slab*s.panelCount*panel + i) * o.K
			for k, j := range s.index[at:][:o.K] {
				if j >= 0 {
					insert(index, score, j, s.score[at+k])
				}
			}
		}
	}
}

// pack makes the queries depth-major panels; the last is filled up with zeros.
func (s *search) pack() {
	n, d := s.q.Shape[0], s.q.Shape[1]
	q := s.q.f32()
	clear(s.panels)
	for i := range n {
		dst := s.panels[i/panel*d*panel+i%panel:]
		for k, v := range q[i*d:][:d] {
			dst[k*panel] = v
		}
	}
}

// blank marks all places of a list as free.
func blank(index []int32, score []float32) {
	for k := range index {
		index[k], score[k] = -1, -2
	}
}

// insert puts row j into the list of the best; rows come in ascending order, so a tie goes
// behind.
func insert(index []int32, score []float32, j int32, v float32) {
	at := len(index)
	for at > 0 && (index[at-1] < 0 || v > score[at-1]) {
		at--
	}
	if at == len(index) {
		return
	}
	copy(index[at+1:], index[at:])
	copy(score[at+1:], score[at:])
	index[at], score[at] = j, v
}

// skips tells whether query i may not find row j.
func (s *search) skips(i, j int) bool {
	id, rowID := s.id[i], s.rowID[j]
	return rowID == -2 || id >= 0 && (id == rowID) != s.o.Same
}

// Chunk searches one slab for one group of panels.
func (s *search) Chunk(task int) {
	slab, first := task/s.groups, task%s.groups*together
	panels := min(together, s.panelCount-first)
	from, to := slab*slabRows, min((slab+1)*slabRows, len(s.rowID))
	k := s.o.K
	at, size := (slab*s.panelCount+first)*panel*k, panels*panel*k
	index, score := s.index[at:][:size], s.score[at:][:size]
	blank(index, score)
	if s.b.level == simd.Generic {
		for i := range min(panels*panel, len(s.id)-first*panel) {
			s.plain(first*panel+i, from, to, index[i*k:][:k], score[i*k:][:k])
		}
		return
	}
	l := s.b.lane()
	defer l.done()
	scratch := l.floats(stepRows*panel + panels*panel + stepRows)
	scores, worst := scratch[:stepRows*panel], scratch[stepRows*panel:][:panels*panel]
	mask := unsafe.Slice((*uint32)(unsafe.Pointer(&scratch[(stepRows+panels)*panel])), stepRows)
	for i := range worst { // nothing is better than NaN: while places are free every row counts
		worst[i] = float32(math.NaN())
	}
	for at := from; at < to; at += stepRows {
		n := min(stepRows, to-at)
		for p := range panels {
			s.scoreRows(l, first+p, at, n, scores)
			bar := worst[p*panel:][:panel]
			s.b.k.Above(mask[:n], scores[:n*panel], bar)
			s.keep(first+p, at, mask[:n], scores, bar, index[p*panel*k:], score[p*panel*k:])
		}
	}
}

// keep puts the rows that are above the bar of a query of panel p into its list, and raises the
// bar.
func (s *search) keep(p, at int, mask []uint32, scores, bar []float32, index []int32, score []float32) {
	k := s.o.K
	for r, m := range mask {
		for ; m != 0; m &= m - 1 {
			c := bits.TrailingZeros32(m)
			if i := p*panel + c; i >= len(s.id) || s.skips(i, at+r) {
				continue
			}
			insert(index[c*k:][:k], score[c*k:][:k], int32(at+r), scores[r*panel+c])
			if index[(c+1)*k-1] >= 0 {
				bar[c] = score[(c+1)*k-1]
			}
		}
	}
}

// scoreRows sets scores[r][c] to the product of row at+r with query c of panel p.
func (s *search) scoreRows(l *lane, p, at, n int, scores []float32) {
	d := s.q.Shape[1]
	kernels := simd.ProductsOf(s.b.level)
	if d == 0 {
		clear(scores[:n*panel])
		return
	}
	t := &l.tile32
	*t = simd.TileF{Taps: 1, Off: &s.taps[0], Depth: d, LDA: 4 * d, LDC: 4 * panel, B: &s.panels[p*d*panel]}
	rows := s.rows.f32()
	for r := 0; r < n; {
		m := min(kernels.Rows, n-r)
		t.Tiles = (n - r) / m
		t.StepA, t.StepC = 4*d*m, 4*panel*m
		t.A0, t.C0 = &rows[(at+r)*d], &scores[r*panel]
		t.A1, t.C1 = t.A0, t.C0
		if m > 7 {
			t.A1, t.C1 = &rows[(at+r+7)*d], &scores[(r+7)*panel]
		}
		kernels.F[m](t)
		r += m * t.Tiles
	}
}

// plain searches for one query without vectors.
func (s *search) plain(i, from, to int, index []int32, score []float32) {
	d := s.q.Shape[1]
	x := s.q.f32()[i*d:][:d]
	for j := from; j < to; j++ {
		if s.skips(i, j) {
			continue
		}
		y := s.rows.f32()[j*d:][:d]
		var sum, size float64
		for k, v := range x {
			p := float64(v) * float64(y[k])
			sum += p
			size += math.Abs(p)
		}
		// The chain is within γ·Σ|xy| of the exact sum; twice that leaves room for float64's own.
		if last := len(index) - 1; index[last] >= 0 && sum+2*float64(d)*size/(1<<24) < float64(score[last]) {
			continue
		}
		insert(index, score, int32(j), simd.Chain(x, y))
	}
}
