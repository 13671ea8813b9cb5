package cpu

import (
	"unsafe"

	"kith/backends/cpu/internal/arena"
	"kith/backends/cpu/internal/product"
	"kith/tensor"
)

// packs keeps the packed form of weights from one view of a batch to the next. Products want weights
// in panels, Winograd's four times as large; making them costs as much as some twenty images, and
// nobody but the optimizer changes a weight.
//
// It learns which weights are worth it: those that were asked for twice between two writes. All
// writes to tensors go through Run and Upload, which call wrote. Weights that a fused op makes for
// itself lie in scratch memory, where nobody calls it: layer after layer finds its own in one place.
type packs struct {
	b      *Backend
	known  map[packKey]*pack
	lo, hi uintptr // all known weights lie between
	bytes  int     // kept
	most   int     // bytes to keep
}

// A packKey names weights and the product that wants them.
type packKey struct {
	w    unsafe.Pointer
	gemm product.Gemm
	conv product.Conv
	pass product.Pass
}

// A pack is what is known of some weights.
type pack struct {
	lo, hi uintptr
	fresh  bool         // asked for since they were written
	twice  bool         // asked for twice between two writes, once at least
	filled bool         // block holds them, packed
	block  *arena.Block // nil until it is worth it
}

// mostPacked is the bytes of packed weights that are kept: ResNet-50's take half of it.
const mostPacked = 1 << 30

// wrote forgets the packed form of what lies where v does.
func (p *packs) wrote(v view) {
	lo := uintptr(v.p)
	hi := lo + uintptr(v.n*v.DType.Size())
	if lo >= p.hi || hi <= p.lo {
		return
	}
	for _, k := range p.known { // any order: each is looked at by itself
		if lo < k.hi && k.lo < hi {
			k.fresh, k.filled = false, false
		}
	}
}

// find returns memory for n floats of packed weights and whether they are there; nil where it is not
// worth it.
func (p *packs) find(key packKey, w view, n int) (data []float32, filled bool) {
	if p.b.temp.owns(w.p) {
		return nil, false
	}
	k := p.known[key]
	if k == nil {
		k = p.add(key, w)
	}
	k.twice = k.twice || k.fresh
	k.fresh = true
	if !k.twice {
		return nil, false
	}
	if k.block == nil {
		if k.block = p.room(4 * n); k.block == nil {
			return nil, false
		}
	}
	filled, k.filled = k.filled, true
	return floats(unsafe.Pointer(unsafe.SliceData(k.block.Data)), n), filled
}

// add makes weights known.
func (p *packs) add(key packKey, w view) *pack {
	if len(p.known) >= mostPrograms { // plans have come and gone
		p.drop()
		clear(p.known)
	}
	lo := uintptr(w.p)
	k := &pack{lo: lo, hi: lo + uintptr(w.n*w.DType.Size())}
	if len(p.known) == 0 {
		p.lo, p.hi = k.lo, k.hi
	}
	p.lo, p.hi = min(p.lo, k.lo), max(p.hi, k.hi)
	p.known[key] = k
	return k
}

// room returns a block, or nil if that were too much. Plans come and go, so when it gets too much,
// what others have kept is dropped.
func (p *packs) room(n int) *arena.Block {
	if n > p.most {
		return nil
	}
	if p.bytes+n > p.most {
		p.drop()
	}
	block, err := p.b.mem.Alloc(n)
	if err != nil {
		return nil // the product packs for itself
	}
	p.bytes += n
	return block
}

// drop gives all blocks back.
func (p *packs) drop() {
	for _, k := range p.known { // any order: all go
		if k.block != nil {
			p.b.mem.Free(k.block)
		}
		k.block, k.filled = nil, false
	}
	p.bytes = 0
}

// forward convolves x with filters w.
func (b *Backend) forward(y product.Output, x product.Operand, w view, c product.Conv) {
	if packed := b.filters(w, c, product.Forward); packed != nil {
		b.product.PackedForward(y, x, packed, c)
		return
	}
	b.product.Forward(y, x, b.widened(w).f32(), c)
}

// gradX is the gradient of that in x.
func (b *Backend) gradX(dx product.Output, dy product.Operand, w view, c product.Conv) {
	if packed := b.filters(w, c, product.GradX); packed != nil {
		b.product.PackedGradX(dx, dy, packed, c)
		return
	}
	b.product.GradX(dx, dy, b.widened(w).f32(), c)
}

// filters returns filters in packed form, if they are kept; those for the matrix unit always, since
// packing is what reads them as they are stored.
func (b *Backend) filters(w view, c product.Conv, pass product.Pass) []float32 {
	packed, filled := b.packs.find(packKey{w: w.p, conv: c, pass: pass}, w, b.product.PackedFilters(c, pass))
	if w.DType == tensor.BF16 && b.product.MatrixFilters(c) {
		if packed == nil {
			packed = b.product.FilterRoom(c, pass)
		}
		if !filled {
			b.product.PackHalves(packed, w.u16(), c, pass)
		}
		return packed
	}
	if packed != nil && !filled {
		b.product.PackFilters(packed, b.widened(w).f32(), c, pass)
	}
	return packed
}

// gemm is a product whose second operand may be a weight in memory.
func (b *Backend) gemm(out product.Output, x, y product.Operand, w view, g product.Gemm) {
	if g.TransA || y.Load != nil && w.DType != tensor.BF16 {
		b.product.Gemm(out, x, y, g)
		return
	}
	packed, filled := b.packs.find(packKey{w: w.p, gemm: g}, w, b.product.PackedLen(g))
	switch {
	case packed == nil:
		b.product.Gemm(out, x, y, g)
		return
	case !filled:
		b.product.Pack(packed, y, g)
	}
	b.product.PackedGemm(out, x, packed, g)
}
