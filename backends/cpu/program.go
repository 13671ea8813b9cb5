package cpu

import (
	"fmt"
	"reflect"
	"slices"

	"kith/tensor"
)

// chains adds the pointwise ops and column reductions, alone and fused.
func chains(b *Backend) {
	b.tiles = tiles(b.k)
	alone := entry{runs: b.runsAlone, run: b.runAlone}
	for key := range b.tiles {
		b.table[key] = alone
	}
	b.table[reflect.TypeFor[tensor.Sum]()] = alone
	b.table[reflect.TypeFor[tensor.Moments]()] = alone
	register(b, b.runsFused, b.runFused)
}

// runsAlone tells whether all inputs are of dtypes that tiles have.
func (b *Backend) runsAlone(op tensor.Op, in []tensor.Spec) bool {
	c, ok := op.(tensor.Cast)
	return !slices.ContainsFunc(in, is64) && !(ok && c.To == tensor.F64)
}

// is64 tells whether a tensor is F64, which has no kernels here: exact roots live on backend ref.
func is64(s tensor.Spec) bool { return s.DType == tensor.F64 }

// A key is what the program of an op that comes alone depends on.
type key struct {
	op    tensor.Op
	dtype [3]tensor.DType
	size  [3]int
	keep  int // of the first result
}

// runAlone runs one op as a program of one part, compiled when it is first seen.
func (b *Backend) runAlone(op tensor.Op, out, in []view) {
	k := key{op: op, keep: out[0].n}
	for i, v := range in {
		k.dtype[i], k.size[i] = v.DType, v.n
	}
	p := b.alone[k]
	if p == nil {
		p = b.alonePart(op, out, in)
		if len(b.alone) >= mostPrograms {
			clear(b.alone)
		}
		b.alone[k] = p
	}
	b.execute(p, out, in)
}

// alonePart compiles one op. runsAlone has said that this works.
func (b *Backend) alonePart(op tensor.Op, out, in []view) *program {
	part := tensor.Part{Op: op}
	var specs []tensor.Spec
	var leave []int
	for i, v := range in {
		part.In = append(part.In, i)
		specs = append(specs, v.Spec)
	}
	for i, v := range out {
		specs = append(specs, v.Spec)
		leave = append(leave, len(in)+i)
	}
	p := new(program)
	if !b.compile(p, []tensor.Part{part}, specs, len(in), leave) {
		panic(fmt.Sprintf("cpu: %T of %v does not compile", op, specs[:len(in)]))
	}
	return p
}

// runsFused tells whether f compiles for inputs of these specs. Planners ask about many bodies that
// they then drop, so nothing is kept but for those that run.
func (b *Backend) runsFused(f *tensor.Fused, in []tensor.Spec) bool {
	if p := b.fused[f]; p != nil && p.fits(in) {
		return true
	}
	return b.body(f, in) != nil
}

// runFused runs f as the program compiled when it was first run.
func (b *Backend) runFused(f *tensor.Fused, out, in []view) {
	p := b.fused[f]
	if p == nil || !p.fits(b.specs) {
		if len(b.fused) >= mostPrograms {
			clear(b.fused)
		}
		p = b.body(f, slices.Clone(b.specs))
		b.fused[f] = p
	}
	b.execute(p, out, in)
}

// fits tells whether p was compiled for inputs of these specs.
func (p *program) fits(in []tensor.Spec) bool {
	return slices.EqualFunc(p.specs[:p.inputs], in, tensor.Spec.Equal)
}

// body compiles f, or returns nil.
func (b *Backend) body(f *tensor.Fused, in []tensor.Spec) *program {
	specs, err := f.Values(in)
	if err != nil {
		return nil
	}
	p := new(program)
	if !b.compile(p, f.Body, specs, len(in), f.Out) {
		return nil
	}
	return p
}

// mostPrograms is the number of compiled bodies that are kept; the step of a ResNet-50 has 700.
const mostPrograms = 4096

// execute runs a program.
func (b *Backend) execute(p *program, out, in []view) {
	p.values = append(p.values[:0], in...)
	for _, s := range p.specs[p.inputs:] {
		p.values = append(p.values, view{Spec: s, n: s.Shape.Size()})
	}
	for i, v := range p.outs {
		if v >= p.inputs && p.values[v].p == nil && !p.neededBehind(v, out[i], in) {
			p.values[v] = out[i]
		}
	}
	for i := range p.chains {
		if p.core != nil && p.core.at == i {
			b.runCore(p, in)
		}
		b.runChain(p, &p.chains[i], in)
	}
	if p.core != nil && p.core.at == len(p.chains) {
		b.runCore(p, in)
	}
	for i, v := range p.outs { // an input that leaves, or a value that leaves twice
		if p.values[v].p != out[i].p {
			copy(out[i].bytes(), p.values[v].bytes())
		}
	}
}

// neededBehind tells whether the place of value v holds an input that a later chain reads.
func (p *program) neededBehind(v int, place view, in []view) bool {
	for k, u := range in {
		if p.made[k] > p.made[v] && overlap(u, place) {
			return true
		}
	}
	return false
}

// runChain binds a chain to memory, and runs it chunk by chunk on all threads.
func (b *Backend) runChain(p *program, c *chain, in []view) {
	b.bindChain(p, c, in)
	j := &b.jobs.chain
	*j = chainJob{b: b, c: c, chunk: c.chunk()}
	chunks := (c.size + j.chunk - 1) / j.chunk
	for i := range c.cols {
		c.cols[i].start(b, c.size)
	}
	b.pool.Run(chunks, j)
	b.finishColumns(p, c)
}

// bindChain points the slots of a chain at memory.
func (b *Backend) bindChain(p *program, c *chain, in []view) {
	for i := range c.slots {
		s := &c.slots[i]
		if s.kind != direct && s.kind != spread && s.kind != staged {
			continue
		}
		v := &p.values[s.value]
		s.near = false
		if s.value >= p.inputs && v.p != nil {
			over, behind := c.over(i, *v, in)
			if over == askew || behind && s.kind == direct {
				v.p = nil // it lies askew over an input, or over one that is still read
			}
			s.near = over == exact && !behind
		}
		if v.p == nil {
			*v = b.fresh(v.Spec)
		}
		b.bind(c, s, *v)
	}
}

// finishColumns merges the partial sums of a chain.
func (b *Backend) finishColumns(p *program, c *chain) {
	for i := range c.cols {
		col, out := &c.cols[i], [3][]float32{}
		for k := range col.results() {
			v := &p.values[col.out+k]
			if v.p == nil {
				*v = b.fresh(v.Spec)
			}
			out[k] = v.f32()
		}
		col.finish(b, out)
	}
}

// fresh returns memory for a value that does not leave.
func (b *Backend) fresh(s tensor.Spec) view {
	return view{s, b.temp.bytes(s.Bytes()), s.Shape.Size()}
}

// How a result lies over the inputs.
const (
	beside = iota
	exact  // its elements are those of an input
	askew  // some other way
)

// over tells how v, which slot i writes while a tile is computed, lies over the inputs, and whether
// one of them is still read behind that.
func (c *chain) over(i int, v view, in []view) (how int, behind bool) {
	for k, u := range in {
		if !overlap(u, v) {
			continue
		}
		if u.p != v.p || u.DType.Size() != v.DType.Size() || u.n != v.n {
			return askew, true
		}
		how = exact
		behind = behind || c.readsAfter(k, i)
	}
	return how, behind
}

// readsAfter tells whether input k is read by a step behind the one that writes slot i.
func (c *chain) readsAfter(k, i int) bool {
	written := false
	for _, s := range c.steps {
		if written && slices.ContainsFunc(s.sources(), func(j int) bool {
			return c.slots[j].value == k && (c.slots[j].kind == direct || c.slots[j].kind == spread)
		}) {
			return true
		}
		written = written || s.column == 0 && s.dst == i
	}
	return false
}

// sources are the slots that a step reads.
func (s *step) sources() []int {
	if s.half != nil {
		return s.at[1:s.n]
	}
	return s.src[:s.n]
}

// overlap tells whether two tensors share bytes.
func overlap(a, b view) bool {
	x, y := uintptr(a.p), uintptr(b.p)
	return a.p != nil && b.p != nil && x < y+uintptr(b.n*b.DType.Size()) && y < x+uintptr(a.n*a.DType.Size())
}

// chunk returns the elements of a chunk, whole tiles and, where there are columns, whole blocks of
// rows.
func (c *chain) chunk() int {
	if len(c.cols) > 0 && c.cols[0].kind != total {
		block := blockRows * c.cols[0].c
		return max(1, chunkLen/max(block, 1)) * max(block, 1)
	}
	return max(1, chunkLen/c.tile*c.tile)
}

// A chainJob is a loop over the chunks of a chain.
type chainJob struct {
	b     *Backend
	c     *chain
	chunk int
}

// Chunk computes chunk i.
func (j *chainJob) Chunk(i int) {
	l := j.b.lane()
	defer l.done()
	start := i * j.chunk
	j.c.span(l, start, min(j.chunk, j.c.size-start))
}
