package plan

import (
	"slices"

	"kith/tensor"
)

// spot is the node before which d and n together may stand, and the results of d that others read
// as well; nil where there is no such place. Remat has already copied the chains that are worth it:
// one that others read moves into a reader only where the sweep says so, and is stored in any case.
func (f *fuser) spot(d, n *node) (place *node, others []int) {
	place = n
	freed := 0 // bytes that are no longer stored
	for k, t := range d.Out {
		shared := !local(t)
		for _, r := range f.readersOf(t) {
			if r != n {
				shared = true
				if r.at < place.at {
					place = r
				}
			}
		}
		if shared {
			others = append(others, k)
		} else {
			freed += t.Bytes()
		}
	}
	switch {
	case len(others) > 0 && d.open().cores == 0 && (f.shared == nil || !f.shared(n.open())):
		return nil, nil
	case f.far(d, place) && f.ready(n, d, d):
		return d, others
	case !f.ready(n, d, place) || f.far(d, place) && f.kept(d, place) > freed:
		return nil, nil
	}
	return place, others
}

// ready tells whether all that n reads, but for d's results, is made before place.
func (f *fuser) ready(n, d, place *node) bool {
	return !slices.ContainsFunc(n.In, func(t *tensor.Tensor) bool {
		m := f.maker(t)
		return m != nil && m != d && m.at >= place.at
	})
}

// near is how many cores may lie between two places for values not to notice: the gradient of a
// convolution's weights lies between that of its input and the sum of branches.
const near = 2

// far tells whether place is so far behind d that what moves there lives much longer.
func (f *fuser) far(d, place *node) bool {
	cores := 0
	for n := place.prev; n != d && cores <= near; n = n.prev {
		cores += n.open().cores
	}
	return cores > near
}

// kept is the bytes of d's inputs that would live longer if d stood at place; vectors are cheap.
func (f *fuser) kept(d, place *node) (bytes int) {
	seen := map[tensor.Buffer]bool{}
	for _, t := range d.In {
		if b := bufferOf(t); local(t) && len(t.Shape) > 1 && !seen[b] && f.last(b) < place.at {
			seen[b] = true
			bytes += b.Bytes()
		}
	}
	return bytes
}
