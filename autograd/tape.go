// Package autograd differentiates a step: a [Tape] records its ops, and walks them back by the
// gradient rule of each.
//
//	tape := autograd.Record(s)
//	loss := model(s.Enter(w), x)
//	grads := tape.Grad(loss, s.Enter(w))
//
// Gradients are values; there is nothing to zero and nothing to switch off.
package autograd

import (
	"fmt"
	"slices"

	"kith/tensor"
)

// A Tape is the list of a step's ops.
type Tape struct {
	scope *tensor.Scope
	nodes []node
}

type node struct {
	op      tensor.Op
	out, in []*tensor.Tensor
}

// Record starts a tape of what is applied in s from now on.
func Record(s *tensor.Scope) *Tape {
	t := &Tape{scope: s}
	s.Record(t)
	return t
}

// Record notes one op; the scope calls it.
func (t *Tape) Record(op tensor.Op, out, in []*tensor.Tensor) {
	t.nodes = append(t.nodes, node{op, out, in})
}

// Grad is the derivative of loss, a scalar, in each of wrt; nil where loss does not depend on it.
// A gradient has the dtype of its tensor, or a wider one. It panics with *tensor.Error if loss is
// no scalar.
func (t *Tape) Grad(loss *tensor.Tensor, wrt ...*tensor.Tensor) []*tensor.Tensor {
	if loss.Shape.Size() != 1 {
		panic(&tensor.Error{Err: fmt.Errorf("gradient of %v: want a scalar loss", loss.Spec)})
	}
	// The upstream gradient 1 is not part of what was recorded.
	defer t.scope.Record(t.scope.Record(nil))
	return t.Pull([]*tensor.Tensor{loss}, []*tensor.Tensor{loss.Fill(1)}, wrt...)
}

// Pull is Grad with given gradients of several outputs.
func (t *Tape) Pull(out, grad []*tensor.Tensor, wrt ...*tensor.Tensor) []*tensor.Tensor {
	defer t.scope.Record(t.scope.Record(nil)) // no second derivatives
	need := t.dependents(wrt)
	sums := sums{}
	for i, o := range out {
		sums.add(o, grad[i])
	}
	for _, n := range slices.Backward(t.nodes) {
		upstream, any := sums.of(n.out, need)
		if !any {
			continue
		}
		for i, d := range n.op.VJP(n.in, n.out, upstream) {
			if d != nil && need[n.in[i]] {
				sums.add(n.in[i], d)
			}
		}
	}
	grads, _ := sums.of(wrt, need)
	return grads
}

// dependents marks wrt and everything computed from it.
func (t *Tape) dependents(wrt []*tensor.Tensor) map[*tensor.Tensor]bool {
	need := map[*tensor.Tensor]bool{}
	for _, w := range wrt {
		need[w] = true
	}
	for _, n := range t.nodes {
		if !slices.ContainsFunc(n.in, func(in *tensor.Tensor) bool { return need[in] }) {
			continue
		}
		for _, o := range n.out {
			need[o] = true
		}
	}
	return need
}

// sums is the gradient of each tensor, as far as known.
type sums map[*tensor.Tensor]*tensor.Tensor

func (s sums) add(t, d *tensor.Tensor) {
	old := s[t]
	switch {
	case old == nil:
		s[t] = d
	case old.DType == d.DType:
		s[t] = old.Add(d)
	default: // one path ended in a wide sum
		s[t] = old.Wide().Add(d.Wide())
	}
}

// of is the gradient of each of ts, and whether any that matters has one.
func (s sums) of(ts []*tensor.Tensor, need map[*tensor.Tensor]bool) (grads []*tensor.Tensor, any bool) {
	grads = make([]*tensor.Tensor, len(ts))
	for i, t := range ts {
		grads[i] = s[t]
		any = any || grads[i] != nil && need[t]
	}
	return grads, any
}
