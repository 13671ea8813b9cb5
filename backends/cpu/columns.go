package cpu

import (
	"kith/backends/cpu/internal/simd"
)

// A column is a reduction of a value over its rows, in two stages: float32 partial sums of each
// chunk, row after row; then float64 in the order of chunks. So a sum depends on how the rows are
// cut, which depends on shapes alone, and not on threads, tiles or vector width.
type column struct {
	k     *simd.Kernels
	kind  columnKind
	c     int       // columns; of a total 16 lanes
	out   int       // number of the value that the first result is
	part  []float32 // partial sums of all chunks, bound for each run
	block int       // floats of a chunk
}

type columnKind uint8

const (
	sum     columnKind = iota // [c]: sums
	moments                   // [c]: sums, squares, pivots, rows counted; about the chunk's first row
	total                     // [16]: sums of 4,096 elements by lane
)

const (
	totalLen   = 4096 // elements of a chunk of a total
	mostRows   = 512  // of a chunk of columns: above, float32 sums lose digits
	fewestRows = 16   // of a chunk: partial sums are a sixteenth of the tensor at most
)

// chunkRows returns the rows in a chunk of columns of length c.
func chunkRows(c int) int { return min(max(chunkLen/c, fewestRows), mostRows) }

// start gets memory for the partial sums of a value of size elements in so many chunks, and clears
// it.
func (c *column) start(b *Backend, chunks, size int) {
	c.block = c.c
	if c.kind == moments {
		c.block = 4 * c.c
	}
	if c.kind == total {
		chunks = (size + totalLen - 1) / totalLen
	}
	c.part = b.temp.floats(chunks * c.block)
	clear(c.part)
}

// add adds elements [start, start+len(x)) of the value, row-major, to the partial sums of chunk.
func (c *column) add(chunk, start int, x []float32) {
	if c.kind == total { // a chunk of its own kind; tiles never cross its borders
		c.rows(c.part[start/totalLen*c.c:][:c.c], 0, x)
		return
	}
	c.rows(c.part[chunk*c.block:][:c.block], start%c.c, x)
}

// rows adds x, which begins in column at.
func (c *column) rows(part []float32, at int, x []float32) {
	for len(x) > 0 {
		n, cols := len(x)/c.c*c.c, c.c // whole rows
		if at > 0 || n == 0 {
			n = min(c.c-at, len(x)) // a piece of one
			cols = n
		}
		c.block1(part, at, cols, x[:n])
		x, at = x[n:], (at+n)%c.c
	}
}

// block1 adds rows of cols elements to the columns from at on.
func (c *column) block1(part []float32, at, cols int, x []float32) {
	sums := part[at:][:cols]
	if c.kind != moments {
		c.k.AddRows(sums, x)
		return
	}
	squares, pivots, counts := part[c.c+at:][:cols], part[2*c.c+at:][:cols], part[3*c.c+at:][:cols]
	if counts[0] == 0 {
		copy(pivots, x)
	}
	rows := float32(len(x) / cols)
	for i := range counts {
		counts[i] += rows
	}
	c.k.AddMoments(sums, squares, pivots, x)
}

// results returns the number of results.
func (c *column) results() int {
	if c.kind == moments {
		return 3
	}
	return 1
}

// finish merges the partial sums into the results: one of c.c elements, three of moments, one
// scalar of a total.
func (c *column) finish(b *Backend, out [3][]float32) {
	switch c.kind {
	case sum:
		c.finishSum(b, out[0])
	case moments:
		c.finishMoments(b, out)
	case total:
		var s float64
		for at := 0; at < len(c.part); at += c.c {
			s += float64(simd.Fold((*[simd.Lanes]float32)(c.part[at:])))
		}
		out[0][0] = float32(s)
	}
}

// finishSum adds the sums of chunks in float64.
func (c *column) finishSum(b *Backend, out []float32) {
	acc := b.temp.doubles(c.c)
	clear(acc)
	for part := c.part; len(part) > 0; part = part[c.block:] {
		for j, v := range part[:c.c] {
			acc[j] += float64(v)
		}
	}
	for j, v := range acc {
		out[j] = float32(v)
	}
}

// finishMoments merges means and squared deviations of chunks by Chan's formula, in float64.
func (c *column) finishMoments(b *Backend, out [3][]float32) {
	mean, m2, n := b.temp.doubles(c.c), b.temp.doubles(c.c), 0.0
	clear(mean)
	clear(m2)
	for part := c.part; len(part) > 0; part = part[c.block:] {
		rows := float64(part[3*c.c])
		if rows == 0 {
			continue
		}
		share := rows / (n + rows)
		sums, squares, pivots := part[:c.c], part[c.c:][:c.c], part[2*c.c:][:c.c]
		for j, s := range sums {
			d := float64(s)
			dev := float64(squares[j]) - d*d/rows
			delta := float64(pivots[j]) + d/rows - mean[j]
			mean[j] += delta * share
			m2[j] += dev + delta*delta*n*share
		}
		n += rows
	}
	for j, m := range mean {
		out[0][j] = float32(m)
		out[1][j] = float32(m2[j] / n)
		out[2][j] = float32(m - float64(out[0][j]))
	}
}
