package product

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"kith/backends/cpu/internal/arena"
	"kith/backends/cpu/internal/simd"
	"kith/internal/bf16"
	"kith/internal/par"
)

const u = 1.0 / (1 << 24) // unit roundoff of float32

// random returns n normal numbers.
func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// round makes x bf16 numbers.
func round(x []float32) {
	for i, v := range x {
		x[i] = bf16.Round(v)
	}
}

// lattice returns n integers, a quarter of them 0, small enough that sums of depth products are
// exact in float32.
func lattice(r *rand.Rand, n, depth int) []float32 {
	most := int(math.Sqrt(float64(1<<24) / float64(max(depth, 1))))
	most = max(1, min(8, most))
	x := make([]float32, n)
	for i := range x {
		if r.IntN(4) > 0 {
			x[i] = float32(r.IntN(2*most+1) - most)
		}
	}
	return x
}

// A guard surrounds a tensor by sentinels.
const guardLen, guardValue = 1024, 12345.5

func guarded(n int) (all, mid []float32) {
	all = make([]float32, n+2*guardLen+7)
	for i := range all {
		all[i] = guardValue
	}
	mid = all[guardLen : guardLen+n : guardLen+n]
	for i := range mid {
		mid[i] = float32(math.NaN())
	}
	return all, mid
}

func checkGuard(t *testing.T, all []float32, n int) {
	t.Helper()
	for i, v := range all {
		if (i < guardLen || i >= guardLen+n) && v != guardValue {
			t.Fatalf("wrote %d elements beside an output of %d", i-guardLen, n)
		}
	}
}

// gammaK compares with a float64 sum of k products: no element may be off by more than twice the
// rigorous bound, abs holding Σ|a||b|.
func gammaK(t *testing.T, got []float32, want, abs []float64, k int) {
	t.Helper()
	var sum, ref float64
	for i, w := range want {
		err := math.Abs(float64(got[i]) - w)
		if !(err <= 2*float64(k)*u*abs[i]+1e-30) {
			t.Fatalf("element %d: got %v, want %v, bound %v", i, got[i], w, 2*float64(k)*u*abs[i])
		}
		sum += err * err
		ref += w * w
	}
	if !(math.Sqrt(sum) <= 1e-6*math.Sqrt(ref)) {
		t.Fatalf("rms error %v of rms", math.Sqrt(sum/ref))
	}
}

// poisoned returns scratch full of NaN: what a product reads before writing it shows.
func poisoned(n int) []float32 {
	x := make([]float32, n)
	poison(x)
	return x
}

// poison fills scratch that is given back: what a product still reads of it shows, too.
func poison(x []float32) {
	for i := range x {
		x[i] = float32(math.NaN())
	}
}

// engines calls f for every level and number of threads; 1 thread comes first.
func engines(t testing.TB, opt Options, f func(name string, e *Engine)) {
	for _, l := range simd.Levels() {
		for _, threads := range []int{1, 2, 3, 7} {
			pool := par.New(threads)
			opt.Alloc, opt.Free = poisoned, poison
			f(fmt.Sprintf("%v/threads=%d", l, threads), New(pool, l, opt))
			pool.Close()
		}
	}
}

type gemmCase struct {
	Gemm
	add, load, discard bool
}

func gemmCases() []gemmCase {
	var list []gemmCase
	r := rand.New(rand.NewPCG(1, 2))
	sizes := []int{1, 2, 3, 5, 7, 8, 13, 14, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 130}
	pick := func() int { return sizes[r.IntN(len(sizes))] }
	for i := range 60 {
		g := Gemm{M: pick(), N: pick(), K: pick(), TransA: i&1 != 0, TransB: i&2 != 0}
		g.Half = r.IntN(3) == 0
		list = append(list, gemmCase{Gemm: g, add: r.IntN(3) == 0, load: r.IntN(3) == 0, discard: r.IntN(4) == 0})
	}
	for _, g := range []Gemm{
		{M: 0, N: 5, K: 3}, {M: 5, N: 0, K: 3}, {M: 3, N: 4, K: 0}, {M: 3, N: 4, K: 0, TransA: true}, {M: 100, N: 5, K: 0},
		{M: 300, N: 70, K: 577}, {M: 33, N: 600, K: 1024, TransB: true}, {M: 29, N: 33, K: 833},
		{M: 1500, N: 40, K: 20}, {M: 33, N: 300, K: 70}, {M: 64, N: 257, K: 600, TransB: true}, {M: 70, N: 40, K: 5000, TransA: true}, {M: 120, N: 530, K: 300, TransA: true},
		{M: 120, N: 1030, K: 1300}, {M: 120, N: 1030, K: 1300, TransB: true}, {M: 230, N: 40, K: 2048},
		{M: 33, N: 2048, K: 577}, {M: 20, N: 1024, K: 300, TransA: true}, {M: 1024, N: 32, K: 300, TransA: true}, {M: 64, N: 64, K: 4200, TransA: true},
		{M: 40, N: 70, K: 700, TransA: true, TransB: true}, {M: 65, N: 40, K: 1200, Whole: true},
	} {
		half := g
		half.Half = true
		list = append(list, gemmCase{Gemm: g}, gemmCase{Gemm: g, add: true, load: true}, gemmCase{Gemm: half, load: true})
		if g.K > mostSweep || g.K == 0 {
			list = append(list, gemmCase{Gemm: g, discard: true})
			list = append(list, gemmCase{Gemm: g, add: true})
		}
	}
	return list
}

// run computes a case with operands and results between guards.
func (c gemmCase) run(t *testing.T, e *Engine, a, b, old []float32) []float32 {
	all, dst := guarded(c.M * c.N)
	out, aop, bop := Output{Data: dst}, Operand{Data: a}, Operand{Data: b}
	if c.add {
		copy(dst, old)
		out.Add = true
	}
	if c.load {
		aop, bop = loaded(a), loaded(b)
	}
	seen := make([]float32, c.M*c.N)
	if c.discard {
		out.Data, out.Add = nil, false
		out.Done = func(part Tile) {
			if n := e.GemmChunks(c.Gemm); part.Chunk < 0 || part.Chunk >= n {
				t.Errorf("chunk %d of %d", part.Chunk, n)
			}
			for r := range part.Rows {
				copy(seen[(part.Row+r)*c.N+part.Col:][:part.Cols], part.Data[r*part.Pitch:])
			}
		}
	}
	e.Gemm(out, aop, bop, c.Gemm)
	checkGuard(t, all, c.M*c.N)
	if c.discard {
		return seen
	}
	return dst
}

// loaded makes x an operand that is made on the fly.
func loaded(x []float32) Operand {
	return Operand{
		Load: func(dst []float32, at int) { copy(dst, x[at:at+len(dst)]) },
		Near: []Source{{At: uintptr(unsafe.Pointer(unsafe.SliceData(x))), Size: 4}},
	}
}

// naive returns the product in float64 and the sums of absolute products.
func (c gemmCase) naive(a, b, old []float32) (want, abs []float64) {
	want, abs = make([]float64, c.M*c.N), make([]float64, c.M*c.N)
	for m := range c.M {
		for n := range c.N {
			var s, t float64
			for k := range c.K {
				x, y := a[m*c.K+k], float32(0)
				if c.TransA {
					x = a[k*c.M+m]
				}
				if y = b[k*c.N+n]; c.TransB {
					y = b[n*c.K+k]
				}
				s += float64(x) * float64(y)
				t += math.Abs(float64(x) * float64(y))
			}
			if c.add && !c.discard {
				s += float64(old[m*c.N+n])
				t += math.Abs(float64(old[m*c.N+n]))
			}
			want[m*c.N+n], abs[m*c.N+n] = s, t
		}
	}
	return want, abs
}

func (c gemmCase) String() string {
	return fmt.Sprintf("%+v add=%v load=%v discard=%v", c.Gemm, c.add, c.load, c.discard)
}

func TestGemm(t *testing.T) {
	for _, c := range gemmCases() {
		r := rand.New(rand.NewPCG(3, 4))
		a, b, old := random(r, c.M*c.K), random(r, c.K*c.N), random(r, c.M*c.N)
		if c.Half {
			round(a)
			round(b)
		}
		want, abs := c.naive(a, b, old)
		ai, bi, oldi := lattice(r, c.M*c.K, c.K), lattice(r, c.K*c.N, c.K), lattice(r, c.M*c.N, c.K)
		exact, _ := c.naive(ai, bi, oldi)
		var first []float32
		engines(t, Options{Half: true}, func(name string, e *Engine) {
			t.Run(c.String()+"/"+name, func(t *testing.T) {
				got := c.run(t, e, a, b, old)
				gammaK(t, got, want, abs, c.K+1)
				// Products of bf16 pairs are promised equal for threads only.
				if e.kern != simd.ProductsOf(simd.Generic) {
					if first == nil || c.Half && len(e.slots) == 1 {
						first = got
					}
					sameBits(t, got, first)
				}
				for i, v := range c.run(t, e, ai, bi, oldi) {
					if float64(v) != exact[i] {
						t.Fatalf("lattice element %d: got %v, want %v", i, v, exact[i])
					}
				}
			})
		})
	}
}

func sameBits(t *testing.T, got, want []float32) {
	t.Helper()
	for i, v := range got {
		if math.Float32bits(v) != math.Float32bits(want[i]) {
			t.Fatalf("element %d: %v, other level or number of threads %v", i, v, want[i])
		}
	}
}

// Tiles must cover the output once, in row order within a chunk and columns.
func TestTiles(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	e := New(pool, simd.Detect(), Options{})
	for _, g := range []Gemm{{M: 5000, N: 70, K: 3}, {M: 392, N: 600, K: 20}, {M: 300, N: 70, K: 9, TransA: true}} {
		seen := make([]int, g.M*g.N)
		next := map[[2]int]int{}
		out := Output{Done: func(t0 Tile) {
			if n, ok := next[[2]int{t0.Chunk, t0.Col}]; ok && n != t0.Row {
				t.Errorf("%+v: tile at row %d after row %d", g, t0.Row, n)
			}
			next[[2]int{t0.Chunk, t0.Col}] = t0.Row + t0.Rows
			if t0.Chunk >= g.Chunks() {
				t.Errorf("chunk %d of %d", t0.Chunk, g.Chunks())
			}
			for r := range t0.Rows {
				for c := range t0.Cols {
					seen[(t0.Row+r)*g.N+t0.Col+c]++
				}
			}
		}}
		e.Gemm(out, Operand{Data: make([]float32, g.M*g.K)}, Operand{Data: make([]float32, g.K*g.N)}, g)
		for i, n := range seen {
			if n != 1 {
				t.Fatalf("%+v: element %d in %d tiles", g, i, n)
			}
		}
	}
}

// took returns how long f takes: processor time on one thread, which others on the machine do not
// lengthen much, else time.
func took(pool *par.Pool, f func()) time.Duration {
	if pool.Threads() > 1 {
		start := time.Now()
		f()
		return time.Since(start)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := clock()
	f()
	return clock() - start
}

// peak runs the multiply-add loop of a level on all threads for some 2 ms and returns its rate in
// GFLOP/s. In 100 µs the second thread's late start would show.
func peak(pool *par.Pool, l simd.Level) float64 {
	const loops, chunks = 20_000, 32
	k := simd.ProductsOf(l)
	d := took(pool, func() { pool.For(chunks*pool.Threads(), func(int) { k.Peak(loops) }) })
	return float64(k.PeakFlops*loops*chunks*pool.Threads()) / float64(d.Nanoseconds())
}

// floats returns n elements of memory as the backend has it, in huge pages.
func floats(tb testing.TB) func(n int) []float32 {
	var a arena.Arena
	tb.Cleanup(func() { a.Close() })
	return func(n int) []float32 {
		block, err := a.Alloc(4 * n)
		if err != nil {
			tb.Fatal(err)
		}
		x := unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(block.Data))), n)
		clear(x)
		return x
	}
}

// bench runs f for b.N times 300 ms, peak loops in between, and reports its best rate and the share
// of the best peak. Both are over many short windows: on a shared machine only these are quiet.
func bench(b *testing.B, pool *par.Pool, l simd.Level, flops float64, f func()) {
	f()
	top, best := 0.0, time.Hour
	for end := time.Now().Add(time.Duration(b.N) * 300 * time.Millisecond); time.Now().Before(end); {
		top = max(top, peak(pool, l))
		best = min(best, took(pool, f))
	}
	gf := flops / float64(best.Nanoseconds())
	b.ReportMetric(gf, "GF")
	b.ReportMetric(100*gf/top, "%peak")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkGemm(b *testing.B) {
	for _, g := range []Gemm{
		{M: 1024, N: 1024, K: 1024}, {M: 2048, N: 2048, K: 2048},
		{M: 25088, N: 64, K: 576}, {M: 25088, N: 64, K: 256}, {M: 25088, N: 64, K: 64}, {M: 25088, N: 256, K: 64},
		{M: 6272, N: 128, K: 512}, {M: 6272, N: 512, K: 128}, {M: 6272, N: 128, K: 1152},
		{M: 1568, N: 256, K: 1024}, {M: 1568, N: 1024, K: 256}, {M: 1568, N: 256, K: 2304},
		{M: 64, N: 2048, K: 2048}, {M: 64, N: 2048, K: 2048, TransB: true}, {M: 64, N: 512, K: 512, TransB: true},
		{M: 392, N: 512, K: 4608}, {M: 392, N: 2048, K: 512}, {M: 392, N: 512, K: 2048},
		{M: 64, N: 256, K: 25088, TransA: true}, {M: 256, N: 64, K: 25088, TransA: true},
		{M: 512, N: 128, K: 6272, TransA: true}, {M: 1024, N: 256, K: 1568, TransA: true}, {M: 2048, N: 512, K: 392, TransA: true},
	} {
		alloc := floats(b)
		x, w, out := alloc(g.M*g.K), alloc(g.K*g.N), Output{Data: alloc(g.M * g.N)}
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%dx%dx%d/ta=%v,tb=%v/T%d", g.M, g.N, g.K, g.TransA, g.TransB, threads), func(b *testing.B) {
				pool := par.New(threads)
				defer pool.Close()
				e := New(pool, simd.Detect(), Options{Alloc: alloc})
				bench(b, pool, simd.Detect(), 2*float64(g.M)*float64(g.N)*float64(g.K), func() {
					e.Gemm(out, Operand{Data: x}, Operand{Data: w}, g)
				})
			})
		}
	}
}

func BenchmarkHalf(b *testing.B) {
	for _, g := range []Gemm{
		{M: 1024, N: 1024, K: 1024}, {M: 25088, N: 64, K: 256}, {M: 25088, N: 256, K: 64}, {M: 6272, N: 128, K: 512},
		{M: 1568, N: 1024, K: 256}, {M: 392, N: 512, K: 2048}, {M: 512, N: 128, K: 6272, TransA: true},
	} {
		alloc := floats(b)
		x, w, out := alloc(g.M*g.K), alloc(g.K*g.N), Output{Data: alloc(g.M * g.N)}
		g.Half = true
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%dx%dx%d/ta=%v/T%d", g.M, g.N, g.K, g.TransA, threads), func(b *testing.B) {
				pool := par.New(threads)
				defer pool.Close()
				e := New(pool, simd.Detect(), Options{Alloc: alloc, Half: true})
				bench(b, pool, simd.Detect(), 2*float64(g.M)*float64(g.N)*float64(g.K), func() {
					e.Gemm(out, Operand{Data: x}, Operand{Data: w}, g)
				})
			})
		}
	}
}
