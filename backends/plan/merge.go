package plan

import (
	"slices"

	"kith/tensor"
)

// A merger builds one body of two.
type merger struct {
	body
	ins []*tensor.Tensor
}

// union is d and n as one instruction that also gives the results of d that others read; nil where
// it would break a limit, or move no fewer bytes than the two.
func (f *fuser) union(d, n *node, others []int) (*tensor.Instr, *body) {
	db, nb := d.open(), n.open()
	g := merger{}
	fromD := apply(d.In, g.input)
	fromN := apply(n.In, func(t *tensor.Tensor) int {
		if f.maker(t) == d {
			return -1
		}
		return g.input(t)
	})
	g.in = len(g.ins)
	g.specs = specsOf(g.ins)
	fromD = g.add(db, fromD)
	for j, t := range n.In {
		if fromN[j] < 0 {
			k := slices.IndexFunc(d.Out, func(o *tensor.Tensor) bool { return valueOf(o) == valueOf(t) })
			fromN[j] = fromD[db.out[k]]
		}
	}
	fromN = g.add(nb, fromN)

	var outs []*tensor.Tensor
	for _, k := range others {
		g.out = append(g.out, fromD[db.out[k]])
		outs = append(outs, d.Out[k])
	}
	for k, t := range n.Out {
		if len(n.Out) == 1 || !local(t) || len(f.readersOf(t)) > 0 {
			g.out = append(g.out, fromN[nb.out[k]])
			outs = append(outs, t)
		}
	}
	if nb.pure() && db.cores > 0 && len(outs) > len(d.Out) {
		return nil, nil // the core's own result has to be stored in any case
	}
	if traffic(g.ins)+traffic(outs) >= traffic(d.In)+traffic(d.Out)+traffic(n.In)+traffic(n.Out) {
		return nil, nil
	}
	b, ins := g.arrange()
	if b == nil {
		return nil, nil
	}
	return &tensor.Instr{Op: b.fused(), Out: outs, In: ins}, b
}

// traffic is the bytes of ts.
func traffic(ts []*tensor.Tensor) (n int) {
	for _, t := range ts {
		n += t.Bytes()
	}
	return n
}

// input is the value number of input t.
func (g *merger) input(t *tensor.Tensor) int {
	i := slices.IndexFunc(g.ins, func(o *tensor.Tensor) bool {
		return valueOf(o) == valueOf(t) && o.DType == t.DType && slices.Equal(o.Shape, t.Shape)
	})
	if i < 0 {
		g.ins = append(g.ins, rename(t))
		i = len(g.ins) - 1
	}
	return i
}

// add appends the parts of b, of whose values from gives the numbers of the first, and leaves out
// those that are there already. It returns the numbers of all values of b.
func (g *merger) add(b *body, from []int) []int {
	for i, p := range b.parts {
		in := apply(p.In, func(v int) int { return from[v] })
		same := slices.IndexFunc(g.parts, func(q tensor.Part) bool { return q.Op == p.Op && slices.Equal(q.In, in) })
		if same < 0 {
			same = len(g.parts)
			g.parts = append(g.parts, tensor.Part{Op: p.Op, In: in})
			g.result(apply(b.results(i), func(v int) tensor.Spec { return b.specs[v] }))
		}
		from = append(from, g.results(same)...)
	}
	return from
}

// The places of a part, in the order of tensor.Fused.
const (
	prologue = iota
	core
	epilogue
	reduction
	tail
)

// arrange puts the parts into the one order that all equal bodies have: by place, within it as
// the results ask for them, inputs numbered as they are first read. It returns nil if a limit is
// broken or a part behind the core reads one before it.
func (g *merger) arrange() (*body, []*tensor.Tensor) {
	g.findCore()
	place := g.places()
	if place == nil {
		return nil, nil
	}
	order := g.order()
	slices.SortStableFunc(order, func(i, j int) int { return place[i] - place[j] })
	if len(g.ins) > mostInputs || !within(order, place) {
		return nil, nil
	}
	b, ins := &body{}, []*tensor.Tensor(nil)
	number := make([]int, len(g.specs))
	for v := range number {
		number[v] = -1
	}
	for _, i := range order {
		for _, v := range g.parts[i].In {
			if v < g.in && number[v] < 0 {
				number[v] = len(ins)
				ins = append(ins, g.ins[v])
			}
		}
	}
	b.in, b.specs = len(ins), specsOf(ins)
	for _, i := range order {
		for k, v := range g.results(i) {
			number[v] = len(b.specs) + k
		}
		b.parts = append(b.parts, tensor.Part{Op: g.parts[i].Op, In: apply(g.parts[i].In, func(v int) int { return number[v] })})
		b.result(apply(g.results(i), func(v int) tensor.Spec { return g.specs[v] }))
	}
	b.out = apply(g.out, func(v int) int { return number[v] })
	b.findCore()
	return b, ins
}

// within checks the limit on parts.
func within(order, place []int) bool {
	n := [tail + 1]int{}
	for _, i := range order {
		n[place[i]]++
	}
	return n[prologue] <= mostParts && n[epilogue]+n[reduction]+n[tail] <= mostParts
}

// places is the place of each part; nil if a part behind the core reads one before it.
func (g *merger) places() []int {
	early := g.needs(g.core)
	place := make([]int, len(g.parts))
	for i, p := range g.parts {
		switch {
		case i == g.core:
			place[i] = core
			continue
		case early[i]:
			continue // prologue
		case columns(p.Op):
			place[i] = reduction
		default:
			place[i] = epilogue
		}
		for _, v := range p.In {
			m := g.maker(v)
			switch {
			case m < 0:
			case place[m] == prologue:
				return nil
			case place[m] >= reduction:
				place[i] = tail
			}
		}
	}
	return place
}

// order is the parts that the results need, each behind what it reads: first for results of the
// core and pointwise parts, then for columns.
func (g *merger) order() []int {
	var order []int
	done := make([]bool, len(g.parts))
	var visit func(v int)
	visit = func(v int) {
		i := g.maker(v)
		if i < 0 || done[i] {
			return
		}
		done[i] = true
		for _, v := range g.parts[i].In {
			visit(v)
		}
		order = append(order, i)
	}
	for _, reduced := range []bool{false, true} {
		for _, v := range g.out {
			if g.is(v, columns) == reduced {
				visit(v)
			}
		}
	}
	return order
}
