package cpu

import (
	"kith/backends/cpu/internal/simd"
	"kith/tensor"
)

// Kernels that read bf16 numbers where they lie take the place of many steps: a tile of float32 would
// be widened, worked on and rounded again, pass after pass over L1. The matrix unit is so fast that
// these passes were half of a training step.

// A halfStep is such a kernel under construction.
type halfStep struct {
	*emitter
	at [8]int // slots of its operands
	n  int
}

// raw adds an operand that is bf16 in memory, as large as the chain.
func (h *halfStep) raw(v int) {
	h.add(h.emitter.add(slot{kind: direct, value: v, width: 2, reg: h.room()}))
	h.uses[v]--
}

// add adds an operand by its slot.
func (h *halfStep) add(slot int) {
	h.at[h.n] = slot
	h.n++
}

// vectors adds operands in tiles, which are vectors mostly.
func (h *halfStep) vectors(values ...int) {
	for _, v := range values {
		h.add(h.read(v))
	}
}

// emit appends the step with the result v, and lets go of the values in. Where v is wanted as bf16
// only, narrow writes it there; else wide makes a tile of it.
func (h *halfStep) emit(v int, in []int, wide, narrow func(p *simd.Pointers, n int)) {
	f := narrow
	switch {
	case narrow == nil || !h.leaves(v):
		f, h.at[0] = wide, h.write(v, in)
	case v == h.halfGoal:
		h.at[0], h.made = h.emitter.add(slot{kind: given, width: 2}), true
	default:
		h.at[0] = h.emitter.add(slot{kind: direct, value: v, width: 2, reg: h.room(), write: true})
	}
	to := h.at[0]
	large := f != nil && h.out.slots[to].kind == direct && h.out.slots[to].width == 2 && h.p.specs[v].Bytes() >= h.b.stream
	if large {
		h.at[0] = h.emitter.add(slot{kind: staged, value: v, width: 2, reg: h.own()})
	}
	h.out.steps = append(h.out.steps, step{half: f, at: h.at, n: h.n, dst: h.at[0]})
	if large {
		h.out.steps = append(h.out.steps, step{stream: h.b.k.Stream, dst: to, src: [4]int{h.at[0]}, n: 1, k: [3]int{2}})
		h.out.fence = h.b.k.Fence
	}
	if h.slot[v] >= 0 {
		return // write has let go
	}
	for _, r := range in {
		if h.uses[r]--; h.uses[r] == 0 {
			h.release(r)
		}
	}
}

// leaves tells whether v is wanted as bf16 alone, in memory or by whoever runs the chain.
func (e *emitter) leaves(v int) bool {
	if v == e.halfGoal {
		return e.uses[v] == 1 && !e.memory[v]
	}
	return e.uses[v] == 0 && e.memory[v]
}

// alias lets the result of a part that widens a bf16 value share its tile, which is float32 already.
func (e *emitter) alias(i int) bool {
	c, ok := e.parts[i].Op.(tensor.Cast)
	x, v := e.parts[i].In[0], e.first[i]
	if !ok || c.To != tensor.F32 || e.p.specs[x].DType != tensor.BF16 || e.slot[x] < 0 || e.memory[v] || v == e.goal {
		return false
	}
	last, stays := e.uses[x] == 1 && !e.memory[x], e.memory[x] && x >= e.p.inputs
	if kind := e.out.slots[e.slot[x]].kind; kind != held && kind != given || !last && !stays {
		return false
	}
	e.slot[v] = e.slot[x]
	e.shared[v] = stays
	e.uses[x]--
	return true
}

// halves emits the parts at the head of a list as one kernel on bf16 numbers, where there is one. It
// returns how many parts that were.
func (e *emitter) halves(parts []int) int {
	k := e.b.halves
	if k == nil {
		return 0
	}
	for _, try := range []func(k *simd.Halves, parts []int) int{e.gradient, e.maskHalf, e.normHalf, e.subHalf, e.addMask} {
		if n := try(k, parts); n > 0 {
			return n
		}
	}
	return 0
}

// inMemory tells whether v is bf16 in memory when the chain begins, and as large as the chain.
func (e *emitter) inMemory(v int) bool {
	return v < e.p.inputs && e.p.specs[v].DType == tensor.BF16 && e.size(v) == e.out.size
}

// widens tells whether part i widens such a value.
func (e *emitter) widens(i int) bool {
	c, ok := e.parts[i].Op.(tensor.Cast)
	return ok && c.To == tensor.F32 && e.inMemory(e.parts[i].In[0])
}

// rounds tells whether part i rounds to BF16.
func (e *emitter) rounds(i int) bool {
	c, ok := e.parts[i].Op.(tensor.Cast)
	return ok && c.To == tensor.BF16
}

// goes tells whether each part's result is read by the next one alone, as its first input.
func (e *emitter) goes(parts []int) bool {
	for k := range len(parts) - 1 {
		if !e.only(parts[k], parts[k+1]) {
			return false
		}
	}
	return true
}

// normHalf is Cast, Sub, Mul, Add and Cast: BatchNorm. Behind it a ReLU goes along; or the sum with
// a bf16 value in memory, and its ReLU.
func (e *emitter) normHalf(k *simd.Halves, parts []int) int {
	if len(parts) < 5 || !e.widens(parts[0]) || !is[tensor.Sub](e, parts[1]) || !is[tensor.Mul](e, parts[2]) ||
		!is[tensor.Add](e, parts[3]) || !e.rounds(parts[4]) || !e.goes(parts[:5]) {
		return 0
	}
	wide, narrow, n, with := k.Norm, k.NormHalf, 5, -1
	relu := func(n int) bool {
		return len(parts) > n && is[tensor.ReLU](e, parts[n]) && e.only(parts[n-1], parts[n])
	}
	if relu(5) {
		wide, narrow, n = k.NormMax, k.NormMaxHalf, 6
	} else if with = e.summand(parts); with >= 0 {
		wide, narrow, n = k.NormAdd, k.NormAddHalf, 6
		if relu(6) {
			wide, narrow, n = k.NormAddMax, k.NormAddMaxHalf, 7
		}
	}
	in := []int{e.parts[parts[1]].In[1], e.parts[parts[2]].In[1], e.parts[parts[3]].In[1]}
	h := halfStep{emitter: e, n: 1}
	h.raw(e.parts[parts[0]].In[0])
	h.vectors(in...)
	if with >= 0 {
		h.raw(with)
	}
	h.emit(e.first[parts[n-1]], in, wide, narrow)
	return n
}

// summand is the bf16 value in memory that part 5 adds to the result of part 4, -1 if it does not.
func (e *emitter) summand(parts []int) int {
	if len(parts) < 6 || !is[tensor.Add](e, parts[5]) {
		return -1
	}
	v, in := e.first[parts[4]], e.parts[parts[5]].In
	if e.uses[v] != 1 || e.memory[v] || e.p.specs[e.first[parts[5]]].DType != tensor.BF16 {
		return -1
	}
	for i := range in {
		if in[i] == v && e.inMemory(in[1-i]) && in[1-i] != v {
			return in[1-i]
		}
	}
	return -1
}

// subHalf is Cast and Sub.
func (e *emitter) subHalf(k *simd.Halves, parts []int) int {
	if len(parts) < 2 || !e.widens(parts[0]) || !is[tensor.Sub](e, parts[1]) || !e.goes(parts[:2]) {
		return 0
	}
	m := e.parts[parts[1]].In[1]
	h := halfStep{emitter: e, n: 1}
	h.raw(e.parts[parts[0]].In[0])
	h.vectors(m)
	h.emit(e.first[parts[1]], []int{m}, k.SubHalf, nil)
	return 2
}

// maskHalf is Cast, Sub, Mul, Add, Cast, ReLU and ReLUGrad: the gradient of a ReLU behind BatchNorm,
// of which the difference may be wanted too.
func (e *emitter) maskHalf(k *simd.Halves, parts []int) int {
	if len(parts) < 7 || !e.widens(parts[0]) || !is[tensor.Sub](e, parts[1]) || !is[tensor.Mul](e, parts[2]) ||
		!is[tensor.Add](e, parts[3]) || !e.rounds(parts[4]) || !is[tensor.ReLU](e, parts[5]) || !is[tensor.ReLUGrad](e, parts[6]) {
		return 0
	}
	d, y := e.first[parts[1]], e.first[parts[5]]
	grad := e.parts[parts[6]].In
	if !e.goes(parts[:2]) || !e.goes(parts[2:6]) || e.parts[parts[2]].In[0] != d || e.memory[d] ||
		e.uses[y] != 1 || e.memory[y] || grad[1] != y || grad[0] == y {
		return 0
	}
	in := []int{e.parts[parts[1]].In[1], e.parts[parts[2]].In[1], e.parts[parts[3]].In[1]}
	h := halfStep{emitter: e, n: 2}
	h.vectors(grad[0])
	h.raw(e.parts[parts[0]].In[0])
	h.vectors(in...)
	e.uses[d]-- // its product, here
	h.at[1] = e.write(d, nil)
	h.emit(e.first[parts[6]], append([]int{grad[0]}, in...), k.Mask, nil)
	return 7
}

// addMask is Add and ReLUGrad: the gradients of two readers of a ReLU.
func (e *emitter) addMask(k *simd.Halves, parts []int) int {
	if len(parts) < 2 || !is[tensor.Add](e, parts[0]) || !is[tensor.ReLUGrad](e, parts[1]) || !e.goes(parts[:2]) ||
		e.p.specs[e.first[parts[0]]].DType != tensor.BF16 {
		return 0
	}
	g, x, y := e.parts[parts[0]].In[0], e.parts[parts[0]].In[1], e.parts[parts[1]].In[1]
	if !e.inMemory(x) || !e.inMemory(y) || e.inMemory(g) {
		return 0
	}
	h := halfStep{emitter: e, n: 1}
	h.vectors(g)
	h.raw(x)
	h.raw(y)
	h.emit(e.first[parts[1]], []int{g}, k.AddMask, nil)
	return 2
}

// gradient is Cast, Cast, Sub, Mul, Sub, Sub, Mul and Cast: the gradient with respect to the input of
// BatchNorm.
func (e *emitter) gradient(k *simd.Halves, parts []int) int {
	if len(parts) < 8 || !e.widens(parts[0]) || !e.widens(parts[1]) || !is[tensor.Sub](e, parts[2]) || !is[tensor.Mul](e, parts[3]) ||
		!is[tensor.Sub](e, parts[4]) || !is[tensor.Sub](e, parts[5]) || !is[tensor.Mul](e, parts[6]) || !e.rounds(parts[7]) {
		return 0
	}
	g, t := e.first[parts[0]], e.first[parts[3]]
	join := e.parts[parts[4]].In
	v := e.first[parts[7]]
	if !e.goes(parts[1:4]) || !e.goes(parts[4:]) || join[0] != g || join[1] != t || e.uses[g] != 1 || e.uses[t] != 1 ||
		e.memory[g] || e.memory[t] || !e.leaves(v) {
		return 0
	}
	h := halfStep{emitter: e, n: 1}
	h.raw(e.parts[parts[0]].In[0])
	h.raw(e.parts[parts[1]].In[0])
	in := []int{e.parts[parts[2]].In[1], e.parts[parts[3]].In[1], e.parts[parts[5]].In[1], e.parts[parts[6]].In[1]}
	h.vectors(in...)
	h.emit(v, in, nil, k.Gradient)
	return 8
}
