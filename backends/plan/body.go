package plan

import (
	"slices"

	"kith/tensor"
)

// A body is what is inside an instruction: one part, or those of a tensor.Fused, with values
// numbered as there: the inputs first, then the results of each part. Every instruction has one,
// so passes need not tell single ops from fused ones.
type body struct {
	in    int // the first values are the instruction's inputs
	parts []tensor.Part
	first []int         // value number of each part's first result
	specs []tensor.Spec // of all values
	out   []int         // the values that leave
	core  int           // the part that is neither pointwise nor a column reduction; -1: none
	cores int           // how many such parts there are
}

// bodyOf opens an instruction. It panics with *tensor.Error if its parts do not fit. The specs of a
// single op's results are those of its outputs, not Infer's: on an exact root they are F64.
func bodyOf(i tensor.Instr) *body {
	b := &body{in: len(i.In), specs: specsOf(i.In)}
	if f, ok := i.Op.(*tensor.Fused); ok {
		b.parts, b.out = f.Body, f.Out
		for _, p := range f.Body {
			b.result(infer(p.Op, apply(p.In, func(v int) tensor.Spec { return b.specs[v] })))
		}
	} else {
		b.parts = []tensor.Part{{Op: i.Op, In: count(0, b.in)}}
		b.out = count(b.in, len(i.Out))
		b.result(specsOf(i.Out))
	}
	b.findCore()
	return b
}

func (b *body) result(specs []tensor.Spec) {
	b.first = append(b.first, len(b.specs))
	b.specs = append(b.specs, specs...)
}

func (b *body) findCore() {
	b.core, b.cores = -1, 0
	for i, p := range b.parts {
		if !pointwise(p.Op) && !columns(p.Op) {
			b.core = i
			b.cores++
		}
	}
}

// fused is the body as an op.
func (b *body) fused() *tensor.Fused { return &tensor.Fused{Body: b.parts, Out: b.out} }

// results is the value numbers of what part i makes.
func (b *body) results(i int) []int {
	end := len(b.specs)
	if i+1 < len(b.first) {
		end = b.first[i+1]
	}
	return count(b.first[i], end-b.first[i])
}

// maker is the part that makes value v; -1 for an input.
func (b *body) maker(v int) int {
	if v < b.in {
		return -1
	}
	i, found := slices.BinarySearch(b.first, v)
	if !found {
		i-- // a later result
	}
	return i
}

// is tells whether v is the result of a part of that kind.
func (b *body) is(v int, kind func(tensor.Op) bool) bool {
	i := b.maker(v)
	return i >= 0 && kind(b.parts[i].Op)
}

// pure tells whether all parts are pointwise: the body is a chain.
func (b *body) pure() bool {
	return !slices.ContainsFunc(b.parts, func(p tensor.Part) bool { return !pointwise(p.Op) })
}

// reduces tells whether some part is a column reduction.
func (b *body) reduces() bool {
	return slices.ContainsFunc(b.parts, func(p tensor.Part) bool { return columns(p.Op) })
}

// full is the most elements that a value has: what the body's loops run over.
func (b *body) full() (n int) {
	for _, s := range b.specs {
		n = max(n, s.Shape.Size())
	}
	return n
}

// needs marks the parts that part i's inputs come from, and i.
func (b *body) needs(i int) []bool {
	marked := make([]bool, len(b.parts))
	if i < 0 {
		return marked
	}
	marked[i] = true
	for ; i >= 0; i-- { // parts come after what they read
		for _, v := range b.parts[i].In {
			if m := b.maker(v); m >= 0 && marked[i] {
				marked[m] = true
			}
		}
	}
	return marked
}

// early tells whether input j is read on the way into the core.
func (b *body) early(j int) bool {
	for i, needed := range b.needs(b.core) {
		if needed && slices.Contains(b.parts[i].In, j) {
			return true
		}
	}
	return false
}

func infer(op tensor.Op, in []tensor.Spec) []tensor.Spec {
	out, err := op.Infer(in)
	if err != nil {
		panic(&tensor.Error{Op: op, In: in, Err: err})
	}
	return out
}

func specsOf(ts []*tensor.Tensor) []tensor.Spec {
	return apply(ts, func(t *tensor.Tensor) tensor.Spec { return t.Spec })
}

// count is n numbers from first on.
func count(first, n int) []int {
	c := make([]int, n)
	for i := range c {
		c[i] = first + i
	}
	return c
}

func apply[A, B any](from []A, f func(A) B) []B {
	to := make([]B, len(from))
	for i, x := range from {
		to[i] = f(x)
	}
	return to
}
