package simd

import (
	"fmt"
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
		unsafe.Offsetof(f.StepC), unsafe.Offsetof(f.Add),
	} {
		if got != uintptr(8*i) {
			t.Errorf("field %d of TileF at offset %d, kernels expect %d", i, got, 8*i)
		}
	}
	for i, got := range []uintptr{
		unsafe.Offsetof(w.Rows), unsafe.Offsetof(w.Cols), unsafe.Offsetof(w.A), unsafe.Offsetof(w.LDA),
		unsafe.Offsetof(w.RowA), unsafe.Offsetof(w.B), unsafe.Offsetof(w.LDB), unsafe.Offsetof(w.RowB),
		unsafe.Offsetof(w.C), unsafe.Offsetof(w.LDC), unsafe.Offsetof(w.Add),
	} {
		if got != uintptr(8*i) {
			t.Errorf("field %d of TileW at offset %d, kernels expect %d", i, got, 8*i)
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
