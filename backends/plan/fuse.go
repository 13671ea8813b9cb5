package plan

import (
	"slices"

	"kith/tensor"
)

// The limits of a fused op: parts on each side of the core (in all without one), and inputs.
const (
	mostParts  = 16
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
		{wanted: func(d, n *body) bool { return d.pure() && n.pure() }, shared: (*body).pure, splits: true},
	} {
		f.list, f.prober = l, prober
		if f.splits {
			f.again()
		}
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
	splits bool                  // take chains apart first, where that pays
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
		if !f.wanted(d.open(), n.open()) || !mergeable(d, n) {
			continue
		}
		place, others := f.spot(d, n)
		if place == nil {
			continue
		}
		m := f.union(d, n, others)
		if m == nil || m.bytes() >= d.bytes()+n.bytes() || !f.runs(m) {
			continue
		}
		if n.open().pure() && d.open().cores > 0 && len(m.Out) > len(d.Out) {
			continue // the core's own result has to be stored in any case
		}
		f.insert(place, m)
		f.remove(d)
		f.remove(n)
		return m
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

// bytes is what n moves.
func (n *node) bytes() int { return traffic(n.In) + traffic(n.Out) }

// runs asks the backend.
func (f *fuser) runs(n *node) bool {
	specs := specsOf(n.In)
	_, err := n.Op.Infer(specs)
	return err == nil && f.prober.Runs(n.Op, specs)
}
