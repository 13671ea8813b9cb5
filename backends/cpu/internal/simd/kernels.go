package simd

// Kernels is the kernels of one level that are not products. Each has the signature
// (dst, …src); lengths agree, where the field's comment does not say otherwise, and are checked
// nowhere: what calls them has derived them from one shape. dst may be the very memory of a
// source, never overlap it shifted.
//
// The Go function of the same name is the definition. AVX2, AVX-512 and NEON give equal bits; the
// Go functions agree with them to 2 ulp, and exactly where no FMA and no polynomial is used.
type Kernels struct {
	// Pointwise, on tiles that lie in L1. Never contracted: the product of Mul is rounded before
	// an Add sees it.
	Add, Sub, Mul, Div      func(dst, x, y []float32)
	Scale, Shift, AtLeast   func(dst, x []float32, s float32)
	ReLU, Exp, Log          func(dst, x []float32)
	Sqrt, Rsqrt             func(dst, x []float32)
	ReLUGrad                func(dst, dy, y []float32)
	Select                  func(dst, a, b []float32, cond []uint8)
	Positive, Finite        func(dst []uint8, x []float32)
	Equal                   func(dst []uint8, x, y []float32)
	Round                   func(dst, x []float32)
	Widen                   func(dst []float32, x []uint16)
	Narrow                  func(dst []uint16, x []float32)
	SubMulAdd, SubMulAddMax func(dst, x, m, a, b []float32)
	MulAddMask              func(dst, dy, x, a, b []float32)

	// Columns: x is rows of len(sum).
	AddRows    func(sum, x []float32)
	AddMoments func(sum, sq, pivot, x []float32)
	Rebase     func(sums, squares, pivots []float32, n float32)
	Merge      func(mean, m2 []float64, sums, squares, pivots []float32, share, each, cross float64)

	// Flat reductions in 16 lanes; x is one chunk of a longer one.
	Sum, SumSq func(x []float32) float32
	Dot        func(x, y []float32) float32
	Max        func(x []float32) float32
	ExpSum     func(x []float32, shift float32) float32

	// Pooling.
	MaxTap  func(best []float32, arg []uint8, x []float32, tap uint8)
	AddWhen func(dst, dy []float32, arg []uint8, tap uint8)

	// Search.
	Above func(mask []uint32, x, y []float32)

	// Stream copies what nobody reads soon, around the caches where dst is aligned to 64 bytes and
	// as long as whole lines; Fence orders that before whatever follows.
	Stream func(dst, x []float32)
	Fence  func()
}

// KernelsOf returns the kernels of a level.
func KernelsOf(l Level) *Kernels { return kernels[l] }

var kernels = [NEON + 1]*Kernels{
	Generic: goKernels(), AVX2: kernelsAVX2(), AVX512: kernelsAVX512(), AMX: kernelsAVX512(), NEON: kernelsNEON(),
}

// goKernels is the kernels as plain Go, which every platform has.
func goKernels() *Kernels {
	return &Kernels{
		Add: Add, Sub: Sub, Mul: Mul, Div: Div,
		Scale: Scale, Shift: Shift, AtLeast: AtLeast,
		ReLU: ReLU, Exp: Exp, Log: Log, Sqrt: Sqrt, Rsqrt: Rsqrt,
		ReLUGrad: ReLUGrad, Select: Select,
		Positive: Positive, Finite: Finite, Equal: Equal,
		Round: Round, Widen: Widen, Narrow: Narrow,
		SubMulAdd: SubMulAdd, SubMulAddMax: SubMulAddMax, MulAddMask: MulAddMask,
		AddRows: AddRows, AddMoments: AddMoments, Rebase: Rebase, Merge: Merge,
		Sum: Sum, SumSq: SumSq, Dot: Dot, Max: Max, ExpSum: ExpSum,
		MaxTap: MaxTap, AddWhen: AddWhen, Above: Above,
		Stream: func(dst, x []float32) { copy(dst, x) }, Fence: func() {},
	}
}
