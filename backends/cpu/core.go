package cpu

import (
	"slices"
	"unsafe"

	"kith/backends/cpu/internal/product"
	"kith/tensor"
)

// A core is the product of a program: what pointwise parts make of its operands is computed while
// the product reads them, and what they make of its result while the tile is in cache.
type core struct {
	part     tensor.Part
	plain    tensor.Op   // what it computes
	weights  tensor.Spec // of the second operand, if that is packed
	value    int         // number of the result
	at       int         // the chain before which it runs
	load     [2]int      // chains that make operands, -1 where an operand is in memory
	epilogue int         // chain over the result, -1 if there is none
	inner    []chain
}

// ways returns the stage of each part that the core waits for, -1 for the others. A chain of full
// size whose values nobody else wants goes into the operand; what is left is computed before.
func (c *compiler) ways() []int {
	way := make([]int, len(c.parts))
	for i := range way {
		way[i] = -1
	}
	var mark func(v, stage, size int)
	mark = func(v, stage, size int) {
		i := c.maker(v)
		if i < 0 {
			return
		}
		if c.size(c.first[i]) != size {
			stage = before
		}
		if way[i] >= 0 && way[i] != stage {
			stage = before // both operands want it
		}
		way[i] = stage
		for _, u := range c.parts[i].In {
			mark(u, stage, size)
		}
	}
	in := c.parts[c.core].In
	for o := range loadable(c.parts[c.core].Op) {
		mark(in[o], intoFirst+o, c.size(in[o]))
	}
	for _, v := range in[loadable(c.parts[c.core].Op):] {
		mark(v, before, c.size(v))
	}
	for o := range 2 {
		if c.shared(way, intoFirst+o) {
			for i := range way {
				if way[i] == intoFirst+o {
					way[i] = before
				}
			}
		}
	}
	return way
}

// shared tells whether a value made on the given way is wanted elsewhere too.
func (c *compiler) shared(way []int, stage int) bool {
	for i, part := range c.parts {
		for k, v := range part.In {
			m := c.maker(v)
			if m < 0 || way[m] != stage || way[i] == stage || i == c.core && intoFirst+k == stage {
				continue
			}
			return true
		}
	}
	return slices.ContainsFunc(c.p.outs, func(v int) bool { m := c.maker(v); return m >= 0 && way[m] == stage })
}

// loadable returns how many operands a product reads through a loader; filters are packed whole.
func loadable(op tensor.Op) int {
	switch op.(type) {
	case tensor.Conv2D, tensor.Conv2DGradX, packed:
		return 1
	}
	return 2
}

// carried tells whether value v passes from its maker to part i without memory: into the core, or
// out of it.
func (c *compiler) carried(made, i, v int) bool {
	return i == c.core && c.stage[made] >= intoFirst
}

// product compiles the core with the chains around it.
func (c *compiler) product() bool {
	if c.core < 0 {
		return true
	}
	k := &core{part: c.parts[c.core], value: c.first[c.core], at: len(c.p.chains), load: [2]int{-1, -1}, epilogue: -1}
	k.plain = k.part.Op
	if o, ok := k.part.Op.(packed); ok {
		_, in := o.Plain([]tensor.Spec{c.p.specs[k.part.In[0]], c.p.specs[k.part.In[1]]})
		k.plain, k.weights = o.op, in[1]
	}
	c.now++
	c.p.made[k.value] = c.now
	for _, v := range k.part.In {
		if v < c.p.inputs {
			c.p.made[v] = c.now
		}
	}
	outer := len(c.p.chains)
	for o := range 2 {
		if at := c.staged(intoFirst + o); len(at) > 0 {
			k.load[o] = len(c.p.chains) - outer
			if !c.emit(at, c.size(k.part.In[o]), k.part.In[o]) {
				return false
			}
		}
	}
	if at := c.staged(within); len(at) > 0 {
		k.epilogue = len(c.p.chains) - outer
		if !c.emit(at, c.full, -1) {
			return false
		}
	}
	k.inner = slices.Clone(c.p.chains[outer:])
	c.p.chains = c.p.chains[:outer]
	c.p.core = k
	return true
}

// runCore binds the chains around the product and runs it.
func (b *Backend) runCore(p *program, in []view) {
	k := p.core
	result := &p.values[k.value]
	if result.p != nil && slices.ContainsFunc(in, func(u view) bool { return overlap(u, *result) }) {
		*result = b.fresh(result.Spec) // the product writes before the epilogue reads
	}
	for i := range k.inner {
		b.bindChain(p, &k.inner[i], in)
	}
	out := b.outputOf(p, *result)
	first, second := b.operandOf(p, 0), b.operandOf(p, 1)
	x, w := p.values[k.part.In[0]], weight{view: p.values[k.part.In[1]]}
	if k.weights.Shape != nil {
		w.Spec, w.panels = k.weights, panelsOf(w.view)
	}
	switch o := k.plain.(type) {
	case tensor.MatMul:
		g := gemmOf(o, x.Spec, w.Spec)
		b.startColumns(k, b.product.GemmChunks(g))
		b.gemm(out, first, second, w, g)
	case tensor.Conv2D:
		g := convOf(o, x.Spec, w.Spec)
		b.startColumns(k, b.product.Chunks(g, product.Forward))
		b.forward(out, first, w, g)
	case tensor.Conv2DGradX:
		g := convOf(o.Conv2D, result.Spec, w.Spec)
		b.startColumns(k, b.product.Chunks(g, product.GradX))
		b.gradX(out, first, w, g)
	case tensor.Conv2DGradW:
		g := convOf(o.Conv2D, w.Spec, result.Spec)
		b.product.GradW(out, first, second, g)
	}
	if k.epilogue >= 0 {
		b.finishColumns(p, &k.inner[k.epilogue])
	}
}

// startColumns readies the sums of the epilogue, and a block for each of them in every lane.
func (b *Backend) startColumns(k *core, chunks int) {
	if k.epilogue < 0 {
		return
	}
	c := &k.inner[k.epilogue]
	for i := range c.cols {
		c.cols[i].startTiles(b, c.size, chunks)
		for l := range b.lanes {
			b.lanes[l].blocks[i] = b.temp.floats(c.cols[i].size())
		}
	}
}

// operandOf is operand i of the core as the product reads it.
func (b *Backend) operandOf(p *program, i int) product.Operand {
	k := p.core
	if i >= loadable(k.part.Op) {
		return product.Operand{}
	}
	if k.load[i] < 0 {
		return b.operand(i, p.values[k.part.In[i]])
	}
	l := &b.jobs.load[i]
	l.c = &k.inner[k.load[i]]
	x := product.Operand{Load: l.chained, Near: l.c.sources(l.near[:0])}
	if l.c.half {
		x.LoadHalf = l.half
	}
	return x
}

// sources returns the tensors as large as the chain that it reads or writes, as many as fit.
func (c *chain) sources(list []product.Source) []product.Source {
	for i := range c.slots {
		if s := &c.slots[i]; s.kind == direct && len(list) < cap(list) {
			list = append(list, product.Source{At: uintptr(s.p), Size: s.width})
		}
	}
	return list
}

// outputOf is where the product writes its result: to memory if that is wanted, and through the
// epilogue if there is one.
func (b *Backend) outputOf(p *program, result view) product.Output {
	k := p.core
	if k.epilogue < 0 {
		return b.result(result)
	}
	s := &b.jobs.store
	s.c, s.v = &k.inner[k.epilogue], result
	out := product.Output{Done: s.chained, Near: s.c.sources(s.near[:0])}
	if result.p != nil && result.DType != tensor.BF16 {
		out.Data = result.f32()
	}
	return out
}

// loadChain makes elements [at, at+len(dst)) of an operand.
func (l *loader) loadChain(dst []float32, at int) {
	lane := l.b.lane()
	defer lane.done()
	for len(dst) > 0 {
		n := min(len(dst), l.c.tile)
		if l.c.half {
			tile := lane.tile(maxRegs - 1)
			l.c.run(lane, at, n, tile)
			l.b.k.Widen(dst[:n], unsafe.Slice((*uint16)(tile), n))
		} else {
			l.c.run(lane, at, n, unsafe.Pointer(&dst[0]))
		}
		dst, at = dst[n:], at+n
	}
}

// loadHalf is loadChain for an operand that is wanted as bf16.
func (l *loader) loadHalf(dst []uint16, at int) {
	lane := l.b.lane()
	defer lane.done()
	for len(dst) > 0 {
		n := min(len(dst), l.c.tile)
		l.c.run(lane, at, n, unsafe.Pointer(&dst[0]))
		dst, at = dst[n:], at+n
	}
}

// storeChain runs the epilogue on a tile, of which column sums take a block of rows at a time.
func (s *storer) storeChain(t product.Tile) {
	lane := s.b.lane()
	defer lane.done()
	step := t.Rows
	if len(s.c.cols) > 0 {
		step = blockRows
	}
	for r := 0; r < t.Rows; r += step {
		part := t
		part.Data, part.Row, part.Rows = t.Data[r*t.Pitch:], t.Row+r, min(step, t.Rows-r)
		s.block(lane, part)
	}
	if s.c.fence != nil {
		s.c.fence()
	}
}

// block runs the epilogue on t as it lies where its rows are whole, else on rows that are gathered.
func (s *storer) block(l *lane, t product.Tile) {
	for i := range s.c.cols {
		s.c.cols[i].open(l, t)
	}
	pitch := s.pitch(t)
	if t.Pitch == t.Cols && s.c.sums() {
		for i := range s.c.cols {
			s.c.cols[i].addRows(l, t.Row, t.Col, t.Cols, t.Data[:t.Rows*t.Cols])
		}
	} else if t.Cols == pitch && t.Pitch == pitch {
		data, at := t.Data[:t.Rows*pitch], t.Row*pitch
		for len(data) > 0 {
			n := min(len(data), s.c.tile)
			s.c.run(l, at, n, unsafe.Pointer(&data[0]))
			data, at = data[n:], at+n
		}
	} else {
		s.c.rectangle(l, t, pitch)
	}
	for i := range s.c.cols {
		s.c.cols[i].close(l, t)
	}
}
