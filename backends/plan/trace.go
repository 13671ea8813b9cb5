package plan

import (
	"errors"
	"slices"

	"kith/tensor"
)

// A symbol stands for a buffer of the step, until place says where in the arena it is.
type symbol struct{ bytes int }

// Bytes is the buffer's size.
func (s *symbol) Bytes() int { return s.bytes }

// A tracer is a backend that computes nothing and remembers everything. It answers questions as
// the backend under it does, so a step traces into the ops that it would run.
type tracer struct {
	tensor.Backend
	program []tensor.Instr
}

// trace is the program of one step. No two names of a value in it are the same *tensor.Tensor, so
// passes may bind each one as they like.
func trace(root *tensor.Scope, step func(*tensor.Scope)) []tensor.Instr {
	t := &tracer{Backend: root.Backend()}
	root.RunOn(t, step)
	return t.program
}

// Unwrap is the backend that questions go to.
func (t *tracer) Unwrap() tensor.Backend { return t.Backend }

// Alloc makes a symbol: each is one value, so equal symbols are equal values until place lets them
// share memory.
func (t *tracer) Alloc(bytes int) tensor.Buffer { return &symbol{bytes} }

// Free does nothing: lifetimes follow from the program.
func (t *tracer) Free(tensor.Buffer) {}

// Run remembers op.
func (t *tracer) Run(op tensor.Op, out, in []*tensor.Tensor) bool {
	t.program = append(t.program, tensor.Instr{Op: op, Out: names(out), In: names(in)})
	return true
}

// names are fresh names of the same values.
func names(ts []*tensor.Tensor) []*tensor.Tensor {
	c := slices.Clone(ts)
	for i, t := range ts {
		c[i] = rename(t)
	}
	return c
}

// rename is a fresh name of the same value.
func rename(t *tensor.Tensor) *tensor.Tensor {
	c := *t
	return &c
}

var (
	errValues = errors.New("no values while planning; Report it to a root tensor and read that")
	errUpload = errors.New("no uploads while planning; Set root tensors between steps")
)

// Upload panics: the host has no part in a planned step.
func (t *tracer) Upload(*tensor.Tensor, []byte) { panic(&tensor.Error{Err: errUpload}) }

// Download panics: what the host would read has not been computed.
func (t *tracer) Download([]byte, *tensor.Tensor) error { panic(&tensor.Error{Err: errValues}) }

// Sync panics, as Download does: what a step waits for is never there.
func (t *tracer) Sync() error { panic(&tensor.Error{Err: errValues}) }
