package cpu

import (
	"kith/tensor"
)

// rows adds the ops that work row by row, and the flat sums of squares.
func rows(b *Backend) {
	wide(b, func(_ tensor.RowDot, out, in []view) { b.rowDot(out, in) })
	wide(b, func(_ tensor.RowMul, out, in []view) { b.rowMul(out, in) })
	wide(b, func(_ tensor.ArgMax, out, in []view) { b.argMax(out, in) })
	wide(b, func(_ tensor.SumSq, out, in []view) { b.sumSq(out[0], in) })
}

// rowDot is a dot product per row.
func (b *Backend) rowDot(out, in []view) {
	b.job(out, in)
	b.rows(out[0].n, 2*in[0].Shape[1], func(j *rowJob, from, to int) {
		d := j.in[0].Shape[1]
		x, y, dst := j.in[0].f32(), j.in[1].f32(), j.out[0].f32()
		for i := from; i < to; i++ {
			dst[i] = float32(j.b.dot(x[i*d:][:d], y[i*d:][:d]))
		}
	})
}

// dot adds chunks of 4,096 products in float64.
func (b *Backend) dot(x, y []float32) float64 {
	var s float64
	for len(x) > totalLen {
		s += float64(b.k.Dot(x[:totalLen], y[:totalLen]))
		x, y = x[totalLen:], y[totalLen:]
	}
	return s + float64(b.k.Dot(x, y))
}

// rowMul scales each row.
func (b *Backend) rowMul(out, in []view) {
	b.job(out, in)
	b.rows(in[1].n, in[0].Shape[1], func(j *rowJob, from, to int) {
		d := j.in[0].Shape[1]
		x, r, dst := j.in[0].f32(), j.in[1].f32(), j.out[0].f32()
		for i := from; i < to; i++ {
			scaleRow(j.b, dst[i*d:][:d], x[i*d:][:d], r[i])
		}
	})
}

// scaleRow is a Scale of any length.
func scaleRow(b *Backend, dst, x []float32, s float32) {
	for len(x) > 0 {
		n := min(len(x), 16*tileLen)
		b.k.Scale(dst[:n], x[:n], s)
		dst, x = dst[n:], x[n:]
	}
}

// argMax finds the largest of each row, then the first place it stands.
func (b *Backend) argMax(out, in []view) {
	b.job(out, in)
	b.rows(out[0].n, in[0].Shape[1], func(j *rowJob, from, to int) {
		k := j.in[0].Shape[1]
		x, dst := j.in[0].f32(), j.out[0].i32()
		for i := from; i < to; i++ {
			dst[i] = int32(place(x[i*k:][:k], j.b.k.Max(x[i*k:][:k])))
		}
	})
}

// place returns the first place of v in x; a NaN is found too.
func place(x []float32, v float32) int {
	for i, w := range x {
		if w == v || w != w && v != v {
			return i
		}
	}
	return 0
}

// sumSq squares and adds the elements of each input. All inputs are one loop, cut into blocks of
// 64 Ki elements of one input each.
func (b *Backend) sumSq(out view, in []view) {
	blocks := 0
	for _, v := range in {
		blocks += (v.n + chunkLen - 1) / chunkLen
	}
	tensors, places, sums := b.temp.ints(blocks), b.temp.ints(blocks), b.temp.doubles(blocks)
	at := 0
	for i, v := range in {
		for k := 0; k < v.n; k += chunkLen {
			tensors[at], places[at] = int32(i), int32(k/chunkLen)
			at++
		}
	}
	j := &b.jobs.squares
	*j = squares{b, in, tensors, places, sums}
	b.pool.Run(blocks, j)
	dst := out.f32()
	at = 0
	for i := range in {
		var s float64
		for ; at < blocks && tensors[at] == int32(i); at++ {
			s += sums[at]
		}
		dst[i] = float32(s)
	}
}

// squares is the loop of sumSq.
type squares struct {
	b               *Backend
	in              []view
	tensors, places []int32
	sums            []float64
}

// Chunk adds the squares of block i.
func (j *squares) Chunk(i int) {
	x := j.in[j.tensors[i]].f32()[int(j.places[i])*chunkLen:]
	var s float64
	for x = x[:min(len(x), chunkLen)]; len(x) > 0; {
		n := min(len(x), totalLen)
		s += float64(j.b.k.SumSq(x[:n]))
		x = x[n:]
	}
	j.sums[i] = s
}
