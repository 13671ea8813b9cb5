// Package ref is memory and nothing else: every op runs by its definition, in float64.
//
// It is what other backends are compared with, and the backend on which gradients and parity
// with other frameworks are checked to the last digits.
package ref

import "kith/tensor"

// A Backend has no kernels.
type Backend struct {
	name string
	like tensor.Backend // whose plans it runs; nil: none
	err  error          // the first failure
}

// Exact is a Backend on which all floats are F64.
type Exact struct{ Backend }

// Exact marks it: see tensor.Exact.
func (*Exact) Exact() {}

// New is the exact backend.
func New() *Exact { return &Exact{Backend{name: "ref"}} }

// Round keeps dtypes: each result is the float64 one, rounded once. It is the ideal that
// float32 and mixed-precision backends are compared with.
func Round() *Backend { return &Backend{name: "ref:round"} }

// Like is New, with plans of its own made as b makes them: the program that b would run, in
// float64. The caller keeps b, which only answers questions.
func Like(b tensor.Backend) *Exact { return &Exact{Backend{name: "ref:" + b.Name(), like: b}} }

// buffer is ordinary memory.
type buffer []byte

// Bytes is the buffer's size.
func (b *buffer) Bytes() int { return len(*b) }

// Name is "ref", "ref:round", or "ref:" and the backend it is like.
func (b *Backend) Name() string { return b.name }

// tooLarge is more bytes than any machine has; Go would end the process over them.
const tooLarge = 1 << 40

// Alloc fills new memory with NaN, so that reading before writing shows.
func (b *Backend) Alloc(bytes int) tensor.Buffer {
	if bytes >= tooLarge {
		if b.err == nil {
			b.err = &tensor.MemoryError{Need: bytes, Free: -1}
		}
		return new(buffer)
	}
	m := make(buffer, bytes)
	for i := range m {
		m[i] = 0xff
	}
	return &m
}

// Free leaves the memory to the garbage collector.
func (b *Backend) Free(tensor.Buffer) {}

// Run has no kernel for anything.
func (b *Backend) Run(tensor.Op, []*tensor.Tensor, []*tensor.Tensor) bool { return false }

// Runs answers as the backend that b is like, and no otherwise. A fused op still runs part by
// part.
func (b *Backend) Runs(op tensor.Op, in []tensor.Spec) bool {
	p, ok := tensor.As[tensor.Prober](b.like)
	return ok && p.Runs(op, in)
}

// Lower does what the backend that b is like does.
func (b *Backend) Lower(program []tensor.Instr, fresh func(tensor.Spec) *tensor.Tensor) []tensor.Instr {
	if l, ok := tensor.As[tensor.Lowerer](b.like); ok {
		return l.Lower(program, fresh)
	}
	return program
}

// Upload copies src.
func (b *Backend) Upload(dst *tensor.Tensor, src []byte) {
	if b.err == nil {
		copy(elements(dst), src)
	}
}

// Download copies src's elements, or returns the first failure.
func (b *Backend) Download(dst []byte, src *tensor.Tensor) error {
	if b.err == nil {
		copy(dst, elements(src))
	}
	return b.err
}

// Sync has nothing to wait for. It returns the first failure.
func (b *Backend) Sync() error { return b.err }

func elements(t *tensor.Tensor) []byte {
	b, offset := t.Buffer()
	return (*b.(*buffer))[offset:][:t.Bytes()]
}
