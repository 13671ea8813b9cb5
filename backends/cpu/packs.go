package cpu

import (
	"slices"
	"unsafe"

	"kith/backends/cpu/internal/product"
	"kith/tensor"
)

// Products want weights in panels, Winograd's algorithm four times as large. Making these costs as
// much as some twenty images, and within a step nobody changes a weight. So where a plan has several
// products of one weight and one geometry, as the views of a batch give, Lower makes packing an op of
// its own: the planner then packs once, and finds the panels a place that others use when they are
// not needed.

// pack is weights in the form that one kind of product reads: elements whose meaning is the
// product's own. Its definition leaves them as they are, with zeros behind.
type pack struct {
	gemm product.Gemm // of the product, or
	conv product.Conv // of the convolution
	pass product.Pass
	n    int // elements of the result
	tensor.NoGrad
}

// Infer takes weights of any shape.
func (o pack) Infer(in []tensor.Spec) ([]tensor.Spec, error) {
	return []tensor.Spec{tensor.Of(in[0].DType, o.n)}, nil
}

// Eval copies.
func (o pack) Eval(out, in []tensor.Array) {
	clear(out[0].Data[copy(out[0].Data, in[0].Data):])
}

// packed is op with its second input packed.
type packed struct {
	op   tensor.Op
	dims [4]int // of the weights
	rank int
	tensor.NoGrad
}

// Plain is the op on weights as they were.
func (o packed) Plain(in []tensor.Spec) (tensor.Op, []tensor.Spec) {
	if len(in) > 1 {
		in = slices.Clone(in)
		in[1].Shape = slices.Clone(o.dims[:o.rank])
	}
	return o.op, in
}

// Infer is the op's.
func (o packed) Infer(in []tensor.Spec) ([]tensor.Spec, error) {
	op, in := o.Plain(in)
	return op.Infer(in)
}

// Eval is the op's, on the weights that pack's definition has left.
func (o packed) Eval(out, in []tensor.Array) {
	w := tensor.Array{Spec: tensor.Of(in[1].DType, o.dims[:o.rank]...)}
	w.Data = in[1].Data[:w.Shape.Size()]
	o.op.Eval(out, []tensor.Array{in[0], w})
}

// A shared is weights in memory and the form that a product wants them in.
type shared struct {
	buffer tensor.Buffer
	offset int
	pack   pack
}

// Lower packs weights once for all products of a step that want them in one form.
func (b *Backend) Lower(program []tensor.Instr, fresh func(tensor.Spec) *tensor.Tensor) []tensor.Instr {
	uses := map[shared]int{}
	for _, i := range program {
		if s, ok := b.wants(i); ok {
			uses[s]++
		}
	}
	var out []tensor.Instr
	for _, i := range program {
		s, ok := b.wants(i)
		if !ok || uses[s] < 2 {
			out = append(out, i)
			continue
		}
		f, at := opened(i)
		panels := fresh(tensor.Of(i.In[at].DType, s.pack.n))
		name := *panels
		out = append(out, tensor.Instr{Op: s.pack, Out: []*tensor.Tensor{panels}, In: []*tensor.Tensor{i.In[at]}})
		out = append(out, tensor.Instr{Op: onPacked(f, i.In[at].Shape), Out: i.Out, In: slices.Clone(i.In)})
		out[len(out)-1].In[at] = &name
	}
	return out
}

// opened is an instruction as a fused op and the number of the input that its core alone reads, as
// second operand; -1 if there is none.
func opened(i tensor.Instr) (f *tensor.Fused, at int) {
	f, ok := i.Op.(*tensor.Fused)
	if !ok {
		f = &tensor.Fused{Body: []tensor.Part{{Op: i.Op}}}
		for k := range i.In {
			f.Body[0].In = append(f.Body[0].In, k)
		}
		for k := range i.Out {
			f.Out = append(f.Out, len(i.In)+k)
		}
	}
	core, ok := f.Core()
	if !ok {
		return f, -1
	}
	switch f.Body[core].Op.(type) {
	case tensor.MatMul, tensor.Conv2D, tensor.Conv2DGradX:
	default:
		return f, -1
	}
	at = f.Body[core].In[1]
	reads := 0
	for _, p := range f.Body {
		for _, v := range p.In {
			reads += b2i(v == at)
		}
	}
	if at >= len(i.In) || reads > 1 || slices.Contains(f.Out, at) {
		return f, -1
	}
	return f, at
}

// onPacked is f with packed weights of the given shape in its core.
func onPacked(f *tensor.Fused, shape tensor.Shape) *tensor.Fused {
	g := &tensor.Fused{Body: slices.Clone(f.Body), Out: f.Out}
	core, _ := f.Core()
	o := packed{op: f.Body[core].Op, rank: len(shape)}
	copy(o.dims[:], shape)
	g.Body[core].Op = o
	return g
}

// wants is the weights of an instruction and the form it wants them in, if it has some.
func (b *Backend) wants(i tensor.Instr) (s shared, ok bool) {
	f, at := opened(i)
	if at < 0 {
		return s, false
	}
	var in []tensor.Spec
	for _, t := range i.In {
		in = append(in, t.Spec)
	}
	values, err := f.Values(in)
	if err != nil {
		return s, false
	}
	core, _ := f.Core()
	x, w, y := values[f.Body[core].In[0]], values[at], values[len(in)+core] // parts before it have one result
	switch o := f.Body[core].Op.(type) {
	case tensor.MatMul:
		s.pack.gemm = gemmOf(o, x, w)
		ok, s.pack.n = b.product.Packs(s.pack.gemm), b.product.PackedLen(s.pack.gemm)
	case tensor.Conv2D:
		s.pack.conv = convOf(o, x, w)
		ok, s.pack.n = true, b.product.PackedFilters(s.pack.conv, product.Forward)
	case tensor.Conv2DGradX:
		s.pack.conv, s.pack.pass = convOf(o.Conv2D, y, w), product.GradX
		ok, s.pack.n = true, b.product.PackedFilters(s.pack.conv, product.GradX)
	}
	s.pack.n *= max(1, 4/w.DType.Size()) // a panel holds float32, or pairs of BF16
	s.buffer, s.offset = i.In[at].Buffer()
	return s, ok
}

// packWeights is the kernel of pack.
func (b *Backend) packWeights(o pack, out, in []view) {
	dst := panelsOf(out[0])
	if o.conv.K == 0 {
		b.product.Pack(dst, b.operand(1, in[0]), o.gemm)
		return
	}
	if in[0].DType == tensor.BF16 && b.product.MatrixFilters(o.conv) {
		b.product.PackHalves(dst, in[0].u16(), o.conv, o.pass)
		return
	}
	b.product.PackFilters(dst, b.widened(in[0]).f32(), o.conv, o.pass)
}

// panelsOf is packed weights as products read them.
func panelsOf(v view) []float32 {
	return floats(v.p, v.n*v.DType.Size()/int(unsafe.Sizeof(float32(0))))
}

// A weight is the second operand of a product, as it is stored or packed.
type weight struct {
	view
	panels []float32 // nil: as it is stored
}

// forward convolves x with filters w.
func (b *Backend) forward(y product.Output, x product.Operand, w weight, c product.Conv) {
	if panels := b.filters(w, c, product.Forward); panels != nil {
		b.product.PackedForward(y, x, panels, c)
		return
	}
	b.product.Forward(y, x, b.widened(w.view).f32(), c)
}

// gradX is the gradient of that in x.
func (b *Backend) gradX(dx product.Output, dy product.Operand, w weight, c product.Conv) {
	if panels := b.filters(w, c, product.GradX); panels != nil {
		b.product.PackedGradX(dx, dy, panels, c)
		return
	}
	b.product.GradX(dx, dy, b.widened(w.view).f32(), c)
}

// filters is filters in packed form, if they are. Those for the matrix unit are packed here, since
// that is what reads them as they are stored.
func (b *Backend) filters(w weight, c product.Conv, pass product.Pass) []float32 {
	if w.panels == nil && w.DType == tensor.BF16 && b.product.MatrixFilters(c) {
		panels := b.product.FilterRoom(c, pass)
		b.product.PackHalves(panels, w.u16(), c, pass)
		return panels
	}
	return w.panels
}

// gemm is a product of x with y, or with packed w.
func (b *Backend) gemm(out product.Output, x, y product.Operand, w weight, g product.Gemm) {
	if w.panels != nil {
		b.product.PackedGemm(out, x, w.panels, g)
		return
	}
	b.product.Gemm(out, x, y, g)
}
