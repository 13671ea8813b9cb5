package cpu

import (
	"kith/backends/cpu/internal/product"
	"kith/tensor"
)

// products adds the matrix products and convolutions.
func products(b *Backend) {
	register(b, noF64[tensor.MatMul], b.matMul)
	register(b, noF64[tensor.Conv2D], b.conv)
	register(b, noF64[tensor.Conv2DGradX], b.convGradX)
	register(b, noF64[tensor.Conv2DGradW], b.convGradW)
	register(b, noF64[pack], b.packWeights)
	for i := range b.jobs.load {
		b.jobs.load[i].init(b)
	}
	b.jobs.store.init(b)
}

// matMul is one product; either operand may be transposed or BF16.
func (b *Backend) matMul(o tensor.MatMul, out, in []view) {
	b.product.Gemm(b.result(out[0]), b.operand(0, in[0]), b.operand(1, in[1]), gemmOf(o, in[0].Spec, in[1].Spec))
}

// gemmOf is the geometry of a product of matrices as they are stored.
func gemmOf(o tensor.MatMul, a, b tensor.Spec) product.Gemm {
	g := product.Gemm{M: a.Shape[0], K: a.Shape[1], N: b.Shape[1], TransA: o.TransA, TransB: o.TransB, Half: a.DType == tensor.BF16}
	if o.TransA {
		g.M, g.K = g.K, g.M
	}
	if o.TransB {
		g.N = b.Shape[0]
	}
	return g
}

// conv convolves; filters are small, so BF16 ones are widened as a whole.
func (b *Backend) conv(o tensor.Conv2D, out, in []view) {
	b.forward(b.result(out[0]), b.operand(0, in[0]), weight{view: in[1]}, convOf(o, in[0].Spec, in[1].Spec))
}

// convGradX is the gradient with respect to the maps.
func (b *Backend) convGradX(o tensor.Conv2DGradX, out, in []view) {
	b.gradX(b.result(out[0]), b.operand(0, in[0]), weight{view: in[1]}, convOf(o.Conv2D, out[0].Spec, in[1].Spec))
}

// convGradW is the gradient with respect to the filters, always F32.
func (b *Backend) convGradW(o tensor.Conv2DGradW, out, in []view) {
	b.product.GradW(b.result(out[0]), b.operand(0, in[0]), b.operand(1, in[1]), convOf(o.Conv2D, in[1].Spec, out[0].Spec))
}

// convOf is the geometry of a convolution of maps x with filters w; of one pass, what is computed
// may be either.
func convOf(o tensor.Conv2D, x, w tensor.Spec) product.Conv {
	m, f := x.Shape, w.Shape
	return product.Conv{
		N: m[0], H: m[1], W: m[2], C: m[3], K: f[0], R: f[1], S: f[2], Stride: max(o.Stride, 1), Pad: o.Pad,
		Half: x.DType == tensor.BF16,
	}
}

// operand is v as a product reads it; BF16 is widened on the way.
func (b *Backend) operand(i int, v view) product.Operand {
	if v.DType != tensor.BF16 {
		return product.Operand{Data: v.f32()}
	}
	b.jobs.load[i].v = v
	return product.Operand{Load: b.jobs.load[i].f, Half: v.u16(), Near: append(b.jobs.load[i].near[:0], product.Source{At: uintptr(v.p), Size: 2})}
}

// result is v as a product writes it; BF16 is rounded tile by tile.
func (b *Backend) result(v view) product.Output {
	if v.DType != tensor.BF16 {
		return product.Output{Data: v.f32()}
	}
	b.jobs.store.v = v
	return product.Output{Done: b.jobs.store.f}
}

// maxNear is the number of tensors beside a product that are fetched ahead.
const maxNear = 4

// A loader makes an operand for a product: it widens, or runs a prologue.
type loader struct {
	b *Backend
	v view
	c *chain

	near [maxNear]product.Source

	f, chained func(dst []float32, at int) // load and loadChain, made once
	half       func(dst []uint16, at int)  // loadHalf, made once
}

// init makes the method values, once: each mention of a method as a value allocates.
func (l *loader) init(b *Backend) { l.b, l.f, l.chained, l.half = b, l.load, l.loadChain, l.loadHalf }

// load widens elements [at, at+len(dst)).
func (l *loader) load(dst []float32, at int) { l.b.wide(dst, l.v.u16()[at:][:len(dst)]) }

// A storer takes the tiles of a product: it rounds them to BF16, or runs an epilogue.
type storer struct {
	b *Backend
	v view
	c *chain

	near [maxNear]product.Source

	f, chained func(t product.Tile) // store and storeChain, made once
}

// init makes the method values, once.
func (s *storer) init(b *Backend) { s.b, s.f, s.chained = b, s.store, s.storeChain }

// store rounds a tile into the tensor, row by row.
func (s *storer) store(t product.Tile) {
	dst, pitch := s.v.u16(), s.pitch(t)
	for r := range t.Rows {
		s.b.narrow(dst[(t.Row+r)*pitch+t.Col:][:t.Cols], t.Data[r*t.Pitch:][:t.Cols])
	}
}

// pitch returns the length of a row of the output as t sees it: of the last axis, or, where filters
// come whole, of all but the first.
func (s *storer) pitch(t product.Tile) int {
	shape := s.v.Shape
	if whole := shape[1:].Size(); t.Cols == whole && t.Pitch == whole {
		return whole
	}
	return shape[len(shape)-1]
}
