package cpu

import (
	"kith/tensor"
	"kith/tensor/rng"
)

// jobs is the loops of the backend. They live as long as it does, so that running one allocates
// nothing.
type jobs struct {
	chain   chainJob
	rows    rowJob
	squares squares
	merge   merge
	search  search
	load    [2]loader
	store   storer
	key     rng.Key // of the stream that Uniform reads
}

// A rowJob is a loop over rows, cut into chunks of about the same work by shape alone.
type rowJob struct {
	b    *Backend
	rows int // in all
	per  int // in a chunk
	do   func(j *rowJob, from, to int)
	in   [4]view
	out  [2]view
	k    [8]int
}

// Chunk does rows of chunk i.
func (j *rowJob) Chunk(i int) { j.do(j, i*j.per, min((i+1)*j.per, j.rows)) }

// rows runs do on all rows, each of which costs about as much as cost elements of a simple op.
func (b *Backend) rows(rows, cost int, do func(j *rowJob, from, to int)) {
	j := &b.jobs.rows
	j.b, j.rows, j.do = b, rows, do
	j.per = max(1, chunkLen/max(cost, 1))
	b.pool.Run((rows+j.per-1)/j.per, j)
}

// job clears the row loop for a new op with these operands.
func (b *Backend) job(out, in []view) *rowJob {
	j := &b.jobs.rows
	*j = rowJob{}
	copy(j.in[:], in)
	copy(j.out[:], out)
	return j
}

// widened returns v as F32: itself, or a copy in scratch of a BF16 tensor.
func (b *Backend) widened(v view) view {
	if v.DType != tensor.BF16 {
		return v
	}
	w := b.fresh(tensor.Spec{DType: tensor.F32, Shape: v.Shape})
	b.job([]view{w}, []view{v})
	b.rows(v.n, 1, func(j *rowJob, from, to int) { j.b.wide(j.out[0].f32()[from:to], j.in[0].u16()[from:to]) })
	return w
}

// wideOut returns where a kernel writes a float result: v itself, or F32 scratch for BF16, which
// narrowed then rounds into v.
func (b *Backend) wideOut(v view) view {
	if v.DType != tensor.BF16 {
		return v
	}
	return b.fresh(tensor.Spec{DType: tensor.F32, Shape: v.Shape})
}

// narrowed rounds w into v where they differ.
func (b *Backend) narrowed(v, w view) {
	if v.p == w.p {
		return
	}
	b.job([]view{v}, []view{w})
	b.rows(v.n, 1, func(j *rowJob, from, to int) { j.b.narrow(j.out[0].u16()[from:to], j.in[0].f32()[from:to]) })
}

// narrow rounds any number of elements to BF16.
func (b *Backend) narrow(dst []uint16, x []float32) {
	for len(x) > 0 {
		n := min(len(x), 16*tileLen)
		b.k.Narrow(dst[:n], x[:n])
		dst, x = dst[n:], x[n:]
	}
}

// noF64 is what most kernels ask: floats of 32 or 16 bits.
func noF64[O tensor.Op](_ O, in []tensor.Spec) bool {
	for _, s := range in {
		if s.DType == tensor.F64 {
			return false
		}
	}
	return true
}

// wide wraps a kernel for F32 so that it takes BF16 too: inputs are widened first, results
// rounded after.
func wide[O tensor.Op](b *Backend, run func(op O, out, in []view)) {
	var ins, outs []view
	register(b, noF64[O], func(op O, out, in []view) {
		ins, outs = ins[:0], outs[:0]
		for _, v := range in {
			ins = append(ins, b.widened(v))
		}
		for _, v := range out {
			outs = append(outs, b.wideOut(v))
		}
		run(op, outs, ins)
		for i, v := range out {
			b.narrowed(v, outs[i])
		}
	})
}
