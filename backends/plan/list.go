package plan

import (
	"cmp"
	"slices"

	"kith/tensor"
)

// A value is elements in a buffer, whatever tensors name them: a reshape is the same value.
type value struct {
	buffer        tensor.Buffer
	offset, bytes int
}

func valueOf(t *tensor.Tensor) value {
	b, offset := t.Buffer()
	return value{b, offset, t.Bytes()}
}

func bufferOf(t *tensor.Tensor) tensor.Buffer {
	b, _ := t.Buffer()
	return b
}

// local tells whether t belongs to the step; else it is a root tensor.
func local(t *tensor.Tensor) bool {
	_, ok := bufferOf(t).(*symbol)
	return ok
}

// whole tells whether t is all of its buffer.
func whole(t *tensor.Tensor) bool {
	v := valueOf(t)
	return v.offset == 0 && v.bytes == v.buffer.Bytes()
}

// writes tells whether op changes a root tensor.
func writes(op tensor.Op) bool {
	switch op.(type) {
	case tensor.Write, tensor.WriteRows:
		return true
	}
	return false
}

// A node is an instruction in a list.
type node struct {
	tensor.Instr
	prev, next *node
	at         int64 // grows along the list
	body       *body // what is inside, once fuse has asked
	gone       bool  // removed
}

// A list is a program under change. It knows at any time who makes a buffer and who reads it:
// asking the program anew after each change is what makes a planner slow (a minute instead of a
// tenth of a second for a ResNet-50 step of 7,000 instructions).
//
// Nodes carry a growing number, so that "before" is a comparison and readers can be kept sorted.
// A new node takes the middle between its neighbors; where there is no room left, all are
// numbered again, which keeps their order and so all that is sorted by it.
type list struct {
	ends    node // before the first and behind the last
	makers  map[tensor.Buffer]*node
	readers map[tensor.Buffer][]*node // in order, each once
}

// gap is the distance of two fresh neighbors: room for 32 nodes in one place.
const gap = int64(1) << 32

func newList(p []tensor.Instr) *list {
	l := &list{makers: map[tensor.Buffer]*node{}, readers: map[tensor.Buffer][]*node{}}
	l.ends.prev, l.ends.next = &l.ends, &l.ends
	for _, i := range p {
		l.insert(&l.ends, &node{Instr: i})
	}
	return l
}

// each yields the nodes in order; the one at hand may be removed, and others put before it.
func (l *list) each(yield func(*node) bool) {
	for n := l.ends.next; n != &l.ends; n = n.next {
		if !n.gone && !yield(n) {
			return
		}
	}
}

// program is the list as instructions.
func (l *list) program() []tensor.Instr {
	var p []tensor.Instr
	for n := range l.each {
		p = append(p, n.Instr)
	}
	return p
}

// insert puts node m before node n.
func (l *list) insert(n, m *node) {
	m.prev, m.next = n.prev, n
	m.prev.next, n.prev = m, m
	switch {
	case n == &l.ends:
		m.at = m.prev.at + gap
	case n.at-m.prev.at < 2:
		l.number()
	default:
		m.at = m.prev.at + (n.at-m.prev.at)/2
	}
	for _, t := range m.Out {
		l.makers[bufferOf(t)] = m
	}
	for _, t := range m.In {
		l.reads(m, bufferOf(t))
	}
}

func (l *list) number() {
	at := int64(0)
	for n := l.ends.next; n != &l.ends; n = n.next {
		at += gap
		n.at = at
	}
}

// remove takes n out. What it made stays made if another node has taken that over. n still leads
// on to its neighbors, so that a walk that stands on it can go on.
func (l *list) remove(n *node) {
	n.prev.next, n.next.prev, n.gone = n.next, n.prev, true
	for _, t := range n.Out {
		if l.makers[bufferOf(t)] == n {
			delete(l.makers, bufferOf(t))
		}
	}
	for _, t := range n.In {
		l.forget(n, bufferOf(t))
	}
}

func byPlace(a, b *node) int { return cmp.Compare(a.at, b.at) }

func (l *list) reads(n *node, b tensor.Buffer) {
	r := l.readers[b]
	if i, found := slices.BinarySearchFunc(r, n, byPlace); !found {
		l.readers[b] = slices.Insert(r, i, n)
	}
}

func (l *list) forget(n *node, b tensor.Buffer) {
	r := l.readers[b]
	if i, found := slices.BinarySearchFunc(r, n, byPlace); found {
		l.readers[b] = slices.Delete(r, i, i+1)
	}
}

// rebind makes n read t's elements in buffer b instead, at the same offset. t is one of n's inputs;
// others may still read the old buffer.
func (l *list) rebind(n *node, t *tensor.Tensor, b tensor.Buffer) {
	old, offset := t.Buffer()
	t.Bind(b, offset)
	l.reads(n, b)
	if !slices.ContainsFunc(n.In, func(t *tensor.Tensor) bool { return bufferOf(t) == old }) {
		l.forget(n, old)
	}
}

// maker is the node that makes t's buffer; nil for a root tensor.
func (l *list) maker(t *tensor.Tensor) *node { return l.makers[bufferOf(t)] }

// readersOf is the nodes that read any of t's buffer, in order.
func (l *list) readersOf(t *tensor.Tensor) []*node { return l.readers[bufferOf(t)] }

// last is the place of the last reader of buffer b.
func (l *list) last(b tensor.Buffer) int64 {
	if r := l.readers[b]; len(r) > 0 {
		return r[len(r)-1].at
	}
	return 0
}
