package plan

import (
	"slices"

	"kith/tensor"
)

// The places of a part, in the order of tensor.Fused. Take a convolution of ReLU((x-μ)·a+b) whose
// result is masked and summed: Sub Mul Add ReLU are its prologue, then the core, ReLUGrad the
// epilogue, Sum a reduction; what is done with the sum would be the tail.
const (
	prologue = iota
	core
	epilogue
	reduction
	tail
)

// arrange puts the parts into the one order that all equal bodies have: by place, within it as
// the results ask for them, inputs numbered as they are first read. It returns nil if a limit is
// broken or a part behind the core reads one before it.
func (g *merger) arrange() *node {
	g.findCore()
	place := g.places()
	if place == nil {
		return nil
	}
	order := g.order()
	slices.SortStableFunc(order, func(i, j int) int { return place[i] - place[j] })
	if len(g.ins) > mostInputs || !within(order, place) {
		return nil
	}
	b, ins := &body{}, []*tensor.Tensor(nil)
	number := make([]int, len(g.specs))
	for v := range number {
		number[v] = -1
	}
	for _, i := range order {
		for _, v := range g.parts[i].In {
			if v < g.in && number[v] < 0 {
				number[v] = len(ins)
				ins = append(ins, g.ins[v])
			}
		}
	}
	b.in, b.specs = len(ins), specsOf(ins)
	for _, i := range order {
		for k, v := range g.results(i) {
			number[v] = len(b.specs) + k
		}
		b.parts = append(b.parts, tensor.Part{Op: g.parts[i].Op, In: apply(g.parts[i].In, func(v int) int { return number[v] })})
		b.result(apply(g.results(i), func(v int) tensor.Spec { return g.specs[v] }))
	}
	b.out = apply(g.out, func(v int) int { return number[v] })
	b.findCore()
	return &node{Instr: tensor.Instr{Op: b.fused(), Out: g.outs, In: ins}, body: b}
}

// within checks the limit on parts.
func within(order, place []int) bool {
	n := [tail + 1]int{}
	for _, i := range order {
		n[place[i]]++
	}
	return n[prologue] <= mostParts && n[epilogue]+n[reduction]+n[tail] <= mostParts
}

// places is the place of each part; nil if a part behind the core reads one before it: prologues
// run over rows while they are packed, long before the tile that they would be needed in.
func (g *merger) places() []int {
	early := g.needs(g.core)
	place := make([]int, len(g.parts))
	for i, p := range g.parts {
		switch {
		case i == g.core:
			place[i] = core
			continue
		case early[i]:
			continue // prologue
		case columns(p.Op):
			place[i] = reduction
		default:
			place[i] = epilogue
		}
		for _, v := range p.In {
			m := g.maker(v)
			switch {
			case m < 0:
			case place[m] == prologue:
				return nil
			case place[m] >= reduction:
				place[i] = tail
			}
		}
	}
	return place
}

// order is the parts that the results need, each behind what it reads: first for results of the
// core and pointwise parts, then for columns.
func (g *merger) order() []int {
	var order []int
	done := make([]bool, len(g.parts))
	var visit func(v int)
	visit = func(v int) {
		i := g.maker(v)
		if i < 0 || done[i] {
			return
		}
		done[i] = true
		for _, v := range g.parts[i].In {
			visit(v)
		}
		order = append(order, i)
	}
	for _, reduced := range []bool{false, true} {
		for _, v := range g.out {
			if g.is(v, columns) == reduced {
				visit(v)
			}
		}
	}
	return order
}
