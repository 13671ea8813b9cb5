package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"
)

// The generated kernels address the fields of their arguments by position.
func TestTileLayout(t *testing.T) {
	var f TileF
	var w TileW
	for i, got := range []uintptr{
		unsafe.Offsetof(f.Tiles), unsafe.Offsetof(f.Taps), unsafe.Offsetof(f.Off), unsafe.Offsetof(f.Depth),
		unsafe.Offsetof(f.A0), unsafe.Offsetof(f.A1), unsafe.Offsetof(f.LDA), unsafe.Offsetof(f.B),
		unsafe.Offsetof(f.C0), unsafe.Offsetof(f.C1), unsafe.Offsetof(f.LDC), unsafe.Offsetof(f.StepA),
		unsafe.Offsetof(f.StepC), unsafe.Offsetof(f.Add), unsafe.Offsetof(f.Ahead), unsafe.Offsetof(f.Moves) - 24,
	} {
		if got != uintptr(8*i) {
			t.Errorf("field %d of TileF at offset %d, kernels expect %d", i, got, 8*i)
		}
	}
	for i, got := range []uintptr{
		unsafe.Offsetof(w.Rows), unsafe.Offsetof(w.Cols), unsafe.Offsetof(w.A), unsafe.Offsetof(w.LDA),
		unsafe.Offsetof(w.RowA), unsafe.Offsetof(w.B), unsafe.Offsetof(w.LDB), unsafe.Offsetof(w.RowB),
		unsafe.Offsetof(w.C), unsafe.Offsetof(w.LDC), unsafe.Offsetof(w.Add), unsafe.Offsetof(w.Ahead),
	} {
		if got != uintptr(8*i) {
			t.Errorf("field %d of TileW at offset %d, kernels expect %d", i, got, 8*i)
		}
	}
	var h Ahead
	var a Area
	for i, got := range [][2]uintptr{
		{unsafe.Offsetof(h.areas), unsafe.Offsetof(a.At)}, {unsafe.Offsetof(h.at), unsafe.Offsetof(a.Pitch)},
		{unsafe.Offsetof(h.left), unsafe.Offsetof(a.Rows)}, {unsafe.Offsetof(h.step), unsafe.Offsetof(a.Pairs)},
	} {
		if got != [2]uintptr{uintptr(8 * i), uintptr(8 * i)} {
			t.Errorf("fields %d of Ahead and Area at offsets %d, kernels expect %d", i, got, 8*i)
		}
	}
	if unsafe.Sizeof(a) != 32 {
		t.Errorf("an Area takes %d bytes, kernels expect 32", unsafe.Sizeof(a))
	}
	var ms Moves
	var m Move
	for i, got := range []uintptr{unsafe.Offsetof(ms.list), unsafe.Offsetof(ms.from), unsafe.Offsetof(ms.to), unsafe.Offsetof(ms.left)} {
		if got != uintptr(8*i) {
			t.Errorf("field %d of Moves at offset %d, kernels expect %d", i, got, 8*i)
		}
	}
	for i, got := range []uintptr{
		unsafe.Offsetof(m.From), unsafe.Offsetof(m.FromPitch), unsafe.Offsetof(m.To), unsafe.Offsetof(m.ToPitch),
		unsafe.Offsetof(m.Rows), unsafe.Offsetof(m.Pairs), unsafe.Sizeof(m),
	} {
		if got != uintptr(8*i) {
			t.Errorf("field %d of Move at offset %d, kernels expect %d", i, got, 8*i)
		}
	}
}

// peak returns the multiply-add rate of a level in GFLOP/s, best of a few.
func peak(p *Products) float64 {
	const loops = 200_000
	best := 0.0
	for range 5 {
		start := time.Now()
		p.Peak(loops)
		best = max(best, float64(p.PeakFlops)*loops/float64(time.Since(start).Nanoseconds()))
	}
	return best
}

func BenchmarkTileF(b *testing.B) {
	for _, l := range Levels() {
		p := ProductsOf(l)
		for _, m := range []int{p.Rows, p.Rows / 2, 4} {
			for _, depth := range []int{64, 256} {
				b.Run(fmt.Sprintf("%v/m=%d/depth=%d", l, m, depth), func(b *testing.B) {
					a, w := make([]float32, 14*(depth+16)), make([]float32, depth*PanelCols)
					c := make([]float32, 14*PanelCols)
					off := new(int)
					t := &TileF{
						Tiles: 1, Taps: 1, Off: off, Depth: depth, A0: &a[0], A1: &a[7*(depth+16)],
						LDA: 4 * (depth + 16), B: &w[0], C0: &c[0], C1: &c[7*PanelCols], LDC: 4 * PanelCols,
					}
					top := peak(p)
					b.ResetTimer()
					for range b.N {
						p.F[m](t)
					}
					gf := 2 * float64(m*depth*PanelCols) * float64(b.N) / float64(b.Elapsed().Nanoseconds())
					b.ReportMetric(gf, "GF")
					b.ReportMetric(100*gf/top, "%peak")
				})
			}
		}
	}
}

func BenchmarkTileW(b *testing.B) {
	for _, l := range Levels() {
		p := ProductsOf(l)
		b.Run(fmt.Sprintf("%v/m=%d", l, p.Rows), func(b *testing.B) {
			const depth = 256
			a, w := make([]float32, depth*16), make([]float32, depth*PanelCols)
			c := make([]float32, 14*PanelCols)
			t := &TileW{Rows: 1, Cols: depth, A: &a[0], LDA: 64, B: &w[0], LDB: 128, C: &c[0], LDC: 128}
			top := peak(p)
			b.ResetTimer()
			for range b.N {
				p.W[p.Rows](t)
			}
			gf := 2 * float64(p.Rows*depth*PanelCols) * float64(b.N) / float64(b.Elapsed().Nanoseconds())
			b.ReportMetric(gf, "GF")
			b.ReportMetric(100*gf/top, "%peak")
		})
	}
}

// fill makes x random, from a fixed stream.
func fill(r *rand.Rand, x []float32) []float32 {
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// close2γ reports whether got is within twice the rigorous bound of a sum of depth products.
func close2γ(got float32, want, abs float64, depth int) bool {
	return math.Abs(float64(got)-want) <= 2*float64(depth+1)*abs/(1<<24)
}

// Every tile of family F, with taps, tiles, steps and addition, between forbidden pages.
func TestTileF(t *testing.T) {
	for _, c := range []struct{ tiles, taps, depth, add int }{{1, 1, 1, 0}, {2, 3, 5, 1}, {1, 2, 9, 0}, {3, 1, 64, 1}} {
		for m := 1; m <= 14; m++ {
			var first []float32
			for _, l := range Levels() {
				p := ProductsOf(l)
				if m > p.Rows {
					continue
				}
				for _, atStart := range []bool{true, false} {
					r := rand.New(rand.NewPCG(1, uint64(m)))
					lda, ldc := c.taps*c.depth+3, PanelCols+5
					rows := c.tiles * m
					a := fill(r, fenced(t, (rows-1)*lda+c.taps*c.depth, atStart))
					b := fill(r, fenced(t, c.taps*c.depth*PanelCols, atStart))
					out := fill(r, fenced(t, (rows-1)*ldc+PanelCols, atStart))
					old := append([]float32(nil), out...)
					off := make([]int, c.taps)
					for i := range off {
						off[i] = 4 * (c.taps - 1 - i) * c.depth // taps need not ascend
					}
					arg := &TileF{
						Tiles: c.tiles, Taps: c.taps, Off: &off[0], Depth: c.depth, A0: &a[0], LDA: 4 * lda, B: &b[0],
						C0: &out[0], LDC: 4 * ldc, StepA: 4 * m * lda, StepC: 4 * m * ldc, Add: c.add,
					}
					if m > 7 {
						arg.A1, arg.C1 = &a[7*lda], &out[7*ldc]
					}
					p.F[m](arg)
					for i := range out {
						row, j := i/ldc, i%ldc
						if j >= PanelCols {
							if out[i] != old[i] {
								t.Fatalf("%v m=%d %+v: wrote between rows", l, m, c)
							}
							continue
						}
						want, abs := 0.0, 0.0
						if c.add != 0 {
							want = float64(old[i])
							abs = math.Abs(want)
						}
						for k := range c.taps * c.depth {
							x := a[row*lda+off[k/c.depth]/4+k%c.depth]
							v := float64(x) * float64(b[k*PanelCols+j])
							want, abs = want+v, abs+math.Abs(v)
						}
						if !close2γ(out[i], want, abs, c.taps*c.depth) {
							t.Fatalf("%v m=%d %+v: row %d column %d is %v, want %v", l, m, c, row, j, out[i], want)
						}
					}
					if l == Generic {
						continue
					}
					if first == nil {
						first = append(first, out...)
					}
					sameBits(t, fmt.Sprintf("%v m=%d %+v", l, m, c), out, first)
				}
			}
		}
	}
}

// Every tile of family W over a window, between forbidden pages.
func TestTileW(t *testing.T) {
	for _, c := range []struct{ rows, cols, add int }{{1, 1, 0}, {3, 5, 1}, {2, 4, 0}, {1, 63, 1}} {
		for m := 1; m <= 14; m++ {
			var first []float32
			for _, l := range Levels() {
				p := ProductsOf(l)
				if m > p.Rows {
					continue
				}
				for _, atStart := range []bool{true, false} {
					r := rand.New(rand.NewPCG(2, uint64(m)))
					lda, ldb, ldc := m+2, PanelCols+3, PanelCols+5
					rowA, rowB := c.cols*lda+7, c.cols*ldb+9
					a := fill(r, fenced(t, (c.rows-1)*rowA+(c.cols-1)*lda+m, atStart))
					b := fill(r, fenced(t, (c.rows-1)*rowB+(c.cols-1)*ldb+PanelCols, atStart))
					out := fill(r, fenced(t, (m-1)*ldc+PanelCols, atStart))
					old := append([]float32(nil), out...)
					p.W[m](&TileW{
						Rows: c.rows, Cols: c.cols, A: &a[0], LDA: 4 * lda, RowA: 4 * rowA,
						B: &b[0], LDB: 4 * ldb, RowB: 4 * rowB, C: &out[0], LDC: 4 * ldc, Add: c.add,
					})
					for i := range out {
						row, j := i/ldc, i%ldc
						if j >= PanelCols {
							if out[i] != old[i] {
								t.Fatalf("%v m=%d %+v: wrote between rows", l, m, c)
							}
							continue
						}
						want := float64(c.add) * float64(old[i])
						abs := math.Abs(want)
						for y := range c.rows {
							for x := range c.cols {
								v := float64(a[y*rowA+x*lda+row]) * float64(b[y*rowB+x*ldb+j])
								want, abs = want+v, abs+math.Abs(v)
							}
						}
						if !close2γ(out[i], want, abs, c.rows*c.cols) {
							t.Fatalf("%v m=%d %+v: row %d column %d is %v, want %v", l, m, c, row, j, out[i], want)
						}
					}
					if l == Generic {
						continue
					}
					if first == nil {
						first = append(first, out...)
					}
					sameBits(t, fmt.Sprintf("%v m=%d %+v", l, m, c), out, first)
				}
			}
		}
	}
}

// Packing moves elements and nothing else, to the last one between forbidden pages.
func TestPacking(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, l := range Levels() {
		p := ProductsOf(l)
		const rows, panels, pitch, depth = 5, 3, 3*PanelCols + 7, 24
		src := fill(r, fenced(t, (rows-1)*pitch+panels*PanelCols, false))
		dst := fenced(t, panels*rows*PanelCols, false)
		p.CopyPanels(&dst[0], &src[0], rows, pitch, panels, rows*PanelCols)
		for i, got := range dst {
			n, k, j := i/(rows*PanelCols), i/PanelCols%rows, i%PanelCols
			if want := src[k*pitch+n*PanelCols+j]; got != want {
				t.Fatalf("%v: panel %d depth %d column %d is %v, want %v", l, n, k, j, got, want)
			}
		}
		src = fill(r, fenced(t, (PanelCols-1)*pitch+depth, false))
		dst = fenced(t, depth*PanelCols, false)
		p.Transpose(&dst[0], &src[0], depth, pitch)
		for i, got := range dst {
			if want := src[i%PanelCols*pitch+i/PanelCols]; got != want {
				t.Fatalf("%v: depth %d column %d is %v, want %v", l, i/PanelCols, i%PanelCols, got, want)
			}
		}
	}
}
