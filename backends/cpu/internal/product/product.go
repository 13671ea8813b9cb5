// Package product computes matrix products and convolutions, forward and backward, on slices.
//
// All sums are cut by shape alone: results are the same bits for any number of threads, and at the
// levels avx2, avx512 and neon. Each output element is a chain of fused multiply-adds per block of depth,
// ascending; blocks are added in order.
//
// Layouts: activations [n, h, w, c], filters [k, r, s, c], matrices row-major. An Operand may be
// made on the fly (a prologue) and an Output finished while it is in cache (an epilogue), so that
// BatchNorm, ReLU and the like cost no pass over memory of their own.
package product

import (
	"kith/backends/cpu/internal/simd"
	"kith/internal/par"
)

// An Operand is a tensor as a product reads it.
type Operand struct {
	// Data holds the elements. It is not read when Load is set.
	Data []float32

	// Load, if set, makes the elements [at, at+len(dst)) of the tensor instead. A run is part of
	// one row (of the last axis) or a number of whole rows, at most 64 KiB. Load is called from
	// several goroutines at once and may be called more than once for an element.
	Load func(dst []float32, at int)

	Near []Source // what Load reads element for element

	// Half and LoadHalf are the same for an operand of bf16 numbers, as the matrix unit reads it; of
	// an operand that has one, Data or Load must be there too. Half counts where both are set.
	Half     []uint16
	LoadHalf func(dst []uint16, at int)
}

// A Source is a tensor that is read or written where a product is, to be fetched ahead of that: element
// i lies Size·i bytes behind At.
type Source struct {
	At   uintptr
	Size int
}

// An Output is a tensor as a product writes it.
type Output struct {
	// Data receives the result. It may be nil when Done is set: then the result exists only in the
	// tiles that Done sees.
	Data []float32

	// Add adds the result to what Data holds.
	Add bool

	// Done, if set, is called for each tile once it is complete, and may change it. Tiles cover the
	// output, viewed as a matrix [rows, last axis], exactly once; those of filters that come whole
	// have a row for each. Tiles that share a chunk and
	// columns come in the order of their rows, one after another; others at the same time.
	Done func(t Tile)

	Near []Source // what Done reads and writes, element for element
}

// A Tile is a rectangle of an output viewed as a matrix.
type Tile struct {
	Data      []float32 // element [r, c] of the tile at r*Pitch + c
	Pitch     int
	Row, Rows int // first row in the output, number of rows
	Col, Cols int // first column, number of columns
	Chunk     int // number of the row chunk, in [0, Chunks)
}

// Options change how products are computed.
type Options struct {
	// Strict keeps to direct convolution, whose errors are those of a plain sum.
	Strict bool

	// Half uses dot products of bf16 pairs also where multiply-adds of float32 are faster.
	Half bool

	// Matrix computes products of bf16 numbers as a matrix unit wants them on any machine, by the
	// definition of its kernels where there is none; for tests.
	Matrix bool

	// Alloc returns scratch memory of n elements, aligned to 64 bytes. The default is the Go heap.
	Alloc func(n int) []float32

	// Free, if set, takes back what Alloc has returned, once there is something larger.
	Free func(x []float32)
}

// An Engine computes products on one pool at one level. Its methods may be called by one goroutine
// at a time; they allocate nothing once scratch has grown to the largest need.
type Engine struct {
	pool *par.Pool
	kern *simd.Products
	vec  *simd.Kernels
	mat  *simd.Matrix // nil where there is no matrix unit
	wino *simd.Winograd
	opt  Options

	shared []float32 // packed operands and partial results, seen by all workers
	slots  []slot    // scratch of whoever runs a chunk

	held  []float32 // a result that no tensor holds
	comps []float32 // components of Winograd convolution

	operand []float32 // an operand that is loaded once
	make    makeTask

	im patches // the geometry of the pass at hand; here, since what a task points to would be
	to scatter // allocated anew each time

	pack   packTask
	turn   turnTask
	gemmF  gemmF
	gemmW  gemmW
	turned turned
	slabs  slabTask
	stripF stripF
	stemW  stemW
	finish finishTask
	zero   zeroTask
	off    []int // offsets of the taps of a strip

	made16 [2][]float32 // operands that are made once, as bf16
	wide16 []float32    // filters, narrowed
	make16 makeHalf
	packM  packM
	turnM  turnM
	flatM  flatM
	stripM stripM
	gradM  gradM

	winoPack winoPack
	winoF    winoF
	winoW    winoW
}

// New returns an engine. The level must be one of simd.Levels.
func New(pool *par.Pool, level simd.Level, opt Options) *Engine {
	if opt.Alloc == nil {
		opt.Alloc = func(n int) []float32 { return make([]float32, n) }
	}
	e := &Engine{pool: pool, kern: simd.ProductsOf(level), wino: simd.WinogradOf(level), opt: opt, slots: make([]slot, pool.Threads())}
	e.vec, e.mat = simd.KernelsOf(level), simd.MatrixOf(level)
	if e.mat == nil && opt.Matrix {
		e.mat = simd.MatrixGo()
	}
	return e
}

// mostLoad is the length of the longest run that Load is asked for, 64 KiB.
const mostLoad = 16384

// gather writes rows [row, row+rows) and columns [col, col+n) of x, a matrix of pitch columns, into
// dst, ld elements apart. Whole rows are loaded many at a time, since a run costs a call; they go
// through tmp, of mostLoad elements or one row, where ld ≠ n.
func (x Operand) gather(dst []float32, ld int, tmp []float32, pitch, row, rows, col, n int) {
	if x.Load == nil {
		for r := range rows {
			copy(dst[r*ld:][:n], x.Data[(row+r)*pitch+col:])
		}
		return
	}
	if n != pitch {
		for r := range rows {
			x.Load(dst[r*ld:][:n], (row+r)*pitch+col)
		}
		return
	}
	for r, some := 0, max(1, mostLoad/n); r < rows; r += some {
		some = min(some, rows-r)
		if ld == n {
			x.Load(dst[r*n:][:some*n], (row+r)*n)
			continue
		}
		x.Load(tmp[:some*n], (row+r)*n)
		for i := range some {
			copy(dst[(r+i)*ld:][:n], tmp[i*n:])
		}
	}
}
