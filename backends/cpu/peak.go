package cpu

import (
	"time"

	"kith/backends/cpu/internal/simd"
)

// MultiplyAdds returns the rate of independent fused multiply-adds in registers on all threads, in
// GFLOP/s (each counts as two operations): what nothing else can pass, and what rates are shares of.
// It takes a few milliseconds.
func (b *Backend) MultiplyAdds(clock func() time.Duration) float64 {
	// A call stays below 100 µs, since the garbage collector waits for assembly; several a thread
	// let one that is late be made up for.
	const calls, flops = 40, 16e6
	k := simd.ProductsOf(b.level)
	loops, n := max(1, int(flops)/k.PeakFlops), calls*b.pool.Threads()
	from := clock()
	b.pool.For(n, func(int) { k.Peak(loops) })
	return float64(n*loops*k.PeakFlops) / float64(max(1, (clock()-from).Nanoseconds()))
}
