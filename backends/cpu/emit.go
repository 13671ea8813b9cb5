package cpu

import (
	"reflect"
	"slices"

	"kith/tensor"
)

// An emitter compiles one chain.
type emitter struct {
	*compiler
	out  chain
	slot []int // of each value, -1 where it has none yet
	uses []int // of each value in this chain, not counting its store
	free []int // registers
	goal int   // the value that goes to the tile passed in, -1 if none does

	halfGoal int          // the same, if it is wanted as bf16
	made     bool         // the kernel that makes halfGoal writes it as such
	shared   map[int]bool // values in the tile of one that outlives them
}

// emit compiles parts into one chain over values of size elements. Value goal, where there is one,
// is what the chain makes for whoever runs it.
func (c *compiler) emit(parts []int, size, goal int) bool {
	e := emitter{goal: goal, halfGoal: -1, shared: map[int]bool{}, compiler: c, slot: make([]int, len(c.p.specs)), uses: make([]int, len(c.p.specs))}
	for v := range e.slot {
		e.slot[v] = -1
	}
	for _, i := range parts {
		for _, v := range e.reads(i) {
			if e.uses[v]++; v < c.p.inputs {
				c.p.made[v] = c.now
			}
		}
		for v := c.first[i]; v < len(c.p.specs) && c.maker(v) == i; v++ {
			c.p.made[v] = c.now
		}
	}
	if goal >= 0 {
		e.uses[goal]++ // it is rounded, as a store would
		if e.out.half = c.p.specs[goal].DType == tensor.BF16 && c.b.product.Halves(); e.out.half {
			e.goal, e.halfGoal = -1, goal
		}
	}
	if c.core >= 0 && c.stage[parts[0]] == within {
		e.receive(c.first[c.core])
	}
	e.out.size = size
	e.out.tile = tileOf(size, c.periods(parts, size))
	for n := 0; n < len(parts); n++ {
		if merged := max(e.batchNorm(parts[n:]), e.mask(parts[n:]), e.halves(parts[n:])); merged > 0 {
			n += merged - 1
		} else if !e.alias(parts[n]) && !e.part(parts[n]) {
			return false
		}
	}
	if e.halfGoal >= 0 && !e.made {
		to := e.add(slot{kind: given, width: 2})
		e.out.steps = append(e.out.steps, step{narrow: e.b.k.Narrow, dst: to, src: [4]int{e.slot[goal]}, n: 1})
	}
	e.stores(parts)
	if len(e.out.slots) > maxSlots || e.out.regs >= maxRegs {
		return false
	}
	c.p.chains = append(c.p.chains, e.out)
	return true
}

// periods returns the sizes of what is repeated in a chain, and whether it has a total, whose
// chunks tiles must not cross.
func (c *compiler) periods(parts []int, size int) (p []int) {
	for _, i := range parts {
		if o, ok := c.parts[i].Op.(tensor.Sum); ok && o.Keep == 0 {
			return []int{1}
		}
		for _, v := range c.parts[i].In {
			if n := c.size(v); n < size && n > 1 {
				p = append(p, n)
			}
		}
		if reduces(c.parts[i].Op) {
			p = append(p, c.size(c.first[i]))
		}
	}
	slices.Sort(p)
	return p
}

// tileOf chooses the length of tiles, 1,024 at most: a multiple of the shortest period, so that
// one repeated tile of a vector serves them all; or an even part of it.
func tileOf(size int, periods []int) int {
	if size <= tileLen || len(periods) == 0 || periods[0] <= 1 {
		return min(max(size, 1), tileLen)
	}
	p := periods[0]
	if p <= tileLen {
		return tileLen / p * p
	}
	for k := (p + tileLen - 1) / tileLen; k <= 2*p/tileLen+1; k++ {
		if p%k == 0 {
			return p / k
		}
	}
	return tileLen
}

// reads returns the inputs of part i that its kernel looks at.
func (c *compiler) reads(i int) []int {
	part := c.parts[i]
	t := c.b.tiles[reflect.TypeOf(part.Op)]
	if t.reads == nil {
		return part.In
	}
	in := make([]int, len(t.reads))
	for k, j := range t.reads {
		in[k] = part.In[j]
	}
	return in
}

// part emits one part.
func (e *emitter) part(i int) bool {
	part, v := e.parts[i], e.first[i]
	if reduces(part.Op) {
		return e.column(i)
	}
	t := e.b.tiles[reflect.TypeOf(part.Op)]
	specs := make([]tensor.Spec, len(part.In))
	for k, j := range part.In {
		specs[k] = e.p.specs[j]
	}
	s := t.step(part.Op, specs)
	d := e.p.specs[v].DType
	reads := e.reads(i)
	for k, j := range reads {
		s.src[k] = e.read(j)
	}
	s.n = len(reads)
	s.dst = e.write(v, reads)
	e.out.steps = append(e.out.steps, s)
	if d == tensor.BF16 && !t.moves && e.uses[v] > 0 { // a store rounds by itself
		e.out.steps = append(e.out.steps, step{unary: e.b.k.Round, dst: s.dst, src: [4]int{s.dst}, n: 1})
	}
	return true
}

// read returns the slot of value v, loading it if need be.
func (e *emitter) read(v int) int {
	if e.slot[v] >= 0 {
		return e.slot[v]
	}
	spec := e.p.specs[v]
	switch {
	case e.size(v) < e.out.size:
		e.slot[v] = e.add(slot{kind: spread, value: v, width: tileWidth(spec.DType), reg: e.own()})
	case spec.DType == tensor.BF16:
		raw := e.add(slot{kind: direct, value: v, width: 2, reg: e.room()})
		e.slot[v] = e.add(slot{kind: held, reg: e.register()})
		e.out.steps = append(e.out.steps, step{widen: e.b.k.Widen, dst: e.slot[v], src: [4]int{raw}, n: 1})
	default:
		e.slot[v] = e.add(slot{kind: direct, value: v, width: tileWidth(spec.DType), reg: e.room()})
	}
	return e.slot[v]
}

// receive makes the core's result v the tile that is passed in, rounded where it is BF16.
func (e *emitter) receive(v int) {
	s := e.add(slot{kind: given, width: 4, reg: e.own()})
	e.slot[v] = s
	if e.p.specs[v].DType == tensor.BF16 {
		e.out.steps = append(e.out.steps, step{unary: e.b.k.Round, dst: s, src: [4]int{s}, n: 1})
	}
}

// write returns the slot for result v of a part that reads the given values. Where those are not
// needed any more and are as wide, v takes the register of one.
func (e *emitter) write(v int, reads []int) int {
	width := tileWidth(e.p.specs[v].DType)
	for _, r := range reads {
		if e.uses[r]--; e.uses[r] == 0 && tileWidth(e.p.specs[r].DType) == width {
			e.release(r)
		}
	}
	if v == e.goal {
		e.slot[v] = e.add(slot{kind: given})
	} else if e.memory[v] && e.streams(v) {
		e.slot[v] = e.add(slot{kind: staged, value: v, width: width, reg: e.own()})
	} else if e.memory[v] && e.p.specs[v].DType != tensor.BF16 {
		e.slot[v] = e.add(slot{kind: direct, value: v, width: width, reg: e.room(), write: true})
	} else {
		e.slot[v] = e.add(slot{kind: held, reg: e.register()})
	}
	for _, r := range reads {
		if e.uses[r] == 0 && tileWidth(e.p.specs[r].DType) != width {
			e.release(r)
		}
	}
	if e.uses[v] == 0 && !e.memory[v] {
		e.release(v) // nobody wants it
	}
	return e.slot[v]
}

// release frees the register of a value that is neither read nor stored any more.
func (e *emitter) release(v int) {
	s := &e.out.slots[e.slot[v]]
	if s.kind == held && !e.shared[v] && !(e.memory[v] && v >= e.p.inputs) && !slices.Contains(e.free, s.reg) {
		e.free = append(e.free, s.reg)
	}
}

// add appends a slot and returns its number.
func (e *emitter) add(s slot) int {
	e.out.slots = append(e.out.slots, s)
	return len(e.out.slots) - 1
}

// register returns a register that is free, or another one.
func (e *emitter) register() int {
	if n := len(e.free); n > 0 {
		r := e.free[n-1]
		e.free = e.free[:n-1]
		return r
	}
	return e.own()
}

// room returns a register for the tile of a tensor: a product's tiles are gathered and scattered.
func (e *emitter) room() int {
	if e.core < 0 {
		return -1
	}
	return e.own()
}

// own returns a register that no step before has used.
func (e *emitter) own() int {
	e.out.regs++
	return e.out.regs - 1
}

// column emits a reduction. All of a chain have one length of rows, which its chunks follow.
func (e *emitter) column(i int) bool {
	part := e.parts[i]
	if !e.p.specs[part.In[0]].DType.Float() || e.size(part.In[0]) != e.out.size {
		return false
	}
	col := column{k: e.b.k, kind: sum, c: e.size(e.first[i]), out: e.first[i]}
	switch o := part.Op.(type) {
	case tensor.Moments:
		col.kind = moments
	case tensor.Sum:
		if o.Keep == 0 {
			col.kind, col.c = total, 16
		}
	}
	if e.core >= 0 && !e.sumsTiles(col) {
		return false
	}
	if n := len(e.out.cols); n > 0 && (e.out.cols[0].c != col.c || (e.out.cols[0].kind == total) != (col.kind == total)) {
		return false
	}
	if col.number = len(e.out.cols); col.number == maxColumns {
		return false
	}
	e.out.cols = append(e.out.cols, col)
	e.out.steps = append(e.out.steps, step{column: len(e.out.cols), src: [4]int{e.read(part.In[0])}, n: 1})
	e.uses[part.In[0]]--
	if e.uses[part.In[0]] == 0 {
		e.release(part.In[0])
	}
	return true
}

// sumsTiles tells whether col can be taken from the tiles of the core: rows and columns of its last
// axis, in blocks. Weight gradients come in other tiles.
func (e *emitter) sumsTiles(col column) bool {
	shape := e.p.specs[e.first[e.core]].Shape
	switch o := e.parts[e.core].Op.(type) {
	case tensor.Conv2DGradW:
		return false
	case tensor.MatMul:
		if o.TransA {
			return false
		}
	}
	return col.kind != total && col.c == shape[len(shape)-1]
}

// streams tells whether value v is so large that it is stored around the caches.
func (e *emitter) streams(v int) bool {
	s := e.p.specs[v]
	return s.DType == tensor.F32 && s.Bytes() >= e.b.stream
}

// stores writes, at the end of each tile, what leaves in BF16 or is streamed: so an output may be
// the memory of an input.
func (e *emitter) stores(parts []int) {
	if e.core >= 0 && e.stage[parts[0]] == within {
		parts = append([]int{e.core}, parts...)
	}
	for _, i := range parts {
		v := e.first[i]
		if reduces(e.parts[i].Op) || !e.memory[v] || e.slot[v] < 0 {
			continue
		}
		if s := e.out.slots[e.slot[v]]; s.kind == staged {
			to := e.add(slot{kind: direct, value: v, width: s.width, reg: e.room(), write: true})
			e.out.steps = append(e.out.steps, step{stream: e.b.k.Stream, dst: to, src: [4]int{e.slot[v]}, n: 1, k: [3]int{s.width}})
			e.out.fence = e.b.k.Fence
		}
		if e.p.specs[v].DType == tensor.BF16 {
			e.storeHalf(v)
		}
	}
}

// storeHalf narrows v into its tensor, by way of a tile where that is large.
func (e *emitter) storeHalf(v int) {
	to := e.add(slot{kind: direct, value: v, width: 2, reg: e.room(), write: true})
	if e.p.specs[v].Bytes() < e.b.stream {
		e.out.steps = append(e.out.steps, step{narrow: e.b.k.Narrow, dst: to, src: [4]int{e.slot[v]}, n: 1})
		return
	}
	via := e.add(slot{kind: staged, value: v, width: 2, reg: e.own()})
	e.out.steps = append(e.out.steps,
		step{narrow: e.b.k.Narrow, dst: via, src: [4]int{e.slot[v]}, n: 1},
		step{stream: e.b.k.Stream, dst: to, src: [4]int{via}, n: 1, k: [3]int{2}})
	e.out.fence = e.b.k.Fence
}

// batchNorm emits the parts Sub, Mul, Add and perhaps ReLU at the head of a list as one kernel,
// where nothing else needs what lies between. It returns how many parts that were.
func (e *emitter) batchNorm(parts []int) int {
	if len(parts) < 3 {
		return 0
	}
	sub, mul, add := parts[0], parts[1], parts[2]
	if !is[tensor.Sub](e, sub) || !is[tensor.Mul](e, mul) || !is[tensor.Add](e, add) ||
		!e.only(sub, mul) || !e.only(mul, add) || e.p.specs[e.first[sub]].DType != tensor.F32 {
		return 0
	}
	s, last, n := step{five: e.b.k.SubMulAdd}, add, 3
	if len(parts) > 3 && is[tensor.ReLU](e, parts[3]) && e.only(add, parts[3]) {
		s.five, last, n = e.b.k.SubMulAddMax, parts[3], 4
	}
	in := []int{e.parts[sub].In[0], e.parts[sub].In[1], e.parts[mul].In[1], e.parts[add].In[1]}
	for k, v := range in {
		s.src[k] = e.read(v)
	}
	s.n = len(in)
	s.dst = e.write(e.first[last], in)
	e.out.steps = append(e.out.steps, s)
	return n
}

// mask emits the parts Mul, Add, ReLU and ReLUGrad at the head of a list as one kernel, where the
// ReLU's result is wanted for its sign alone. It returns how many parts that were.
func (e *emitter) mask(parts []int) int {
	if len(parts) < 4 {
		return 0
	}
	mul, add, relu, grad := parts[0], parts[1], parts[2], parts[3]
	y := e.first[relu]
	if !is[tensor.Mul](e, mul) || !is[tensor.Add](e, add) || !is[tensor.ReLU](e, relu) || !is[tensor.ReLUGrad](e, grad) ||
		!e.only(mul, add) || !e.only(add, relu) || e.uses[y] != 1 || e.memory[y] || e.parts[grad].In[1] != y ||
		e.p.specs[y].DType != tensor.F32 {
		return 0
	}
	s := step{five: e.b.k.MulAddMask, n: 4}
	in := []int{e.parts[grad].In[0], e.parts[mul].In[0], e.parts[mul].In[1], e.parts[add].In[1]}
	for k, v := range in {
		s.src[k] = e.read(v)
	}
	s.dst = e.write(e.first[grad], in)
	e.out.steps = append(e.out.steps, s)
	return 4
}

// is tells whether part i is an op of type O.
func is[O tensor.Op](e *emitter, i int) bool { _, ok := e.parts[i].Op.(O); return ok }

// only tells whether the result of part i is read by part j alone, as its first input alone, and
// stays in the chain.
func (e *emitter) only(i, j int) bool {
	v := e.first[i]
	return !reduces(e.parts[i].Op) && e.uses[v] == 1 && !e.memory[v] && e.parts[j].In[0] == v
}
