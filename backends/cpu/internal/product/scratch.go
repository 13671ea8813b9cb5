package product

import (
	"sync/atomic"

	"kith/backends/cpu/internal/simd"
)

// A slot is the scratch of one running chunk. Chunks do not know which worker runs them; they take
// any free slot, and there are as many as threads.
type slot struct {
	busy atomic.Bool
	f    simd.TileF
	w    simd.TileW
	t    simd.Transform
	m    simd.TileM
	zero int // offset of the only tap of a product
	mem  []float32
	used int

	ahead ahead // what the part at hand fetches and copies
	_     [128]byte
}

// take returns a free slot with empty memory.
func (e *Engine) take() *slot {
	for i := 0; ; i++ {
		s := &e.slots[i%len(e.slots)]
		if s.busy.CompareAndSwap(false, true) {
			s.used = 0
			s.f.Moves = simd.Moves{}
			s.f.Ahead, s.w.Ahead = simd.Ahead{}, simd.Ahead{}
			return s
		}
	}
}

func (s *slot) free() { s.busy.Store(false) }

// floats returns the next n elements of the slot's memory, which reserve has made.
func (s *slot) floats(n int) []float32 {
	m := s.mem[s.used : s.used+n : s.used+n]
	s.used += align(n)
	return m
}

// align rounds up to whole cache lines.
func align(n int) int { return (n + 15) &^ 15 }

// reserve makes each slot's memory at least n elements, beyond what alignment costs.
func (e *Engine) reserve(n int) {
	n += 16 * 16
	for i := range e.slots {
		if len(e.slots[i].mem) < n {
			e.slots[i].mem = e.grow(e.slots[i].mem, n)
		}
	}
}

// grow returns n elements instead of those that were too few.
func (e *Engine) grow(few []float32, n int) []float32 {
	if e.opt.Free != nil && few != nil {
		e.opt.Free(few)
	}
	return e.opt.Alloc(n)
}

// share returns n elements of the shared scratch; what it held is lost.
func (e *Engine) share(n int) []float32 {
	if len(e.shared) < n {
		e.shared = e.grow(e.shared, n)
	}
	return e.shared[:n]
}

// hold returns n elements apart from the shared scratch.
func (e *Engine) hold(n int) []float32 {
	if len(e.held) < n {
		e.held = e.grow(e.held, n)
	}
	return e.held[:n]
}

// components returns n elements for components of Winograd convolution.
func (e *Engine) components(n int) []float32 {
	if len(e.comps) < n {
		e.comps = e.grow(e.comps, n)
	}
	return e.comps[:n]
}

// split returns how length is cut into as few pieces of at most most elements as possible, as even
// as possible: big pieces of size+1, then pieces-big of size.
func split(length, most int) (pieces, size, big int) {
	pieces = (length + most - 1) / most
	return pieces, length / pieces, length % pieces
}

// spread returns a pitch for rows of n elements of scratch: an odd number of cache lines, so that a
// column of rows visits all sets of the L1 cache evenly.
func spread(n int) int { return (ceil(n, 16) | 1) * 16 }

func ceil(a, b int) int { return (a + b - 1) / b }
