package cpu

import (
	"sync/atomic"
	"unsafe"

	"kith/backends/cpu/internal/simd"
	"kith/tensor"
)

// Sizes of chains.
const (
	tileLen   = 1024           // elements of a tile at most: 4 KiB
	chunkLen  = 64 << 10       // elements of a chunk, the unit of parallel work
	tileBytes = 4*tileLen + 64 // tiles of equal place would share L1 sets without the stagger
	maxSlots  = 64
)

// A slot says where a chain finds the tile of a value.
type slot struct {
	kind  slotKind
	reg   int            // register; or where the tile of an operand is put together
	value int            // number of the value, for binding
	width int            // bytes of an element
	size  int            // elements in memory
	p     unsafe.Pointer // first element, bound for each run
	tiled unsafe.Pointer // a tile full of repetitions, or nil
	near  bool           // the tensor lies over an input that was just read: it is in cache
	write bool           // the chain writes it
}

// A slotKind says whose memory a tile is.
type slotKind uint8

const (
	held   slotKind = iota // a tile in the lane's scratch
	direct                 // the tensor itself, as large as the chain
	spread                 // a smaller tensor, repeated
	given                  // passed in: the tile of a core
	staged                 // in scratch, and then streamed to the tensor; or there, if it is near
)

// A step is one kernel call on tiles. One of the functions is set.
type step struct {
	unary  func(dst, x []float32)
	scalar func(dst, x []float32, s float32)
	binary func(dst, x, y []float32)
	five   func(dst, x, m, a, b []float32)
	choose func(dst, a, b []float32, cond []uint8)
	test   func(dst []uint8, x []float32)
	equal  func(dst []uint8, x, y []float32)
	widen  func(dst []float32, x []uint16)
	narrow func(dst []uint16, x []float32)
	stream func(dst, x []float32)                    // of elements k[0] bytes wide
	half   func(p *simd.Pointers, n int)             // of the slots at
	odd    func(s *step, n int, p [4]unsafe.Pointer) // dst and sources of any width
	column int                                       // 1 + number of a column that src[0] is added to

	dst int
	src [4]int
	n   int // how many of src count
	s   float32
	k   [3]int
	at  [8]int // operands of half, destinations first; n of them
}

// A chain computes pointwise parts tile by tile: one kernel call for each part and tile, all that
// lies between them in L1. It knows nothing of graphs; compile makes it, run binds it to memory.
//
// Every tile holds elements of four bytes (float32, also for BF16, rounded as a store would; or
// int32) or of one (U8).
type chain struct {
	size  int // elements of a full value
	tile  int // elements computed at a time
	slots []slot
	steps []step
	regs  int
	cols  []column

	half  bool   // whoever runs it gets its goal as bf16
	fence func() // at the end of a chunk, if something is streamed
}

// A lane is the scratch of one thread.
type lane struct {
	busy   flag
	tiles  unsafe.Pointer
	ptr    [maxSlots]unsafe.Pointer
	args   simd.Pointers         // the argument of a kernel on halves
	tile32 simd.TileF            // the argument of a product tile, which would else be allocated
	blocks [maxColumns][]float32 // sums of the tile of a product
	row    int                   // of its first row
	_      [128]byte             // lanes of different threads share no cache line
}

// A flag is taken by one goroutine at a time.
type flag struct{ taken atomic.Bool }

// take reports whether the caller now has the flag. It looks first: a failed exchange would pull the
// cache line from whoever works with it.
func (f *flag) take() bool { return !f.taken.Load() && f.taken.CompareAndSwap(false, true) }
func (f *flag) drop()      { f.taken.Store(false) }

// maxColumns is the number of column reductions in a chain.
const maxColumns = 12

// maxRegs is the number of tiles a lane has: 12 values and 16 inputs use less.
const maxRegs = 64

// init gives the lane its tiles.
func (l *lane) init(b *Backend) {
	l.tiles = unsafe.Pointer(unsafe.SliceData(b.keep(maxRegs * tileBytes / 4)))
}

// floats returns n floats of the lane's scratch, where they fit, else of the Go heap.
func (l *lane) floats(n int) []float32 {
	if n > maxRegs*tileBytes/4 {
		return make([]float32, n)
	}
	return floats(l.tiles, n)
}

// lane returns a lane that nobody uses; there are as many as threads.
func (b *Backend) lane() *lane {
	for i := 0; ; i++ {
		if l := &b.lanes[i%len(b.lanes)]; l.busy.take() {
			return l
		}
	}
}

// done frees the lane.
func (l *lane) done() { l.busy.drop() }

// span computes elements [start, start+n) of the chain, tile by tile.
func (c *chain) span(l *lane, start, n int) {
	for end := start + n; start < end; start += c.tile {
		n := min(c.tile, end-start)
		c.run(l, start, n, nil)
	}
	if c.fence != nil {
		c.fence()
	}
}

// run computes elements [start, start+n), at most a tile; core is the tile of the given slot.
func (c *chain) run(l *lane, start, n int, core unsafe.Pointer) {
	for i := range c.slots {
		l.ptr[i] = c.slots[i].at(l, start, n, core)
	}
	for i := range c.steps {
		s := &c.steps[i]
		if s.column > 0 {
			c.cols[s.column-1].add(l, start, floats(l.ptr[s.src[0]], n))
			continue
		}
		s.run(l, n)
	}
}

// sums reports whether all that the chain does is to sum the columns of the tile passed in. Then they need no
// tiles: a kernel keeps sums in registers down all rows of a block.
func (c *chain) sums() bool {
	for i := range c.steps {
		if s := &c.steps[i]; s.column == 0 || c.slots[s.src[0]].kind != given {
			return false
		}
	}
	return true
}

// at returns the tile of elements [start, start+n).
func (s *slot) at(l *lane, start, n int, core unsafe.Pointer) unsafe.Pointer {
	switch s.kind {
	case held:
		return l.tile(s.reg)
	case direct:
		return unsafe.Add(s.p, start*s.width)
	case given:
		return core
	case staged:
		if !s.near {
			return l.tile(s.reg)
		}
		return unsafe.Add(s.p, start*s.width)
	}
	at := start % s.size
	if at == 0 && s.tiled != nil {
		return s.tiled
	}
	if at+n <= s.size {
		return unsafe.Add(s.p, at*s.width)
	}
	dst := l.tile(s.reg)
	repeat(dst, n*s.width, s.p, at*s.width, s.size*s.width)
	return dst
}

// tile returns register reg.
func (l *lane) tile(reg int) unsafe.Pointer { return unsafe.Add(l.tiles, reg*tileBytes) }

// repeat fills n bytes at dst with the size bytes at src over and over, beginning at byte at.
func repeat(dst unsafe.Pointer, n int, src unsafe.Pointer, at, size int) {
	d, s := unsafe.Slice((*byte)(dst), n), unsafe.Slice((*byte)(src), size)
	for k := copy(d, s[at:]); k < n; {
		if k >= size { // the period is there: double it
			k += copy(d[k:], d[k-k/size*size:k])
			continue
		}
		k += copy(d[k:], s)
	}
}

// run makes one kernel call.
func (s *step) run(l *lane, n int) {
	dst, a, b := l.ptr[s.dst], l.ptr[s.src[0]], l.ptr[s.src[1]]
	switch {
	case s.half != nil:
		for i, slot := range s.at[:s.n] {
			l.args[i] = l.ptr[slot]
		}
		s.half(&l.args, n)
	case s.binary != nil:
		s.binary(floats(dst, n), floats(a, n), floats(b, n))
	case s.unary != nil:
		s.unary(floats(dst, n), floats(a, n))
	case s.scalar != nil:
		s.scalar(floats(dst, n), floats(a, n), s.s)
	case s.five != nil:
		s.five(floats(dst, n), floats(a, n), floats(b, n), floats(l.ptr[s.src[2]], n), floats(l.ptr[s.src[3]], n))
	case s.choose != nil:
		s.choose(floats(dst, n), floats(a, n), floats(b, n), unsafe.Slice((*uint8)(l.ptr[s.src[2]]), n))
	case s.widen != nil:
		s.widen(floats(dst, n), unsafe.Slice((*uint16)(a), n))
	case s.narrow != nil:
		s.narrow(unsafe.Slice((*uint16)(dst), n), floats(a, n))
	case s.stream != nil:
		if bytes := n * s.k[0]; dst != a && bytes%4 == 0 {
			s.stream(floats(dst, bytes/4), floats(a, bytes/4))
		} else if dst != a {
			copy(unsafe.Slice((*byte)(dst), bytes), unsafe.Slice((*byte)(a), bytes))
		}
	case s.test != nil:
		s.test(unsafe.Slice((*uint8)(dst), n), floats(a, n))
	case s.equal != nil:
		s.equal(unsafe.Slice((*uint8)(dst), n), floats(a, n), floats(b, n))
	default:
		s.odd(s, n, [4]unsafe.Pointer{dst, a, b, l.ptr[s.src[2]]})
	}
}

// bind points slot s at a value in memory. Half-width numbers are widened, and what is smaller
// than a tile is repeated up to one, once for all threads.
func (b *Backend) bind(c *chain, s *slot, v view) {
	s.p, s.tiled, s.size = v.p, nil, v.n
	if s.kind != spread || v.n == 0 {
		return
	}
	if v.DType == tensor.BF16 {
		wide := b.temp.floats(v.n)
		b.wide(wide, v.u16())
		s.p = unsafe.Pointer(unsafe.SliceData(wide))
	}
	if n := min(c.tile, c.size); n%v.n == 0 {
		s.tiled = b.temp.bytes(n * s.width)
		repeat(s.tiled, n*s.width, s.p, 0, v.n*s.width)
	}
}

// wide widens any number of elements.
func (b *Backend) wide(dst []float32, x []uint16) {
	for len(x) > 0 {
		n := min(len(x), 16*tileLen)
		b.k.Widen(dst[:n], x[:n])
		dst, x = dst[n:], x[n:]
	}
}
