package tensor

import (
	"fmt"
	"slices"
)

// Apply runs op in the step that its inputs belong to. It panics with *Error if an input is a
// root tensor or belongs to another step, or if op does not fit the inputs.
func Apply(op Op, in ...*Tensor) []*Tensor {
	s, specs := check(op, in)
	shapes, err := op.Infer(specs)
	if err != nil {
		panic(&Error{op, specs, err})
	}
	if c, ok := op.(Cast); ok && s.exact && c.To.Float() && in[0].DType.Float() {
		return in // already F64: no op at all
	}
	out := s.compute(op, s.widen(shapes), in)
	if s.recorder != nil {
		s.recorder.Record(op, out, in)
	}
	return out
}

// one is Apply of an op with one output.
func one(op Op, in ...*Tensor) *Tensor { return Apply(op, in...)[0] }

// check returns the step of the inputs and their specs. Were root tensors allowed as inputs, one
// value would have two names, and a gradient could miss one.
func check(op Op, in []*Tensor) (*Scope, []Spec) {
	if len(in) == 0 {
		panic(&Error{op, nil, errNone})
	}
	for i, t := range in {
		if t == nil {
			panic(&Error{op, nil, fmt.Errorf("input %d is nil; perhaps a gradient that is not there", i)})
		}
	}
	specs := specsOf(in)
	for _, t := range in {
		switch {
		case t.scope.root == nil:
			panic(&Error{op, specs, errRoot})
		case t.scope.over:
			panic(&Error{op, specs, errOver})
		case t.scope != in[0].scope:
			panic(&Error{op, specs, errSteps})
		}
	}
	return in[0].scope, specs
}

func specsOf(in []*Tensor) []Spec {
	specs := make([]Spec, len(in))
	for i, t := range in {
		specs[i] = t.Spec
	}
	return specs
}

// compute gives the outputs of op: other names, the formula's result, or new tensors.
func (s *Scope) compute(op Op, outs []Spec, in []*Tensor) []*Tensor {
	if a, ok := op.(Alias); ok {
		return []*Tensor{{outs[0], in[0].buf, in[0].offset + a.Offset(in[0].Spec), s}}
	}
	if c, ok := op.(Composite); ok && !s.runs(op, in) {
		defer s.Record(s.Record(nil)) // the tape sees the composite, not its parts
		return c.Decompose(in)
	}
	out := make([]*Tensor, len(outs))
	for i, spec := range outs {
		out[i] = s.alloc(spec)
	}
	s.Exec(op, out, in)
	return out
}

// runs tells whether the backend has a kernel for a composite op.
func (s *Scope) runs(op Op, in []*Tensor) bool {
	p, ok := As[Prober](s.backend)
	return ok && p.Runs(op, specsOf(in))
}

// widen makes floats F64 in an exact scope.
func (s *Scope) widen(specs []Spec) []Spec {
	if !s.exact {
		return specs
	}
	specs = slices.Clone(specs)
	for i := range specs {
		specs[i] = s.wide(specs[i])
	}
	return specs
}

func (s *Scope) wide(spec Spec) Spec {
	if s.exact && spec.DType.Float() {
		spec.DType = F64
	}
	return spec
}

// Exec runs op on b, or by its definition on the host where b has no kernel. It reports whether
// there was one. A plan calls it for each instruction.
func Exec(b Backend, op Op, out, in []*Tensor) bool {
	if b.Run(op, out, in) {
		return true
	}
	ins := make([]Array, len(in))
	for i, t := range in {
		a, err := download(b, t)
		if err != nil {
			return false // it sticks; Sync will tell
		}
		ins[i] = a
	}
	outs := make([]Array, len(out))
	for i, t := range out {
		outs[i] = NewArray(t.Spec)
	}
	op.Eval(outs, ins)
	for i, t := range out {
		b.Upload(t, encode(outs[i]))
	}
	if len(out) == 0 { // a write: its first input has changed
		b.Upload(in[0], encode(ins[0]))
	}
	return false
}

// Exec runs op on s's backend, counting it in Fallbacks where the definition had to run.
func (s *Scope) Exec(op Op, out, in []*Tensor) {
	if Exec(s.backend, op, out, in) {
		return
	}
	root := s
	if s.root != nil {
		root = s.root
	}
	root.fallbacks[OpName(op)]++
}
