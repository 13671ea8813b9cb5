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
// reductions, as prologues; then readers into cores, as epilogues and columns, and sums into the
// chains they read. Another order would widen and store values that nobody wanted. At last chains
// that read the same values become one with several results: an optimizer's slot and parameter.
func fuse(b tensor.Backend, p []tensor.Instr) []tensor.Instr {
	prober, ok := tensor.As[tensor.Prober](b)
	if !ok {
		return p
	}
	l := newList(p)
	sums := func(n *body) bool { return n.reduces() && n.cores == 0 }
	for _, f := range []fuser{
		{wanted: func(d, n *body) bool { return d.pure() && n.pure() }},
		{wanted: func(d, n *body) bool { return d.pure() }},
		{wanted: func(d, n *body) bool { return !d.pure() || sums(n) }, shared: sums},
		{wanted: func(d, n *body) bool { return d.pure() && n.pure() }, shared: (*body).pure},
	} {
		f.list, f.prober = l, prober
		for f.sweep() {
		}
	}
	return l.program()
}

// A fuser is one kind of merge.
type fuser struct {
	*list
	prober tensor.Prober
	wanted func(d, n *body) bool // d makes what n reads
	shared func(n *body) bool    // n may take in a chain that others read too; nil: no n may
}

// sweep merges what is wanted, in the order of the program, and tells whether anything was.
func (f *fuser) sweep() (changed bool) {
	for n := range f.each {
		for m := f.absorb(n); m != nil; m = f.absorb(m) {
			changed = true
		}
	}
	return changed
}

// absorb merges n with the maker of one of its inputs; nil if there is nothing to merge.
func (f *fuser) absorb(n *node) *node {
	if writes(n.Op) {
		return nil
	}
	for _, d := range f.makersOf(n) {
		if !f.wanted(d.open(), n.open()) || !f.mergeable(d, n) {
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

// makersOf is the nodes that make n's inputs, the last one first: to move that one to n keeps alive
// for longest the least. Of two convolutions whose results are added, the other one's inputs may
// be as old as the first view.
func (f *fuser) makersOf(n *node) (makers []*node) {
	for _, t := range n.In {
		if d := f.maker(t); d != nil && !slices.Contains(makers, d) {
			makers = append(makers, d)
		}
	}
	slices.SortFunc(makers, func(a, b *node) int { return byPlace(b, a) })
	return makers
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
// as well; nil where there is no such place. Remat has already copied the chains that are worth it:
// one that others read moves into a reader only where the sweep says so, and is stored in any case.
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
	if len(others) > 0 && d.open().cores == 0 && (f.shared == nil || !f.shared(n.open())) {
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
