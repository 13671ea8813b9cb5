// Package arena is memory outside the Go heap, in huge pages, that is kept for the next block of its
// size, as it is. Only Release, for memory that nothing will ask for again, gives pages back.
//
// A fresh page costs 0.5 to 2 s a GiB, and memory that the Go runtime zeroes anew 50 ms a GiB; a
// training step asks for the same sizes over and over. So freed blocks go to lists by size class
// and come back as they are: contents are undefined.
package arena

import (
	"fmt"
	"math/bits"
	"unsafe"
)

const (
	align  = 64       // bytes; one cache line, one zmm register
	page   = 4 << 10  // granularity from here on
	huge   = 2 << 20  // bytes of a huge page; regions begin at a multiple
	least  = 4 << 20  // bytes mapped at once at first; then as many as there are already,
	region = 32 << 20 // at most so many; or what a block of at least least needs
)

// A Block is a piece of an arena. It is valid until Free.
type Block struct {
	Data  []byte // as long as asked for; aligned to 64 bytes
	class int    // bytes reserved
	next  *Block // in a free list
}

// Bytes returns the size that was asked for.
func (b *Block) Bytes() int { return len(b.Data) }

// Reserved tells whether b came from Alloc, and so may be freed.
func (b *Block) Reserved() bool { return b.class > 0 }

// An Arena hands out blocks. The zero value is ready. It belongs to one goroutine.
type Arena struct {
	// Touch, if not nil, is given each fresh range of pages, to write to one byte of each: that
	// can go in parallel and so costs start-up time once, not the first step's.
	Touch func(fresh []byte)

	free   map[int]*Block
	rests  [][]byte // what is left of regions
	maps   [][]byte // all that was obtained from the system
	mapped int
	live   int
}

// Alloc returns a block of n bytes with undefined contents.
func (a *Arena) Alloc(n int) (*Block, error) {
	class := classOf(n)
	if b := a.free[class]; b != nil {
		a.free[class] = b.next
		b.next = nil
		b.Data = unsafe.Slice(unsafe.SliceData(b.Data), n)
		a.live += class
		return b, nil
	}
	data, err := a.carve(class)
	if err != nil {
		return nil, fmt.Errorf("%d bytes: %w", n, err)
	}
	a.live += class
	return &Block{Data: data[:n:class], class: class}, nil
}

// Free returns b to the list of its class.
func (a *Arena) Free(b *Block) {
	if a.free == nil {
		a.free = map[int]*Block{}
	}
	b.next = a.free[b.class]
	a.free[b.class] = b
	a.live -= b.class
}

// Release is Free of a block that nobody will ask for again: its pages go back to the system.
func (a *Arena) Release(b *Block) {
	forget(b.Data)
	a.Free(b)
}

// Live returns the bytes of the blocks that are in use.
func (a *Arena) Live() int { return a.live }

// Mapped returns the bytes obtained from the system so far.
func (a *Arena) Mapped() int { return a.mapped }

// carve cuts class bytes off a region and maps another when all are too small.
func (a *Arena) carve(class int) ([]byte, error) {
	need := class
	if class >= page {
		need += align // equally shaped neighbors would share cache sets otherwise
	}
	for i, r := range a.rests {
		if need <= len(r) {
			a.rests[i] = r[need:]
			return r[:class], nil
		}
	}
	r, err := a.extend(need)
	if err != nil {
		return nil, err
	}
	a.rests = append(a.rests, r[need:])
	return r[:class], nil
}

// extend maps a region for need bytes and touches it.
func (a *Arena) extend(need int) ([]byte, error) {
	size := (need + huge - 1) / huge * huge
	if need < least { // others will fit beside it
		size = max(least, min(a.mapped, region)/huge*huge)
	}
	whole, err := reserve(size + huge)
	if err != nil {
		return nil, err
	}
	a.maps = append(a.maps, whole)
	a.mapped += size
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(whole)))) & (huge - 1)
	r := whole[skip:][:size]
	advise(r)
	if a.Touch != nil {
		a.Touch(r)
	}
	return r, nil
}

// Close unmaps everything. No block may be used afterwards.
func (a *Arena) Close() error {
	var first error
	for _, m := range a.maps {
		if err := release(m); err != nil && first == nil {
			first = err
		}
	}
	*a = Arena{Touch: a.Touch}
	return first
}

// classOf rounds n up to a size class: powers of two below a page, then eight steps a doubling in
// whole pages, which wastes a ninth at most; and no step is more than a huge page, since a plan's
// arena is half of a process.
func classOf(n int) int {
	if n <= page {
		return max(align, 1<<bits.Len(uint(max(n, 1)-1)))
	}
	step := min(max(page, 1<<(bits.Len(uint(n-1))-4)), huge)
	return (n + step - 1) / step * step
}
