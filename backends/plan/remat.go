package plan

import (
	"slices"

	"kith/tensor"
)

// deepest is the most ops that remat computes again for one reader.
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
			if repeatable(n) && l.share(n) {
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
	for _, reader := range slices.Backward(slices.Clone(l.readersOf(n.Out[0]))[min(1, len(l.readersOf(n.Out[0]))):]) {
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

// cone is the ops that compute n's value from what is stored at reader, in order; nil if there are
// too many of them or their inputs are too large.
func (l *list) cone(n, reader *node) []*node {
	v := n.Out[0]
	cone := []*node{n}
	reads, kept := 0, 0 // bytes
	seen := map[value]bool{}
	for i := 0; i < len(cone); i++ {
		for _, t := range cone[i].In {
			if m := l.maker(t); m != nil && !l.stored(t, m, reader) && repeatable(m) && whole(t) &&
				slices.Equal(t.Shape, v.Shape) && slices.Equal(m.Out[0].Shape, v.Shape) {
				if !slices.Contains(cone, m) {
					cone = append(cone, m)
				}
				continue
			}
			if seen[valueOf(t)] {
				continue
			}
			seen[valueOf(t)] = true
			if 4*t.Shape.Size() > v.Shape.Size() {
				reads += t.Bytes()
			}
			if local(t) && l.last(bufferOf(t)) < reader.at {
				kept += bufferOf(t).Bytes()
			}
		}
	}
	if len(cone) > deepest || reads > v.Bytes() || kept > v.Bytes() {
		return nil
	}
	slices.SortFunc(cone, byPlace)
	return cone
}

// stored tells whether the value t that m makes is still there at reader.
func (l *list) stored(t *tensor.Tensor, m, reader *node) bool {
	return l.last(bufferOf(t)) > reader.at
}

// copy puts copies of the cone before reader, and makes it read those.
func (l *list) copy(cone []*node, n, reader *node) {
	to := map[tensor.Buffer]tensor.Buffer{}
	for _, m := range cone {
		i := tensor.Instr{Op: m.Op, Out: names(m.Out), In: names(m.In)}
		for _, t := range i.In {
			if b, offset := t.Buffer(); to[b] != nil {
				t.Bind(to[b], offset)
			}
		}
		s := &symbol{m.Out[0].Bytes()}
		to[bufferOf(m.Out[0])] = s
		i.Out[0].Bind(s, 0)
		l.insert(reader, i)
	}
	old := bufferOf(n.Out[0])
	for _, t := range reader.In {
		if bufferOf(t) == old {
			l.rebind(reader, t, to[old])
		}
	}
}
