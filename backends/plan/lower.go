package plan

import "kith/tensor"

// lower is the backend's own pass, if it has one: what it knows of its kernels, in ops of its own.
// What that makes equal, such as packed weights of two views, is then computed once.
func lower(b tensor.Backend, p []tensor.Instr) []tensor.Instr {
	l, ok := tensor.As[tensor.Lowerer](b)
	if !ok {
		return p
	}
	return cse(b, l.Lower(p, fresh))
}

// fresh is a name of a value that nobody makes yet.
func fresh(s tensor.Spec) *tensor.Tensor {
	t := &tensor.Tensor{Spec: s}
	t.Bind(&symbol{t.Bytes()}, 0)
	return t
}
