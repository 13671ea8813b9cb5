package product

// A Gemm is a product of matrices: out [M, N] = a [M, K] · b [K, N].
type Gemm struct {
	M, N, K int
	TransA  bool // a is stored [K, M]
	TransB  bool // b is stored [N, K]
	Whole   bool // never cut the depth: each element is a single chain (similarity search)

	// Half says that the elements of both operands are bf16 numbers, as float32. Where the machine
	// has a fast dot product of such, it is used: sums in float32, not in the promise of equal bits
	// between levels.
	Half bool
}

const (
	blockRows  = 112 // rows of a block: eight tiles of 14, whose operands fit L2 beside a panel
	mostBlocks = 8   // blocks of a chunk: at most 896 rows
	wantFlops  = 6e6 // work of a chunk, about 50 µs on a slow core
	wantTasks  = 64  // of a product whose results are finished by chunks: four for each of 16 workers
	wholeDepth = 576 // depth that is never cut
	someDepth  = 256 // depth of a block otherwise
)

// depthBlock returns the depth of a block of a sum over k products. It is part of the result, so it
// is a function of k alone. Blocks keep the rounding error flat where one chain grows like √k.
func (g Gemm) depthBlock() int {
	if g.K <= wholeDepth || g.Whole {
		return max(g.K, 1)
	}
	return someDepth
}

// Chunks returns the number of row chunks of the output, each of at most 896 rows.
func (g Gemm) Chunks() int {
	if g.TransA {
		return ceil(g.M, tallRows)
	}
	block, each := g.cut()
	return ceil(g.M, block*each)
}

// cut returns the rows of a block and the blocks of a chunk, functions of the shape alone.
func (g Gemm) cut() (block, each int) {
	block = ceil(max(g.M, 1), ceil(max(g.M, 1), blockRows))
	work := 2 * float64(block) * float64(g.N) * float64(g.K)
	each = 1
	for each < mostBlocks && float64(each)*work < wantFlops && ceil(g.M, 2*each*block) >= wantTasks {
		each *= 2
	}
	return block, each
}

// packsAhead reports whether panels of b are packed by the threads that need them, while they compute others.
// It takes work enough between panels, and columns enough to share out whole or few enough for each
// thread to pack all; with more rows packing beforehand is cheap.
func (e *Engine) packsAhead(g Gemm) bool {
	able := !e.half(g) && !e.matrixGemm(g) && g.K > someDepth && g.M <= 2048
	return able && (g.N >= wideGroup*e.pool.Threads() || g.N*g.K <= farPanels)
}

// half reports whether a product is computed with dot products of bf16 pairs.
func (e *Engine) half(g Gemm) bool {
	able := e.kern.HalfFast || e.opt.Half && e.kern.HalfF[1] != nil
	return g.Half && able && !g.Whole && !(g.TransA && g.TransB)
}

// Gemm computes a product.
func (e *Engine) Gemm(out Output, a, b Operand, g Gemm) {
	switch {
	case g.TransA && e.matrixGemm(g):
		p := patches{h: 1, w: g.K, c: g.N, p: 1, q: g.K, r: 1, s: 1, stride: 1}
		e.gradMatrix(out, a, b, p, 1, g.M)
		return
	case g.TransA:
		e.gemmTall(out, a, b, g, nil)
		return
	case !e.Packs(g):
		e.gemmLow(out, a, b, g)
		return
	}
	if out.Done == nil && a.Load == nil && b.Load == nil && e.packsAhead(g) {
		e.runF(out, a, nil, g, window{b: b.Data})
		return
	}
	packed := e.share(e.PackedLen(g))
	e.Pack(packed, b, g)
	e.PackedGemm(out, a, packed, g)
}

// Packs reports whether Gemm packs the second operand, so that it could be given packed.
func (e *Engine) Packs(g Gemm) bool { return !g.TransA && !(g.low() && (g.TransB || !e.matrixGemm(g))) }

// PackedGemm computes a product whose second operand is packed. The first may not be transposed.
func (e *Engine) PackedGemm(out Output, a Operand, packed []float32, g Gemm) {
	if e.matrixGemm(g) {
		e.runFlat(out, a, packed, g, window{})
		return
	}
	e.runF(out, a, packed, g, window{})
}
