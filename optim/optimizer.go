// Package optim updates parameters: an [Optimizer] is a chain of [Transform]s of the gradients.
//
// A transform sees all parameters at once, so that all norms of a model are one op. Which
// parameters it touches is decided by their kind, never by their name: see [Matrices]. What it
// remembers lives in slots, which are states like any other. The chain's result is subtracted.
package optim

import (
	"fmt"
	"iter"

	"kith/nn"
	"kith/tensor"
)

// A Transform maps the updates u of all parameters.
type Transform interface {
	// Slots is how many tensors of memory it wants for each parameter.
	Slots() int
	Apply(s *Step, u []*tensor.Tensor) []*tensor.Tensor
}

// A Step is what a transform sees of one update.
type Step struct {
	Params  []*tensor.Tensor // as the step began
	Rate    *tensor.Tensor   // F32 []: the learning rate
	Metrics map[string]*tensor.Tensor

	scope *tensor.Scope
	slots []*nn.State
}

// Slot is slot i as the step began: parameter i's, where the transform wants one each.
func (s *Step) Slot(i int) *tensor.Tensor { return s.scope.Enter(s.slots[i].Value) }

// SetSlot makes slot i hold v after the commit.
func (s *Step) SetSlot(i int, v *tensor.Tensor) { s.scope.Assign(s.slots[i].Value, v) }

// Only applies t to the parameters that keep chooses (nil: Matrices), and leaves the updates of
// others alone.
func Only(keep func(name string, p *nn.Param) bool, t Transform) Transform {
	if keep == nil {
		keep = Matrices
	}
	return only{t, keep}
}

type only struct {
	Transform
	keep func(name string, p *nn.Param) bool
}

// Matrices chooses tensors of rank > 1: biases and BatchNorm are neither decayed nor adapted.
func Matrices(_ string, p *nn.Param) bool { return len(p.Spec.Shape) > 1 }

// All chooses every parameter.
func All(string, *nn.Param) bool { return true }

// An Optimizer updates the parameters of a model.
type Optimizer struct {
	params []*nn.Param
	links  []link
	states []named
}

// link is a transform with the parameters and slots that are its.
type link struct {
	Transform
	at    []int // indices of parameters
	slots []*nn.State
}

type named struct {
	name  string
	state *nn.State
}

// New makes an optimizer of model's parameters, with slots of zeros in root. Chain goes first to
// last; transforms of the same type are told apart by their place.
func New(root *tensor.Scope, model any, chain ...Transform) *Optimizer {
	o := &Optimizer{}
	var names []string
	for name, p := range nn.Params(model) {
		names, o.params = append(names, name), append(o.params, p)
	}
	for place, t := range chain {
		keep := All
		for {
			f, ok := t.(only)
			if !ok {
				break
			}
			t, keep = f.Transform, both(keep, f.keep)
		}
		l := link{Transform: t}
		for i, p := range o.params {
			if !keep(names[i], p) {
				continue
			}
			l.at = append(l.at, i)
			for k := range t.Slots() {
				s := &nn.State{Value: root.New(p.Spec), Spec: p.Spec}
				tensor.Set(s.Value, make([]float32, p.Spec.Shape.Size()))
				l.slots = append(l.slots, s)
				o.states = append(o.states, named{fmt.Sprintf("%d.%d.%s", place, k, names[i]), s})
			}
		}
		o.links = append(o.links, l)
	}
	return o
}

func both(a, b func(string, *nn.Param) bool) func(string, *nn.Param) bool {
	return func(name string, p *nn.Param) bool { return a(name, p) && b(name, p) }
}

// Params are the parameters in step s, in the order that Update wants gradients in.
func (o *Optimizer) Params(s *tensor.Scope) []*tensor.Tensor {
	params := make([]*tensor.Tensor, len(o.params))
	for i, p := range o.params {
		params[i] = s.Enter(p.Value)
	}
	return params
}

// Update assigns new parameters and slots, from the rate (F32 []) and the gradients of Params;
// a nil gradient is zero. It returns metrics: grad_norm, the norm of all gradients together, and
// what the transforms tell, such as trust.
func (o *Optimizer) Update(s *tensor.Scope, rate *tensor.Tensor, grads []*tensor.Tensor) map[string]*tensor.Tensor {
	params := o.Params(s)
	u := make([]*tensor.Tensor, len(params))
	for i, g := range grads {
		if u[i] = g; g == nil {
			u[i] = params[i].Fill(0)
		}
	}
	metrics := map[string]*tensor.Tensor{"grad_norm": tensor.SquareSums(u...).Sum(0).Sqrt()}
	for _, l := range o.links {
		if len(l.at) == 0 {
			continue
		}
		step := &Step{pick(params, l.at), rate, metrics, s, l.slots}
		for j, v := range l.Apply(step, pick(u, l.at)) {
			u[l.at[j]] = v
		}
	}
	for i, p := range o.params {
		s.Assign(p.Value, params[i].Sub(u[i]))
	}
	return metrics
}

func pick(ts []*tensor.Tensor, at []int) []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(at))
	for i, j := range at {
		out[i] = ts[j]
	}
	return out
}

// States are the slots with their names, for checkpoints.
func (o *Optimizer) States() iter.Seq2[string, *nn.State] {
	return func(yield func(string, *nn.State) bool) {
		for _, n := range o.states {
			if !yield(n.name, n.state) {
				return
			}
		}
	}
}
