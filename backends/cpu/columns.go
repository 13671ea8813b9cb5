package cpu

import (
	"fmt"
	"math"

	"kith/backends/cpu/internal/product"
	"kith/backends/cpu/internal/simd"
)

// A column is a reduction of a value over its rows, in two stages: float32 sums of a block of at
// most 112 rows, row after row; then float64, block after block. Blocks depend on the number of
// rows alone and are those of products, so a sum has the same bits for any number of threads, any
// vector width, and whether it is taken from a stored result or from the tiles of a product.
//
// Moments are sums of d and d² about a pivot: the block's first row, and after eight rows their
// mean. With a pivot far from the mean (a pixel at the edge of a map) kept for 512 rows, errors of
// 7e-5 of the variance were seen.
type column struct {
	k     *simd.Kernels
	kind  columnKind
	c     int       // columns; of a total 16 lanes
	out   int       // number of the value that the first result is
	size  int       // elements of the value
	rows  int       // of a block; 0 where a product's tiles come in another order
	part  []float32 // sums of all blocks, bound for each run
	block int       // floats of a block
}

type columnKind uint8

const (
	sum     columnKind = iota // of each column
	moments                   // mean, variance and rest of each column
	total                     // of everything: 16 lanes, 4,096 elements a block
)

const (
	totalLen = 4096 // elements of a block of a total
	baseRows = 8    // after so many rows their mean is the pivot
)

// none marks a pivot that is not chosen yet. A NaN in the data may pass for it: its sums are NaN
// anyway.
var none = float32(math.NaN())

// start makes the sums of a value of size elements. Where tiles of a product come in another order
// than rows do, each of its chunks is a block.
func (c *column) start(b *Backend, size, chunks int) {
	c.size, c.rows = size, 0
	blocks := chunks
	switch {
	case c.kind == total:
		blocks = (size + totalLen - 1) / totalLen
	case chunks == 0:
		c.rows = product.BlockRows(size / max(c.c, 1))
		blocks = (size/max(c.c, 1) + c.rows - 1) / c.rows
	}
	c.block = c.c
	if c.kind == moments {
		c.block = 3*c.c + 1
	}
	c.part = b.temp.zeros(blocks * c.block)
	if c.kind == moments {
		for part := c.part; len(part) > 0; part = part[c.block:] {
			fillWith(part[2*c.c:3*c.c], none)
		}
	}
}

func fillWith(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}

// add adds elements [start, start+len(x)) of the value, row-major. They are part of one row, or
// begin with a row. Where blocks are chunks of a product, chunk says which.
func (c *column) add(chunk, start int, x []float32) {
	if c.kind == total { // tiles never cross the borders of its blocks
		c.k.AddRows(c.part[start/totalLen*c.c:][:min(c.c, len(x))], x[:len(x)/c.c*c.c])
		rest := x[len(x)/c.c*c.c:]
		c.k.AddRows(c.part[start/totalLen*c.c:][:len(rest)], rest)
		return
	}
	for at := start % c.c; len(x) > 0; at = start % c.c {
		part, row := c.part[chunk*c.block:], 0
		if c.rows > 0 {
			part, row = c.part[start/c.c/c.rows*c.block:], start/c.c%c.rows
		}
		n := c.piece(part[:c.block], row, at, x)
		x, start = x[n:], start+n
	}
}

// piece adds the head of x, which begins at column at of a block's row, and returns how much that
// was: a piece of a row, or rows up to the place where the pivot changes or the block ends.
func (c *column) piece(part []float32, row, at int, x []float32) (n int) {
	rows, cols := len(x)/c.c, c.c
	if at > 0 || rows == 0 {
		rows, cols = 1, min(c.c-at, len(x))
	}
	if c.kind == moments && row < baseRows && c.rows > 0 {
		rows = min(rows, baseRows-row)
	}
	if c.rows > 0 {
		rows = min(rows, c.rows-row)
	}
	n = rows * cols
	if c.kind != moments {
		c.k.AddRows(part[at:at+cols], x[:n])
		return n
	}
	pivots := part[2*c.c+at:][:cols]
	if pivots[0] != pivots[0] {
		copy(pivots, x)
	}
	if at == 0 { // all columns see the same rows
		part[3*c.c] += float32(rows)
	}
	c.k.AddMoments(part[at:at+cols], part[c.c+at:][:cols], pivots, x[:n])
	if row+rows == baseRows && c.rows > 0 {
		rebase(part[at:at+cols], part[c.c+at:][:cols], pivots)
	}
	return n
}

// rebase makes the mean of the first rows the pivot: with s its way from the old one,
// Σ(d-s) = Σd - n·s and Σ(d-s)² = Σd² - s·(2Σd - n·s).
func rebase(sums, squares, pivots []float32) {
	const n = baseRows
	for j, was := range pivots {
		sum := float64(sums[j])
		pivots[j] = float32(float64(was) + sum/n)
		s := float64(pivots[j]) - float64(was)
		squares[j] = float32(float64(squares[j]) - s*(2*sum-n*s))
		sums[j] = float32(sum - n*s)
	}
}

// fits panics if t is no block: then the sums would depend on who comes first.
func (c *column) fits(t product.Tile) {
	if c.rows > 0 && (t.Row%c.rows != 0 || t.Rows != min(c.rows, c.size/c.c-t.Row)) {
		panic(fmt.Sprintf("cpu: rows %d to %d are no block of %d; product.Blocks must tell", t.Row, t.Row+t.Rows, c.rows))
	}
}

// results returns the number of results.
func (c *column) results() int {
	if c.kind == moments {
		return 3
	}
	return 1
}

// finish merges the blocks into the results: one of c.c elements, three of moments, one scalar of
// a total.
func (c *column) finish(b *Backend, out [3][]float32) {
	if c.kind == total {
		var s float64
		for at := 0; at < len(c.part); at += c.c {
			s += float64(simd.Fold((*[simd.Lanes]float32)(c.part[at:])))
		}
		out[0][0] = float32(s)
		return
	}
	j := &b.jobs.merge
	*j = merge{c: c, out: out, a: b.temp.zeros64(c.c), b: b.temp.zeros64(c.c)}
	b.pool.Run((c.c+mergeCols-1)/mergeCols, j)
}

// mergeCols is the number of columns that a thread merges at a time.
const mergeCols = 64

// A merge is the loop over columns of finish.
type merge struct {
	c    *column
	out  [3][]float32
	a, b []float64 // of each column: the sum; or mean and sum of squared deviations
}

// Chunk merges 64 columns.
func (m *merge) Chunk(i int) {
	from, to := i*mergeCols, min((i+1)*mergeCols, m.c.c)
	if m.c.kind == moments {
		m.moments(from, to)
		return
	}
	for part := m.c.part; len(part) > 0; part = part[m.c.block:] {
		acc := m.a[from:to]
		for j, v := range part[from:to] {
			acc[j] += float64(v)
		}
	}
	for j := from; j < to; j++ {
		m.out[0][j] = float32(m.a[j])
	}
}

// moments merges means and squared deviations by Chan's formula.
func (m *merge) moments(from, to int) {
	c := m.c.c
	mean, m2, n := m.a[from:to], m.b[from:to], 0.0
	for part := m.c.part; len(part) > 0; part = part[m.c.block:] {
		rows := float64(part[3*c])
		if rows == 0 {
			continue
		}
		share, each := rows/(n+rows), 1/rows
		squares, pivots := part[c+from:c+to], part[2*c+from:2*c+to]
		for j, v := range part[from:to] {
			d := float64(v)
			delta := float64(pivots[j]) + d*each - mean[j]
			mean[j] += delta * share
			m2[j] += float64(squares[j]) - d*d*each + delta*delta*n*share
		}
		n += rows
	}
	for j, v := range mean {
		m.out[0][from+j] = float32(v)
		m.out[1][from+j] = float32(max(m2[j], 0) / n)
		m.out[2][from+j] = float32(v - float64(m.out[0][from+j]))
	}
}
