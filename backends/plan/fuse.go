package plan

import (
	"slices"

	"kith/tensor"
)

// The limits of a fused op: parts on each side of the core (in all without one), and inputs.
const (
	mostParts  = 12
	mostInputs = 16
)

// fuse merges instructions with those that make their inputs, for as long as that moves fewer
// bytes and the backend has a kernel for the result. A backend that is no Prober gets no fusion.
//
// The order of the sweeps matters: pointwise ops into pointwise ops; then into cores and
// reductions, as prologues; then readers into cores, as epilogues and columns. Another order
// would widen and store values that nobody wanted.
func fuse(b tensor.Backend, p []tensor.Instr) []tensor.Instr {
	prober, ok := tensor.As[tensor.Prober](b)
	if !ok {
		return p
	}
	f := fuser{list: newList(p), prober: prober}
	for _, wanted := range []func(d, n *body) bool{
		func(d, n *body) bool { return d.pure() && n.pure() },
		func(d, n *body) bool { return d.pure() },
		func(d, n *body) bool { return !d.pure() || n.reduces() && n.cores == 0 },
	} {
		for f.sweep(wanted) {
		}
	}
	return f.program()
}

type fuser struct {
	*list
	prober tensor.Prober
}

// sweep merges what is wanted, in the order of the program, and tells whether anything was.
func (f *fuser) sweep(wanted func(d, n *body) bool) (changed bool) {
	for n := range f.each {
		for m := f.absorb(n, wanted); m != nil; m = f.absorb(m, wanted) {
			changed = true
		}
	}
	return changed
}

// absorb merges n with the maker of one of its inputs; nil if there is nothing to merge.
func (f *fuser) absorb(n *node, wanted func(d, n *body) bool) *node {
	if writes(n.Op) {
		return nil
	}
	for _, t := range n.In {
		d := f.maker(t)
		if d == nil || !wanted(d.open(), n.open()) || !f.mergeable(d, n) {
			continue
		}
		place, others := f.spot(d, n)
		if place == nil {
			continue
		}
		m, b := f.union(d, n, others)
		if m == nil || !f.runs(b, m.In) {
			continue
		}
		made := f.insert(place, *m)
		made.body = b
		f.remove(d)
		f.remove(n)
		return made
	}
	return nil
}

// open is what is inside n.
func (n *node) open() *body {
	if n.body == nil {
		n.body = bodyOf(n.Instr)
	}
	return n.body
}

// runs asks the backend.
func (f *fuser) runs(b *body, in []*tensor.Tensor) bool {
	op, specs := b.fused(), specsOf(in)
	_, err := op.Infer(specs)
	return err == nil && f.prober.Runs(op, specs)
}

// mergeable tells whether n may take the results of d from within: one core at most, in the order
// of tensor.Fused; whole values of equal shape; and nothing small computed once for each of many
// elements.
func (f *fuser) mergeable(d, n *node) bool {
	db, nb := d.open(), n.open()
	if db.cores+nb.cores > 1 || db.reduces() && nb.cores > 0 {
		return false
	}
	for _, t := range n.In {
		k := slices.IndexFunc(d.Out, func(o *tensor.Tensor) bool { return bufferOf(o) == bufferOf(t) })
		if k < 0 {
			continue
		}
		o := d.Out[k]
		if valueOf(t) != valueOf(o) || !slices.Equal(t.Shape, o.Shape) || db.is(db.out[k], columns) {
			return false
		}
		if size := t.Shape.Size(); db.cores == 0 && size < db.full() || nb.cores == 0 && size < nb.full() ||
			nb.cores > 0 && len(t.Shape) < 2 {
			return false
		}
	}
	return true
}

// spot is the node before which d and n together may stand, and the results of d that others read
// as well; nil where there is no such place. A chain that others read is not merged into one of
// its readers: remat has already copied what is worth it.
func (f *fuser) spot(d, n *node) (place *node, others []int) {
	place = n
	for k, t := range d.Out {
		shared := false
		for _, r := range f.readersOf(t) {
			if r == n {
				continue
			}
			shared = true
			if r.at < place.at {
				place = r
			}
		}
		if shared || !local(t) {
			others = append(others, k)
		}
	}
	if len(others) > 0 && d.open().cores == 0 && !(n.open().reduces() && n.open().cores == 0) {
		return nil, nil
	}
	if place != n {
		for _, t := range n.In {
			if m := f.maker(t); m != nil && m != d && m.at >= place.at {
				return nil, nil
			}
		}
	}
	return place, others
}
