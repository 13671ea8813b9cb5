// Package plan records a step once and replays it: fused, in planned memory, without allocating.
//
//	train := plan.Compile(root, step)
//	for … {
//		in.Set(…)
//		train.Run()
//	}
//
// The tracer calls the step function once and remembers its ops; passes rewrite the list; each
// value gets a place in one arena. Running the step function op by op is the definition, the plan
// an optimization: both leave the same bits, whatever passes are left out.
//
// # Values
//
// Passes know values by buffer and offset, not by tensor, so aliases are other names for the same
// value. Within a step root tensors are read-only and every value is written once; the writes of
// the commit come last. So any order that keeps makers before readers is right, and a pass that
// moves or copies an instruction has nothing else to look at.
//
// # Passes
//
// Each can be left out. In the order of their names in [Passes]:
//
//   - dead drops what nobody needs
//   - cse keeps one of equal computations
//   - remat gives each reader of a cheap value its own copy, so that nobody stores it
//   - fuse merges instructions into a tensor.Fused where that moves fewer bytes
//   - lower is the backend's own pass
//   - direct computes the next value of a root tensor where the root tensor is
//
// Only fuse needs the backend's word, and only its column sums may differ in the last bits from
// unfused ones. A pass is a file and a line in Passes; TestPasses takes it up.
package plan

import "kith/tensor"

// A Pass rewrites a program for a backend. It may change the program it is given.
type Pass struct {
	Name string
	Run  func(b tensor.Backend, p []tensor.Instr) []tensor.Instr
}

// Passes is all passes, in the order that they must keep.
var Passes = []Pass{{"dead", dead}, {"cse", cse}, {"remat", remat}, {"fuse", fuse}, {"lower", lower}, {"direct", direct}}

// A Plan is a compiled step of one root. Plans of a root share its arena: they run one at a time,
// and none keeps anything there.
type Plan struct {
	root    *tensor.Scope
	program []tensor.Instr
	bytes   int           // of the arena
	arena   tensor.Buffer // that places are bound to
	places  []bound
	ran     bool   // once, plainly: modules are loaded, scratch has grown
	replay  func() // what the backend has captured
	err     error  // why it could not
}

// bound is a name in the program, and its offset in the arena.
type bound struct {
	t      *tensor.Tensor
	offset int
}

// Compile plans step with all passes. The step function is called once, and computes nothing: it
// panics with *tensor.Error if it asks for values.
func Compile(root *tensor.Scope, step func(*tensor.Scope)) *Plan {
	return CompileWith(root, step, Passes)
}

// CompileWith plans step with these passes, some of Passes in their order.
func CompileWith(root *tensor.Scope, step func(*tensor.Scope), passes []Pass) *Plan {
	program := trace(root, step)
	for _, pass := range passes {
		program = pass.Run(root.Backend(), program)
	}
	return settle(root, program)
}

// settle gives a program its places.
func settle(root *tensor.Scope, program []tensor.Instr) *Plan {
	p := &Plan{root: root, program: program}
	l := place(program)
	p.bytes = l.bytes
	for _, i := range program {
		for _, ts := range [][]*tensor.Tensor{i.Out, i.In} {
			for _, t := range ts {
				b, offset := t.Buffer()
				if s, ok := b.(*symbol); ok {
					p.places = append(p.places, bound{t, l.rooms[s].offset + offset})
				}
			}
		}
	}
	p.bind()
	return p
}

// bind binds all names to the root's arena, if that has moved: a larger plan replaces it. What has
// been captured then holds addresses that are no more.
func (p *Plan) bind() {
	arena := p.root.Arena(p.bytes)
	if arena == p.arena {
		return
	}
	for _, n := range p.places {
		n.t.Bind(arena, n.offset)
	}
	p.arena, p.ran, p.replay = arena, false, nil
}

// Run queues one step. The first one replays plainly, since backends may allocate scratch and load
// kernels in it; from the second on a backend that can captures the step, if it has all kernels:
// a definition would wait for values in the midst of the recording.
func (p *Plan) Run() {
	p.bind()
	if p.replay != nil {
		p.replay()
		return
	}
	if !p.ran {
		p.ran = true
		p.step()
		return
	}
	if c, ok := tensor.As[tensor.Capturer](p.root.Backend()); ok && p.err == nil && len(p.missing()) == 0 {
		if p.replay, p.err = c.Capture(p.step); p.err == nil {
			p.replay()
			return
		}
	}
	p.step()
}

// step runs the instructions one by one.
func (p *Plan) step() {
	for i := range p.program {
		n := &p.program[i]
		p.root.Exec(n.Op, n.Out, n.In)
	}
}

// Program is the instructions, for reading only.
func (p *Plan) Program() []tensor.Instr { return p.program }
