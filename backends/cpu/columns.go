package cpu

import (
	"kith/backends/cpu/internal/product"
	"kith/backends/cpu/internal/simd"
)

// A column is a reduction of a value over its rows, in two stages: float32 sums of a block of rows,
// row after row; then float64, block after block. Blocks are cut by shape alone, so a sum has the
// same bits for any number of threads and any vector width. A value in memory is cut into blocks of
// 64 rows; so is each tile of a product, whose blocks are merged in the order of the chunk's tiles,
// and then the chunks in theirs.
//
// Moments are sums of d and d² about a pivot: the block's first row, and after two and eight rows
// their mean. With a pivot far from the mean (a pixel at the edge of a map) kept for 512 rows, errors of
// 7e-5 of the variance were seen.
type column struct {
	k    *simd.Kernels
	kind columnKind
	c    int // columns; of a total 16 lanes
	out  int // number of the value that the first result is

	number int // among the columns of its chain

	// Bound for each run: floats of all blocks, or sums of all chunks of a product.
	rows   int
	blocks []float32
	chunks []float64
}

// A columnKind is what is reduced to what.
type columnKind uint8

const (
	sum     columnKind = iota // of each column
	moments                   // mean, variance and rest of each column
	total                     // of everything: 16 lanes, 4,096 elements a block
)

const (
	totalLen  = 4096 // elements of a block of a total
	blockRows = 64   // rows of a block of columns in memory; with 256, variances were off by 1e-5
)

// size returns the floats of a block: sums, and of moments squares and pivots too.
func (c *column) size() int {
	if c.kind == moments {
		return 3 * c.c
	}
	return c.c
}

// start makes the blocks of a value of n elements in memory.
func (c *column) start(b *Backend, n int) {
	c.rows, c.chunks = n/max(c.c, 1), nil
	blocks := (c.rows + blockRows - 1) / blockRows
	if c.kind == total {
		blocks = (n + totalLen - 1) / totalLen
	}
	c.blocks = b.temp.zeros(blocks * c.size())
}

// add adds elements [start, start+len(x)) of the value, row-major. They are part of one row, or
// begin with a row.
func (c *column) add(l *lane, start int, x []float32) {
	if c.kind == total { // tiles never cross the borders of its blocks
		lanes, whole := c.blocks[start/totalLen*c.c:][:c.c], len(x)/c.c*c.c
		c.k.AddRows(lanes, x[:whole])
		c.k.AddRows(lanes[:len(x)-whole], x[whole:])
		return
	}
	for len(x) > 0 {
		at, n, cols := start%c.c, len(x)/c.c*c.c, c.c
		if at > 0 || n == 0 {
			n = min(c.c-at, len(x))
			cols = n
		}
		c.addRows(l, start/c.c, at, cols, x[:n])
		x, start = x[n:], start+n
	}
}

// addRows adds rows of cols elements, of which the first is the value's row row, to the columns from
// at on: as many at a time as lie in one block and have one pivot.
func (c *column) addRows(l *lane, row, at, cols int, x []float32) {
	for len(x) > 0 {
		block, inside, rows := l.blocks[c.number], row-l.row, len(x)/cols
		if c.chunks == nil {
			block, inside = c.blocks[row/blockRows*c.size():][:c.size()], row%blockRows
			rows = min(rows, blockRows-inside)
		}
		if next := base(inside); c.kind == moments && inside < next {
			rows = min(rows, next-inside)
		}
		c.piece(block, inside, at, cols, x[:rows*cols])
		x, row = x[rows*cols:], row+rows
	}
}

// piece adds rows to a block, of which the first is its row inside.
func (c *column) piece(block []float32, inside, at, cols int, x []float32) {
	if c.kind != moments {
		c.k.AddRows(block[at:at+cols], x)
		return
	}
	sums, squares, pivots := block[at:at+cols], block[c.c+at:][:cols], block[2*c.c+at:][:cols]
	if inside == 0 {
		copy(pivots, x)
	}
	c.k.AddMoments(sums, squares, pivots, x)
	if now := inside + len(x)/cols; now == base(inside) {
		c.k.Rebase(sums, squares, pivots, float32(now))
	}
}

// base returns after how many rows the mean of the block so far becomes the pivot next: two, eight.
// Two rows already bring it near, if the first is an outlier.
func base(inside int) int {
	if inside < 2 {
		return 2
	}
	return 8
}

// results returns the number of results.
func (c *column) results() int {
	if c.kind == moments {
		return 3
	}
	return 1
}

// startTiles readies the sums of a product that comes in so many chunks.
func (c *column) startTiles(b *Backend, n, chunks int) {
	c.rows, c.blocks = n/max(c.c, 1), nil
	c.chunks = b.temp.zeros64(chunks * c.size())
}

// open readies the lane's block for tile t.
func (c *column) open(l *lane, t product.Tile) {
	l.row = t.Row
	block := l.blocks[c.number]
	clear(block[t.Col%c.c:][:min(t.Cols, c.c)])
	if c.kind == moments {
		clear(block[c.c+t.Col%c.c:][:min(t.Cols, c.c)])
	}
}

// close merges the lane's block into the sums of t's chunk.
func (c *column) close(l *lane, t product.Tile) {
	at, cols := t.Col%c.c, min(t.Cols, c.c)
	chunk, block := c.chunks[t.Chunk*c.size():][:c.size()], l.blocks[c.number]
	acc := chunk[at:][:cols]
	if c.kind != moments {
		for j, v := range block[at:][:cols] {
			acc[j] += float64(v)
		}
		return
	}
	m := spread64{n: chunk[2*c.c+at], mean: acc, m2: chunk[c.c+at:][:cols]}
	m.merge(c.k, float64(t.Rows), block[at:][:cols], block[c.c+at:][:cols], block[2*c.c+at:][:cols])
	for j := range cols {
		chunk[2*c.c+at+j] = m.n
	}
}

// A spread64 is the mean and the sum of squared deviations of some columns over n rows.
type spread64 struct {
	n        float64
	mean, m2 []float64
}

// merge takes in a block by Chan's formula.
func (m *spread64) merge(k *simd.Kernels, rows float64, sums, squares, pivots []float32) {
	share := rows / (m.n + rows)
	k.Merge(m.mean, m.m2, sums, squares, pivots, share, 1/rows, m.n*share)
	m.n += rows
}

// finish merges what there is into the results: one of c.c elements, three of moments, one scalar
// of a total.
func (c *column) finish(b *Backend, out [3][]float32) {
	if c.kind == total {
		var s float64
		for at := 0; at < len(c.blocks); at += c.c {
			s += float64(simd.Fold((*[simd.Lanes]float32)(c.blocks[at:])))
		}
		out[0][0] = float32(s)
		return
	}
	j := &b.jobs.merge
	*j = merge{c: c, out: out, mean: b.temp.zeros64(c.c), m2: b.temp.zeros64(c.c)}
	b.pool.Run((c.c+mergeCols-1)/mergeCols, j)
}

// mergeCols is the number of columns that a thread merges at a time.
const mergeCols = 64

// A merge is the loop over columns of finish.
type merge struct {
	c        *column
	out      [3][]float32
	mean, m2 []float64 // mean is the sum, where that is wanted
}

// Chunk merges 64 columns.
func (m *merge) Chunk(i int) {
	from, to := i*mergeCols, min((i+1)*mergeCols, m.c.c)
	if m.c.kind == moments {
		m.moments(from, to)
		return
	}
	acc := m.mean[from:to]
	for block := m.c.blocks; len(block) > 0; block = block[m.c.c:] {
		for j, v := range block[from:to] {
			acc[j] += float64(v)
		}
	}
	for chunk := m.c.chunks; len(chunk) > 0; chunk = chunk[m.c.c:] {
		for j, v := range chunk[from:to] {
			acc[j] += v
		}
	}
	for j, v := range acc {
		m.out[0][from+j] = float32(v)
	}
}

// moments merges blocks or chunks, whichever there are.
func (m *merge) moments(from, to int) {
	c := m.c.c
	acc := spread64{mean: m.mean[from:to], m2: m.m2[from:to]}
	for i, block := 0, m.c.blocks; len(block) > 0; i, block = i+1, block[3*c:] {
		rows := min(blockRows, m.c.rows-i*blockRows)
		acc.merge(m.c.k, float64(rows), block[from:to], block[c+from:c+to], block[2*c+from:2*c+to])
	}
	for chunk := m.c.chunks; len(chunk) > 0; chunk = chunk[3*c:] {
		acc.join(spread64{chunk[2*c+from], chunk[from:to], chunk[c+from : c+to]})
	}
	for j, v := range acc.mean {
		m.out[0][from+j] = float32(v)
		m.out[1][from+j] = float32(max(acc.m2[j], 0) / acc.n)
		m.out[2][from+j] = float32(v - float64(m.out[0][from+j]))
	}
}

// join takes in the columns of o.
func (m *spread64) join(o spread64) {
	if o.n == 0 {
		return
	}
	share, cross := o.n/(m.n+o.n), m.n*o.n/(m.n+o.n)
	for j, v := range o.mean {
		delta := v - m.mean[j]
		m.mean[j] += float64(delta * share) // never fused, on any processor
		m.m2[j] += o.m2[j] + float64(delta*delta*cross)
	}
	m.n += o.n
}
