package cpu

import (
	"math"

	"kith/backends/cpu/internal/simd"
)

// A column is a reduction of a value over its rows, in three stages: float32 sums of a few dozen
// rows, row after row; float64 sums of those over a chunk; and these, in the order of chunks. So a
// sum depends on how the rows are cut, which depends on shapes alone, and not on threads or vector
// width.
//
// Moments are sums of d and d² about the chunk's first row. Where that lies far from the mean (a
// pixel at the edge of a map does), float32 sums over a whole chunk would lose five digits of the
// variance: 7e-5 was seen, 4e-8 with the float64 stage.
type column struct {
	k      *simd.Kernels
	kind   columnKind
	c      int // columns; of a total 16 lanes
	out    int // number of the value that the first result is
	chunks []partial
}

type columnKind uint8

const (
	sum     columnKind = iota // of each column
	moments                   // mean, variance and rest of each column
	total                     // of everything: 16 lanes, 4,096 elements a chunk
)

const (
	totalLen   = 4096 // elements of a chunk of a total
	mostRows   = 1024 // of a chunk of columns
	fewestRows = 16   // of a chunk: partial sums are a small part of the tensor
	drainRows  = 32   // after so many rows float32 sums go to float64
)

// chunkRows returns the rows in a chunk of columns of length c.
func chunkRows(c int) int { return min(max(chunkLen/c, fewestRows), mostRows) }

// A partial is the sums of one chunk.
type partial struct {
	sums, squares, pivots []float32
	sums64, squares64     []float64
	rows                  int // seen so far, by whoever has column 0
	fresh                 int // of these, not drained yet
}

// start makes the partial sums of a value of size elements in so many chunks.
func (c *column) start(b *Backend, chunks, size int) {
	if c.kind == total {
		chunks = (size + totalLen - 1) / totalLen
	}
	if cap(c.chunks) < chunks {
		c.chunks = make([]partial, chunks)
	}
	c.chunks = c.chunks[:chunks]
	for i := range c.chunks {
		p := partial{sums: b.temp.zeros(c.c)}
		if c.kind != total {
			p.sums64 = b.temp.zeros64(c.c)
		}
		if c.kind == moments {
			p.squares, p.squares64, p.pivots = b.temp.zeros(c.c), b.temp.zeros64(c.c), b.temp.floats(c.c)
			fillWith(p.pivots, none)
		}
		c.chunks[i] = p
	}
}

// none marks a pivot that is not chosen yet. A NaN in the data may pass for it: its sums are NaN
// anyway.
var none = float32(math.NaN())

func fillWith(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}

// add adds elements [start, start+len(x)) of the value, row-major, to the sums of chunk.
func (c *column) add(chunk, start int, x []float32) {
	if c.kind == total { // a chunk of its own kind; tiles never cross its borders
		c.rows(&c.chunks[start/totalLen], 0, x)
		return
	}
	c.rows(&c.chunks[chunk], start%c.c, x)
}

// rows adds x, which begins in column at.
func (c *column) rows(p *partial, at int, x []float32) {
	for len(x) > 0 {
		n, cols := len(x)/c.c*c.c, c.c // whole rows
		if at > 0 || n == 0 {
			n = min(c.c-at, len(x)) // a piece of one
			cols = n
		}
		c.piece(p, at, cols, x[:n])
		x, at = x[n:], (at+n)%c.c
	}
}

// piece adds rows of cols elements to the columns from at on.
func (c *column) piece(p *partial, at, cols int, x []float32) {
	if at == 0 { // all columns see the same rows
		p.rows += len(x) / cols
		p.fresh += len(x) / cols
	}
	if c.kind != moments {
		c.k.AddRows(p.sums[at:at+cols], x)
		return
	}
	pivots := p.pivots[at : at+cols]
	if pivots[0] != pivots[0] {
		copy(pivots, x)
	}
	c.k.AddMoments(p.sums[at:at+cols], p.squares[at:at+cols], pivots, x)
}

// drain moves float32 sums of the columns from at on to float64.
func (c *column) drain(p *partial, at, cols int) {
	if c.kind == total {
		return
	}
	c.k.Drain(p.sums64[at:at+cols], p.sums[at:at+cols])
	if c.kind == moments {
		c.k.Drain(p.squares64[at:at+cols], p.squares[at:at+cols])
	}
}

// ripe drains all columns of a chunk once enough rows have come; next is the column that comes
// next.
func (c *column) ripe(chunk, next int) {
	if c.kind == total {
		return
	}
	if p := &c.chunks[chunk]; p.fresh >= drainRows && next%c.c == 0 {
		c.drain(p, 0, c.c)
		p.fresh = 0
	}
}

// results returns the number of results.
func (c *column) results() int {
	if c.kind == moments {
		return 3
	}
	return 1
}

// finish merges the chunks into the results: one of c.c elements, three of moments, one scalar of
// a total.
func (c *column) finish(b *Backend, out [3][]float32) {
	switch c.kind {
	case sum:
		c.finishSum(b, out[0])
	case moments:
		c.finishMoments(b, out)
	case total:
		var s float64
		for _, p := range c.chunks {
			s += float64(simd.Fold((*[simd.Lanes]float32)(p.sums)))
		}
		out[0][0] = float32(s)
	}
}

// finishSum adds the sums of chunks.
func (c *column) finishSum(b *Backend, out []float32) {
	acc := b.temp.zeros64(c.c)
	for i := range c.chunks {
		p := &c.chunks[i]
		c.drain(p, 0, c.c)
		for j, v := range p.sums64 {
			acc[j] += v
		}
	}
	for j, v := range acc {
		out[j] = float32(v)
	}
}

// finishMoments merges means and squared deviations of chunks by Chan's formula.
func (c *column) finishMoments(b *Backend, out [3][]float32) {
	mean, m2, n := b.temp.zeros64(c.c), b.temp.zeros64(c.c), 0.0
	for i := range c.chunks {
		p := &c.chunks[i]
		if p.rows == 0 {
			continue
		}
		c.drain(p, 0, c.c)
		rows := float64(p.rows)
		share, each, squares := rows/(n+rows), 1/rows, p.squares64[:c.c]
		pivots := p.pivots[:c.c]
		for j, d := range p.sums64[:c.c] {
			delta := float64(pivots[j]) + d*each - mean[j]
			mean[j] += delta * share
			m2[j] += squares[j] - d*d*each + delta*delta*n*share
		}
		n += rows
	}
	for j, m := range mean {
		out[0][j] = float32(m)
		out[1][j] = float32(max(m2[j], 0) / n)
		out[2][j] = float32(m - float64(out[0][j]))
	}
}
