package plan

import "slices"

// away is how many cores lie between two readers of a value for it to be worth being forgotten: the
// readers of one block of a network are nearer.
const away = 8

// release lets the late readers of n's value compute it again, all of them, so that it is not kept
// from the forward pass to the backward pass. That must keep nothing else alive and move no more
// bytes. The output of a block with a projection is such a value: it is made of two convolutions'
// results, which the gradients read in any case, so of its two late readers one reads a value more
// and the other one less.
func (l *list) release(n *node) bool {
	v := n.Out[0]
	readers := l.readersOf(v)
	late := slices.Clone(readers[l.lateFrom(readers):])
	more := 0
	var cones [][]*node
	for _, r := range late {
		cone, reads := l.again(n, r)
		if cone == nil || writes(r.Op) {
			return false
		}
		cones = append(cones, cone)
		more += reads - v.Bytes()
	}
	if len(late) == 0 || more > 0 {
		return false
	}
	for k, r := range late {
		l.copy(cones[k], n, r)
	}
	return true
}

// lateFrom is the number of the first reader that is far behind the one before it.
func (l *list) lateFrom(readers []*node) int {
	for k := 1; k < len(readers); k++ {
		if l.cores(readers[k-1], readers[k], away) == away {
			return k
		}
	}
	return len(readers)
}

// cores counts the cores between two nodes, up to most.
func (l *list) cores(from, to *node, most int) (n int) {
	for m := from.next; m != to && m != &l.ends && n < most; m = m.next {
		n += m.open().cores
	}
	return n
}

// again is the ops that compute n's value for reader from what is in memory there anyway, in order,
// and the bytes that they read and nobody nearby reads.
func (l *list) again(n, reader *node) (best []*node, least int) {
	v := n.Out[0]
	var cone []*node
	for m := n; m != nil && len(cone) < deepest; m = l.deeper(cone, v, reader) {
		cone = append(cone, m)
		c := l.cost(cone, v, reader)
		if reads := c.reads - l.nearby(cone, reader); c.stored && c.kept == 0 && (best == nil || reads < least) {
			best, least = slices.Clone(cone), reads
		}
	}
	slices.SortFunc(best, byPlace)
	return best, least
}

// nearby is the bytes of full-size values a cone reads that pointwise ops a little behind reader read
// too, if that is one itself: they will be merged.
func (l *list) nearby(cone []*node, reader *node) (bytes int) {
	if reader.open().cores > 0 {
		return 0
	}
	size := cone[0].Out[0].Shape.Size()
	seen := map[value]bool{}
	for _, n := range cone {
		for _, t := range n.In {
			if seen[valueOf(t)] || 4*t.Shape.Size() <= size || slices.Contains(cone, l.maker(t)) {
				continue
			}
			seen[valueOf(t)] = true
			if slices.ContainsFunc(l.readersOf(t), func(r *node) bool {
				return r.at > reader.at && r.open().cores == 0 && l.cores(reader, r, near+1) <= near
			}) {
				bytes += t.Bytes()
			}
		}
	}
	return bytes
}
