package plan

import (
	"slices"

	"kith/tensor"
)

// deepest is the most ops that remat computes again for one reader. BatchNorm with ReLU in bf16 has
// six between a convolution's output and the next one's input.
const deepest = 8

// remat gives each later reader of a pointwise value a copy of its own, computed from values that
// are stored anyway, where that reads no more full-size bytes than the value has and keeps no more
// bytes alive than the value did. So the copies can go into their readers, and the value itself is
// never stored. A copy that keeps its source alive makes others cheaper, hence the repetition.
func remat(_ tensor.Backend, p []tensor.Instr) []tensor.Instr {
	l := newList(p)
	for changed := true; changed; {
		changed = false
		for n := l.ends.prev; n != &l.ends; n = n.prev {
			if repeatable(n) && (l.share(n) || l.release(n)) {
				changed = true
			}
		}
	}
	return l.program()
}

// repeatable tells whether n may be computed more than once. Vectors are cheap to keep, and copies
// of them would keep equal parts of bodies from being seen as equal.
func repeatable(n *node) bool {
	return pointwise(n.Op) && len(n.Out) == 1 && len(n.Out[0].Shape) >= 2 && local(n.Out[0]) && whole(n.Out[0])
}

// share gives readers of n, but for the first, copies where that pays.
func (l *list) share(n *node) (changed bool) {
	readers := slices.Clone(l.readersOf(n.Out[0]))
	for k := len(readers) - 1; k > 0; k-- {
		reader := readers[k]
		if writes(reader.Op) {
			continue
		}
		if cone := l.cone(n, reader); cone != nil {
			l.copy(cone, n, reader)
			changed = true
		}
	}
	return changed
}

// cone is the ops that compute n's value for reader, in order; nil if that does not pay. Among the
// places where it may begin, it begins where the fewest bytes are read, and of equal ones at the
// deepest: values that are stored anyway. A value that would be stored for its sake alone must be
// smaller than n's: a sum instead of its ReLU gains nothing.
func (l *list) cone(n, reader *node) (best []*node) {
	v, least := n.Out[0], n.Out[0].Bytes()
	var cone []*node
	for m := n; m != nil && len(cone) < deepest; m = l.deeper(cone, v, reader) {
		cone = append(cone, m)
		c := l.cost(cone, v, reader)
		if c.reads <= least && c.kept <= v.Bytes() && (c.stored || c.reads < v.Bytes()) {
			best, least = slices.Clone(cone), c.reads
		}
	}
	slices.SortFunc(best, byPlace)
	return best
}

// deeper is the last op before the cone that may become part of it.
func (l *list) deeper(cone []*node, v *tensor.Tensor, reader *node) (next *node) {
	for _, n := range cone {
		for _, t := range n.In {
			m := l.maker(t)
			if m != nil && !slices.Contains(cone, m) && !l.stored(t, m, reader) &&
				slices.Equal(t.Shape, v.Shape) && slices.Equal(m.Out[0].Shape, v.Shape) &&
				(next == nil || m.at > next.at) {
				next = m
			}
		}
	}
	return next
}

// stored tells whether t, which m makes, is in memory at reader whatever remat does.
func (l *list) stored(t *tensor.Tensor, m, reader *node) bool {
	return m == nil || !repeatable(m) || l.last(bufferOf(t)) > reader.at
}

// A cost is what a cone asks for.
type cost struct {
	reads  int  // bytes
	kept   int  // bytes that live longer for its sake
	stored bool // all it reads is stored anyway
}

// cost counts full-size values; vectors are cheap.
func (l *list) cost(cone []*node, v *tensor.Tensor, reader *node) cost {
	c := cost{stored: true}
	seen := map[value]bool{}
	for _, n := range cone {
		for _, t := range n.In {
			m := l.maker(t)
			if slices.Contains(cone, m) || seen[valueOf(t)] || 4*t.Shape.Size() <= v.Shape.Size() {
				continue
			}
			seen[valueOf(t)] = true
			c.reads += t.Bytes()
			c.stored = c.stored && l.stored(t, m, reader)
			if local(t) && l.last(bufferOf(t)) < reader.at {
				c.kept += bufferOf(t).Bytes()
			}
		}
	}
	return c
}

// copy puts copies of the cone before reader, and makes it read those.
func (l *list) copy(cone []*node, n, reader *node) {
	to := map[tensor.Buffer]tensor.Buffer{}
	for _, m := range cone {
		c := &node{Instr: tensor.Instr{Op: m.Op, Out: names(m.Out), In: names(m.In)}}
		for _, t := range c.In {
			if b, offset := t.Buffer(); to[b] != nil {
				t.Bind(to[b], offset)
			}
		}
		s := &symbol{m.Out[0].Bytes()}
		to[bufferOf(m.Out[0])] = s
		c.Out[0].Bind(s, 0)
		l.insert(reader, c)
	}
	old := bufferOf(n.Out[0])
	for _, t := range reader.In {
		if bufferOf(t) == old {
			l.rebind(reader, t, to[old])
		}
	}
}
