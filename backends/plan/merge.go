package plan

import (
	"slices"

	"kith/tensor"
)

// mergeable tells whether n may take the results of d from within: one core at most, in the order
// of tensor.Fused; values of equal shape, so no slices; and nothing small that would be computed
// again for each of many elements.
func mergeable(d, n *node) bool {
	db, nb := d.open(), n.open()
	if db.cores+nb.cores > 1 || db.reduces() && nb.cores > 0 {
		return false
	}
	for _, t := range n.In {
		k := d.gives(t)
		if k < 0 {
			continue
		}
		o := d.Out[k]
		if !slices.Equal(t.Shape, o.Shape) || db.is(db.out[k], columns) {
			return false
		}
		if nb.cores == 0 && t.Shape.Size() < nb.full() || nb.cores > 0 && len(t.Shape) < 2 {
			return false
		}
	}
	return true
}

// gives is the result of n whose buffer t is in; -1 if there is none.
func (n *node) gives(t *tensor.Tensor) int {
	return slices.IndexFunc(n.Out, func(o *tensor.Tensor) bool { return bufferOf(o) == bufferOf(t) })
}

// A merger builds one body of two: first the inputs of both, then start, the parts of both, and the
// values that leave.
type merger struct {
	body
	ins, outs []*tensor.Tensor
}

// union is d and n as one node, not yet in the list, that also gives the results of d in others;
// nil where that would break a limit. Results of n that nobody reads are left out.
func (f *fuser) union(d, n *node, others []int) *node {
	db, nb := d.open(), n.open()
	g := merger{}
	fromD := apply(d.In, g.input)
	fromN := apply(n.In, func(t *tensor.Tensor) int {
		if d.gives(t) >= 0 {
			return -1
		}
		return g.input(t)
	})
	g.start()
	fromD = g.add(db, fromD)
	for j, t := range n.In {
		if fromN[j] < 0 {
			fromN[j] = fromD[db.out[d.gives(t)]]
		}
	}
	fromN = g.add(nb, fromN)
	for _, k := range others {
		g.give(fromD[db.out[k]], d.Out[k])
	}
	for k, t := range n.Out {
		if len(n.Out) == 1 || !local(t) || len(f.readersOf(t)) > 0 {
			g.give(fromN[nb.out[k]], t)
		}
	}
	return g.arrange()
}

// start ends the list of inputs.
func (g *merger) start() { g.in, g.specs = len(g.ins), specsOf(g.ins) }

// give makes value v leave as t.
func (g *merger) give(v int, t *tensor.Tensor) {
	g.out = append(g.out, v)
	g.outs = append(g.outs, rename(t))
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
// those that are there already: remat has copied x-μ for each reader, and two of them may now be in
// one body. It returns the numbers of all values of b.
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
