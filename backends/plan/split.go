package plan

import (
	"slices"
)

// again lets a reader compute for itself what a chain with sums stores for it alone, where that
// moves fewer bytes: because it reads most of what the chain reads. The gradient behind a pool is
// such a value: its sums come first, and then one convolution reads it.
func (f *fuser) again() {
	for d := range f.each {
		if d.open().cores > 0 || len(d.Out) < 2 {
			continue
		}
		for k, t := range d.Out {
			if r := f.readersOf(t); local(t) && len(r) == 1 && d.open().is(d.open().out[k], pointwise) && f.separate(d, r[0], k) {
				break // d has been replaced
			}
		}
	}
}

// separate moves result k of d, which n alone reads, into n, and tells whether that was good.
func (f *fuser) separate(d, n *node, k int) bool {
	if writes(n.Op) {
		return false
	}
	alone := part(d, []int{k})
	rest := part(d, slices.Delete(count(0, len(d.Out)), k, k+1))
	if alone == nil || rest == nil || !mergeable(alone, n) || f.far(d, n) && f.kept(alone, n) > d.Out[k].Bytes() {
		return false
	}
	m := f.union(alone, n, nil)
	if m == nil || rest.bytes()+m.bytes() >= d.bytes()+n.bytes() || !f.runs(rest) || !f.runs(m) {
		return false
	}
	f.insert(d, rest)
	f.insert(n, m)
	f.remove(d)
	f.remove(n)
	return true
}

// part is d with the given results only.
func part(d *node, results []int) *node {
	b := d.open()
	g := merger{ins: names(d.In)}
	g.start()
	numbers := g.add(b, count(0, b.in))
	for _, k := range results {
		g.give(numbers[b.out[k]], d.Out[k])
	}
	return g.arrange()
}
