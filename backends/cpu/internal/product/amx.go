package product

import (
	"unsafe"

	"kith/backends/cpu/internal/simd"
)

// Products of bf16 numbers on the matrix unit. It multiplies sixteen times as fast as vectors do, so
// what counts is how operands reach it: rows of depth and panels of pairs, as bf16, from L2 at most.
// Whatever a task reads it has made or copied there; results are float32 tiles in scratch, which
// leave through Output.Done.
//
// A sum is one chain over all of its depth: beside the rounding of operands to bf16 its error does
// not show, and blocks of depth would cost passes over the result.
const (
	lot       = 32        // rows of a block of the matrix unit, and depth of its steps
	mostSteps = 2000      // of a call: some 40 µs
	taskSums  = 132 << 10 // float32 sums of a task, 528 KiB
	taskStrip = 352 << 10 // bf16 elements of what a task reads, 704 KiB
	leastWork = 8         // tasks of a product, where it can be cut so often
)

// matrix reports whether the elements are bf16 numbers that the matrix unit multiplies.
func (e *Engine) matrix(half bool) bool { return half && e.mat != nil }

// matrixGemm is matrix for a product of matrices.
func (e *Engine) matrixGemm(g Gemm) bool {
	return e.matrix(g.Half) && !g.Whole && !(g.TransA && g.TransB)
}

// tile runs one call of the matrix unit on blocks of rows×cols elements.
func (e *Engine) tile(t *simd.TileM, rows, cols int) {
	if r, c := t.Shape(); r != rows || c != cols {
		t.SetShape(rows, cols)
	}
	e.mat.Tile[(rows-1)/16][(cols-1)/16](t)
}

// halves returns the next n bf16 elements of the slot's memory.
func (s *slot) halves(n int) []uint16 { return asHalves(s.floats(ceil(max(n, 1), 2)))[:n] }

// asHalves is the memory of x as twice as many bf16 numbers.
func asHalves(x []float32) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(x))), 2*len(x))
}

// spreadHalf is spread for bf16 elements: an odd number of cache lines.
func spreadHalf(n int) int { return (ceil(n, 32) | 1) * 32 }

// padded rounds a depth up to whole steps.
func padded(k int) int { return ceil(k, lot) * lot }

// narrow sets dst to elements from at on as bf16: whole pixels, or a pixel longer than a run of Load,
// which goes in pieces. tmp has mostLoad elements, for what can only be loaded as float32.
func (e *Engine) narrow(dst []uint16, x Operand, at int, tmp []float32) {
	for x.Half == nil && len(dst) > mostLoad {
		e.narrow(dst[:mostLoad], x, at, tmp)
		dst, at = dst[mostLoad:], at+mostLoad
	}
	switch {
	case x.Half != nil:
		copy(dst, x.Half[at:])
	case x.LoadHalf != nil:
		x.LoadHalf(dst, at)
	case x.Load != nil:
		x.Load(tmp[:len(dst)], at)
		e.vec.Narrow(dst, tmp[:len(dst)])
	default:
		e.vec.Narrow(dst, x.Data[at:][:len(dst)])
	}
}

// narrowRun is narrow for whole pixels of c channels, however many.
func (e *Engine) narrowRun(dst []uint16, x Operand, at, c int, tmp []float32) {
	if x.Half != nil {
		copy(dst, x.Half[at:])
		return
	}
	for some := max(1, mostLoad/c) * c; len(dst) > 0; {
		n := min(some, len(dst))
		e.narrow(dst[:n], x, at, tmp)
		dst, at = dst[n:], at+n
	}
}

// narrowRows sets rows of dst, ld apart, to columns [col, col+n) of rows [row, row+rows) of x, a
// matrix of pitch columns. Whole rows are loaded many at a time where they end up side by side.
func (e *Engine) narrowRows(dst []uint16, ld int, x Operand, pitch, row, rows, col, n int, tmp []float32) {
	if n == pitch && ld == n {
		e.narrowRun(dst[:rows*n], x, row*n, n, tmp)
		return
	}
	for r := range rows {
		e.narrow(dst[r*ld:][:n], x, (row+r)*pitch+col, tmp)
	}
}

// madeHalf returns x as stored bf16 elements, n of them in pixels of c channels: for what would be
// loaded many times.
func (e *Engine) madeHalf(x Operand, which, n, c int) Operand {
	if x.Half != nil {
		return x
	}
	if len(e.made16[which]) < ceil(n, 2) {
		e.made16[which] = e.grow(e.made16[which], ceil(n, 2))
	}
	e.reserve(mostLoad)
	e.make16 = makeHalf{e: e, x: x, dst: asHalves(e.made16[which])[:n], c: c, each: max(1, mostLoad/max(c, 1)) * c}
	e.pool.Run(ceil(n, max(e.make16.each, 1)), &e.make16)
	x = Operand{Half: e.make16.dst}
	e.make16 = makeHalf{}
	return x
}

// A makeHalf makes an operand, some whole pixels per chunk.
type makeHalf struct {
	e       *Engine
	x       Operand
	dst     []uint16
	c, each int
}

// Chunk makes elements from i·each on.
func (t *makeHalf) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	at := i * t.each
	t.e.narrow(t.dst[at:min(at+t.each, len(t.dst))], t.x, at, s.floats(mostLoad))
}

// finish hands a tile of sums over: to memory, where the output has some, and to Done, at most 1,024
// rows at a time.
func (out Output) finish(t Tile, width int) {
	if out.Data != nil {
		for r := range t.Rows {
			addRows(out.Data[(t.Row+r)*width+t.Col:][:t.Cols], t.Data[r*t.Pitch:][:t.Cols], out.Add)
		}
		t.Data, t.Pitch = out.Data[t.Row*width+t.Col:], width
	}
	if out.Done == nil {
		return
	}
	const most = 1024
	for ; t.Rows > most; t.Row, t.Rows, t.Data = t.Row+most, t.Rows-most, t.Data[most*t.Pitch:] {
		part := t
		part.Rows = most
		out.Done(part)
	}
	out.Done(t)
}
