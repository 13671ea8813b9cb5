package plan

import (
	"slices"

	"kith/tensor"
)

// direct lets an op write a root tensor's next value where the root tensor is, and drops the
// copy of the commit. That is right where nothing reads the old value later, and the op itself
// reads it only at the places that it is writing. An optimizer then reads p, g, m and writes p, m.
func direct(_ tensor.Backend, p []tensor.Instr) []tensor.Instr {
	l := newList(p)
	for n := range l.each {
		if _, ok := n.Op.(tensor.Write); !ok {
			continue
		}
		target, v := n.In[0], n.In[1]
		m := l.maker(v)
		if m == nil || !whole(v) || !whole(target) || len(l.readersOf(v)) != 1 || !l.lastReader(target, m, n) {
			continue
		}
		out := slices.IndexFunc(m.Out, func(t *tensor.Tensor) bool { return bufferOf(t) == bufferOf(v) })
		if !overwrites(m.Instr, out, bufferOf(target)) {
			continue
		}
		l.remove(n)
		delete(l.makers, bufferOf(v))
		m.Out[out].Bind(target.Buffer())
	}
	return l.program()
}

// lastReader tells whether none but the write n looks at root tensor t behind node m.
func (l *list) lastReader(t *tensor.Tensor, m, n *node) bool {
	return !slices.ContainsFunc(l.readersOf(t), func(r *node) bool { return r.at > m.at && r != n })
}

// overwrites tells whether output k of i may lie where i's inputs in buffer b are: contract line
// 3 of tensor.Backend. All of them must be the whole buffer, read at the element being written.
func overwrites(i tensor.Instr, k int, b tensor.Buffer) bool {
	for j, t := range i.In {
		if bufferOf(t) == b && !(whole(t) && elementwise(i, k, j)) {
			return false
		}
	}
	return true
}

// elementwise tells whether element e of output k depends, of input j, on element e alone, and
// nothing in i reads input j at other places, as a core or a broadcast would.
func elementwise(i tensor.Instr, k, j int) bool {
	x, y := i.In[j], i.Out[k]
	if x.DType.Size() != y.DType.Size() || x.Shape.Size() != y.Shape.Size() {
		return false
	}
	b := bodyOf(i)
	return b.full() == x.Shape.Size() && b.is(b.out[k], pointwise) && !b.early(j)
}

func pointwise(op tensor.Op) bool {
	_, ok := op.(tensor.Pointwise)
	return ok
}

func columns(op tensor.Op) bool {
	_, ok := op.(tensor.Columns)
	return ok
}
