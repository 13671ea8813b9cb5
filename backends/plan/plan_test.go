package plan

import (
	"testing"

	"kith/internal/testflag"
	"kith/tensor"
)

// A program is a step for comparing ways to run it.
type program struct {
	name      string
	optimizer string
	step      func(w *world) func(*tensor.Scope)
}

var programs = []program{
	{"sgd", "sgd", func(w *world) func(*tensor.Scope) { return w.train }},
	{"lars", "lars", func(w *world) func(*tensor.Scope) { return w.train }},
	{"eval", "", func(w *world) func(*tensor.Scope) { return w.encode }},
}

func (p program) world(m mode, width int) *world {
	return newWorld(m.open(), m.compute, smallEncoder(width), 8*width, 4, 16, p.optimizer)
}

// subsets is none of the passes, all, and all but each; with -long all 2⁶.
func subsets() (sets [][]Pass) {
	pick := func(bits int) (set []Pass) {
		for i, p := range Passes {
			if bits>>i&1 == 1 {
				set = append(set, p)
			}
		}
		return set
	}
	all := 1<<len(Passes) - 1
	if testflag.Long() {
		for bits := range all + 1 {
			sets = append(sets, pick(bits))
		}
		return sets
	}
	sets = append(sets, nil, Passes)
	for i := range Passes {
		sets = append(sets, pick(all&^(1<<i)))
	}
	return sets
}

func passNames(set []Pass) []string { return apply(set, func(p Pass) string { return p.Name }) }

// TestPasses compares all state after 4 steps, one of them refused, op by op and planned with
// every subset of the passes.
func TestPasses(t *testing.T) {
	width := 2 // of the first maps; 8 in the network of spec/testing.md, whose graph is the same
	for _, m := range modes {
		for _, p := range programs {
			t.Run(m.name+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				eager := p.world(m, width)
				step := p.step(eager)
				want := run(t, eager, func() { eager.root.Run(step) })
				for _, set := range subsets() {
					w := p.world(m, width)
					got := run(t, w, CompileWith(w.root, p.step(w), set).Run)
					if i := differ(got, want); i >= 0 {
						t.Errorf("passes %v: element %d is %v, want %v", passNames(set), i, got[i], want[i])
					}
				}
			})
		}
	}
}

// run is the state after 4 steps.
func run(t *testing.T, w *world, step func()) []float64 {
	for i := range 4 {
		w.set(i, i == 2)
		step()
	}
	return w.state(t)
}
