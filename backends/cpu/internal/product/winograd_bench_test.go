package product

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"kith/backends/cpu/internal/simd"
	"kith/internal/par"
)

// winoShapes are the 3×3 convolutions of stride 1 of ResNet-18-CIFAR and ResNet-50: side and width.
var winoShapes = []struct {
	name       string
	small      bool // at the batch for small images
	side, wide int
}{
	{"c18/64x32", true, 32, 64}, {"c18/128x16", true, 16, 128}, {"c18/256x8", true, 8, 256}, {"c18/512x4", true, 4, 512},
	{"r50/64x56", false, 56, 64}, {"r50/128x28", false, 28, 128}, {"r50/256x14", false, 14, 256}, {"r50/512x7", false, 7, 512},
}

// A winoRun is a pass of a shape, ready to be timed.
type winoRun struct {
	Conv
	pass      Pass
	x, w, out []float32
	best      time.Duration
}

// BenchmarkWinograd gives the effective rate, padding taps counted, over the peak of the same process
// in %, as row 3 of the CPU backend's targets does: geometric means over the eight shapes, and each of
// them in the log. All shapes are run in turns, peak loops in between; b.N rounds, of which the best counts.
func BenchmarkWinograd(b *testing.B) {
	for _, batch := range [][2]int{{64, 8}, {128, 16}} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%d,%d/T%d", batch[0], batch[1], threads), func(b *testing.B) {
				pool := par.New(threads)
				defer pool.Close()
				alloc := floats(b)
				e := New(pool, simd.Detect(), Options{Alloc: alloc})
				runs := winoRuns(batch, alloc)
				top := 0.0
				for range b.N {
					for i := range runs {
						r := &runs[i]
						top = max(top, longPeak(pool))
						for range 9 {
							r.best = min(r.best, took(pool, func() {
								r.run(e, r.pass, Output{Data: r.out}, Operand{Data: r.x}, Operand{Data: r.w}, r.w)
							}))
						}
					}
				}
				report(b, runs, top)
			})
		}
	}
}

// longPeak is peak over a millisecond, beside which it does not count when the second thread begins.
func longPeak(pool *par.Pool) float64 {
	const loops, chunks = 4_000, 60
	k := simd.ProductsOf(simd.Detect())
	d := took(pool, func() { pool.For(chunks*pool.Threads(), func(int) { k.Peak(loops) }) })
	return float64(k.PeakFlops*loops*chunks*pool.Threads()) / float64(d.Nanoseconds())
}

func winoRuns(batch [2]int, alloc func(int) []float32) (runs []winoRun) {
	for _, s := range winoShapes {
		c := Conv{N: batch[1], H: s.side, W: s.side, C: s.wide, K: s.wide, R: 3, S: 3, Stride: 1, Pad: 1}
		if s.small {
			c.N = batch[0]
		}
		for p := Forward; p <= GradW; p++ {
			na, nb, no := c.operands(p)
			runs = append(runs, winoRun{c, p, alloc(na), alloc(nb), alloc(no), time.Hour})
		}
	}
	return runs
}

func report(b *testing.B, runs []winoRun, top float64) {
	var text strings.Builder
	var logs [3]float64
	fmt.Fprintf(&text, "peak %.0f GF\n", top)
	for i, r := range runs {
		share := 2 * float64(r.N*r.H*r.W*r.K) * float64(9*r.C) / float64(r.best.Nanoseconds()) / top
		logs[r.pass] += math.Log(share) / float64(len(winoShapes))
		if r.pass == Forward {
			fmt.Fprintf(&text, "%-12s", winoShapes[i/3].name)
		}
		fmt.Fprintf(&text, " %s %.2f", passNames[r.pass], share)
		if r.pass == GradW {
			fmt.Fprintln(&text)
		}
	}
	b.Log(text.String())
	for p, l := range logs {
		b.ReportMetric(math.Exp(l), passNames[p]+"/peak")
	}
	b.ReportMetric(0, "ns/op")
}
