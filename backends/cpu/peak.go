package cpu

import (
	"time"

	"kith/backends/cpu/internal/simd"
)

// MultiplyAdds returns the rate of independent fused multiply-adds in registers on all threads, in
// GFLOP/s (each counts as two operations): what nothing else can pass, and what rates are shares of.
// It is the best of several runs of a few milliseconds.
func (b *Backend) MultiplyAdds(clock func() time.Duration) (best float64) {
	// A call stays below 100 µs, since the garbage collector waits for assembly; several a thread
	// let one that is late be made up for.
	const runs, calls, flops = 9, 40, 16e6
	k := simd.ProductsOf(b.level)
	loops, n := max(1, int(flops)/k.PeakFlops), calls*b.pool.Threads()
	for range runs {
		from := clock()
		b.pool.For(n, func(int) { k.Peak(loops) })
		if took := clock() - from; took > 0 {
			best = max(best, float64(n*loops*k.PeakFlops)/float64(took.Nanoseconds()))
		}
	}
	return best
}
