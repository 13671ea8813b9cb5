package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"kith/internal/bf16"
)

// matrices calls f for the definition and, where the machine has one, the matrix unit. TestLevels of
// package cpu says where it has none.
func matrices(t *testing.T, f func(t *testing.T, m *Matrix)) {
	t.Run("go", func(t *testing.T) { f(t, MatrixGo()) })
	if AMX.Missing() == "" {
		t.Run("amx", func(t *testing.T) { f(t, MatrixOf(AMX)) })
	}
}

// The generated kernels address the fields by position.
func TestTileMLayout(t *testing.T) {
	var m TileM
	for i, got := range []uintptr{
		unsafe.Offsetof(m.Blocks), unsafe.Offsetof(m.StepA), unsafe.Offsetof(m.StepC), unsafe.Offsetof(m.Segments),
		unsafe.Offsetof(m.OffA), unsafe.Offsetof(m.OffB), unsafe.Offsetof(m.Steps), unsafe.Offsetof(m.A), unsafe.Offsetof(m.LDA),
		unsafe.Offsetof(m.B), unsafe.Offsetof(m.LDB), unsafe.Offsetof(m.C), unsafe.Offsetof(m.LDC), unsafe.Offsetof(m.Add),
	} {
		if got != uintptr(64+8*i) {
			t.Errorf("field %d at offset %d, kernels expect %d", i, got, 64+8*i)
		}
	}
}

// fencedHalves is fenced for bf16 numbers, an even count of them, filled from r: normal ones, or
// small integers whose sums are exact.
func fencedHalves(t *testing.T, r *rand.Rand, n int, exact, atStart bool) []uint16 {
	x := unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(fenced(t, n/2, atStart)))), n)
	for i := range x {
		if exact {
			x[i] = uint16(bf16.Narrow(float32(r.IntN(17) - 8)))
		} else {
			x[i] = uint16(bf16.Narrow(float32(r.NormFloat64())))
		}
	}
	return x
}

// A matrixCase is a block of the matrix unit.
type matrixCase struct{ rows, cols, blocks, segments, steps, add int }

// run computes a case and compares it with a float64 sum.
func (c matrixCase) run(t *testing.T, m *Matrix, r *rand.Rand, exact, atStart bool) {
	// Pitches and steps leave gaps; the last row ends at the fence.
	depth := 32 * c.steps
	lda, stepA, offA := depth+64, c.rows*(depth+64)+32, 34
	ldb, offB := 2*c.cols+6, 16*c.steps*(2*c.cols+6)+10
	ldc, stepC := c.cols+3, c.rows*(c.cols+3)+5
	a := fencedHalves(t, r, (c.blocks-1)*stepA+(c.segments-1)*offA+(c.rows-1)*lda+depth, exact, atStart)
	b := fencedHalves(t, r, (c.segments-1)*offB+(16*c.steps-1)*ldb+2*c.cols, exact, atStart)
	out := fenced(t, (c.blocks-1)*stepC+(c.rows-1)*ldc+c.cols, atStart)
	for i := range out {
		out[i] = float32(i % 7)
	}
	offsA, offsB := make([]int, c.segments), make([]int, c.segments)
	for s := range offsA {
		offsA[s], offsB[s] = 2*s*offA, 2*s*offB
	}
	tile := &TileM{
		Blocks: c.blocks, StepA: 2 * stepA, StepC: 4 * stepC, Segments: c.segments, OffA: &offsA[0], OffB: &offsB[0],
		Steps: c.steps, A: &a[0], LDA: 2 * lda, B: &b[0], LDB: 2 * ldb, C: &out[0], LDC: 4 * ldc, Add: c.add,
	}
	tile.SetShape(c.rows, c.cols)
	m.Tile[(c.rows-1)/16][(c.cols-1)/16](tile)
	seen := make([]bool, len(out))
	for block := range c.blocks {
		for i := range c.rows {
			for j := range c.cols {
				at := block*stepC + i*ldc + j
				want, abs := float64(0), float64(0)
				if c.add != 0 {
					want = float64(at % 7)
				}
				for s := range c.segments {
					for k := range depth {
						x := bf16.Bits(a[block*stepA+i*lda+s*offA+k]).Wide()
						y := bf16.Bits(b[s*offB+k/2*ldb+2*j+k&1]).Wide()
						want += float64(x) * float64(y)
						abs += math.Abs(float64(x) * float64(y))
					}
				}
				if exact && float64(out[at]) != want || !close2γ(out[at], want, abs+7, c.segments*depth) {
					t.Fatalf("%+v: block %d, element %d %d: got %v, want %v", c, block, i, j, out[at], want)
				}
				seen[at] = true
			}
		}
	}
	for i, v := range out {
		if !seen[i] && v != float32(i%7) {
			t.Fatalf("%+v: wrote beside its block, at %d", c, i)
		}
	}
}

// Blocks of every shape, with segments, steps and addition, between forbidden pages.
func TestTileM(t *testing.T) {
	matrices(t, func(t *testing.T, m *Matrix) {
		r := rand.New(rand.NewPCG(1, 2))
		for rows := 1; rows <= 32; rows++ {
			for _, cols := range []int{1, 2, 3, 15, 16, 17, 31, 32} {
				c := matrixCase{rows, cols, 1 + r.IntN(3), 1 + r.IntN(3), 1 + r.IntN(4), r.IntN(2)}
				c.run(t, m, r, rows%2 == 0, cols%2 == 0)
			}
		}
	})
}

// Interleave and TurnPairs move every element to its place and write nothing else.
func TestPairs(t *testing.T) {
	matrices(t, func(t *testing.T, m *Matrix) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, n := range []int{1, 2, 15, 16, 17, 33, 64} {
			const rows = 3
			step, pitch := 2*n+4, n+3
			lo, hi := fencedHalves(t, r, (rows*pitch+1)&^1, false, true), fencedHalves(t, r, (rows*pitch+1)&^1, false, n%2 == 0)
			got, want := make([]uint16, rows*step), make([]uint16, rows*step)
			m.Interleave(&got[0], &lo[0], &hi[0], n, rows, step, pitch)
			interleave(&want[0], &lo[0], &hi[0], n, rows, step, pitch)
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("interleave %d: element %d is %x, want %x", n, i, got[i], want[i])
				}
			}
		}
		for _, c := range [][2]int{{16, 16}, {32, 48}, {5, 17}} {
			cols, pairs := (c[0]+15)&^15, (c[1]+15)&^15
			ld, pitch := pairs+5, cols+2
			src := make([]uint32, pairs*pitch)
			for i := range src {
				src[i] = r.Uint32()
			}
			got, want := make([]uint32, cols*ld), make([]uint32, cols*ld)
			m.TurnPairs(&got[0], &src[0], ld, pitch, c[0], c[1])
			turnPairs(&want[0], &src[0], ld, pitch, c[0], c[1])
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("turn %v: element %d is %x, want %x", c, i, got[i], want[i])
				}
			}
		}
	})
}

// Tile registers must outlive signals, garbage collections and moves between threads: many goroutines
// multiply while the heap churns.
func TestTilesUnderPreemption(t *testing.T) {
	matrices(t, func(t *testing.T, m *Matrix) {
		stop := make(chan struct{})
		var churn, work sync.WaitGroup
		churn.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = make([]byte, 1<<20)
					runtime.GC()
				}
			}
		})
		for g := range 8 * runtime.GOMAXPROCS(0) {
			work.Go(func() {
				r := rand.New(rand.NewPCG(5, uint64(g)))
				c := matrixCase{32, 32, 2, 2, 12, 0}
				for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); runtime.Gosched() {
					c.run(t, m, r, true, true)
				}
			})
		}
		work.Wait()
		close(stop)
		churn.Wait()
	})
}

// BenchmarkTileM is the rate of full blocks with operands in L1 and in L2.
func BenchmarkTileM(b *testing.B) {
	m := MatrixOf(Detect())
	if m == nil {
		b.Skip(AMX.Missing())
	}
	for _, c := range []struct{ steps, blocks, stepA int }{{2, 16, 0}, {8, 16, 0}, {18, 16, 0}, {8, 64, 32 * (256 + 32)}} {
		b.Run(fmt.Sprintf("depth=%d/blocks=%d/step=%d", 32*c.steps, c.blocks, c.stepA), func(b *testing.B) {
			lda := 32*c.steps + 32
			x, w := make([]uint16, c.blocks*c.stepA+32*lda), make([]uint16, c.steps*1024)
			off, out := new(int), make([]float32, 1024)
			t := &TileM{Blocks: c.blocks, StepA: 2 * c.stepA, Segments: 1, OffA: off, OffB: off, Steps: c.steps,
				A: &x[0], LDA: 2 * lda, B: &w[0], LDB: 128, C: &out[0], LDC: 128}
			t.SetShape(32, 32)
			top := peak(ProductsOf(AVX512))
			b.ResetTimer()
			for range b.N {
				m.Tile[1][1](t)
			}
			gf := 2 * 1024 * 32 * float64(c.steps*c.blocks) * float64(b.N) / float64(b.Elapsed().Nanoseconds())
			b.ReportMetric(gf, "GF")
			b.ReportMetric(gf/top, "×fp32peak")
		})
	}
}
