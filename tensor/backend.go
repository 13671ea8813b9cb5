package tensor

// A Buffer is memory of a backend. Buffers are comparable.
type Buffer interface{ Bytes() int }

// A Backend runs ops in the order given. Run queues op and returns; false means no kernel.
// The first failure sticks: later calls do nothing, and Download and Sync return it.
//
// The contract, each line a test of backends/backendtest:
//
//  1. All calls take effect in call order, Free too.
//  2. Run that returns false has no effect; else it writes every element of every output, and
//     nothing else.
//  3. An output may share its buffer with an input if its element i depends on that input's
//     element i alone.
//  4. Buffers are aligned to 64 bytes; their contents are undefined. Running out of memory
//     sticks as *MemoryError; Alloc still returns a buffer.
//  5. No tensor is retained after a call.
//  6. Kernel scratch belongs to the backend and grows to the largest need seen.
//  7. Results do not depend on threads, timing or run.
//  8. One goroutine at a time calls it.
type Backend interface {
	Name() string
	Alloc(bytes int) Buffer
	Free(Buffer)
	Run(op Op, out, in []*Tensor) bool
	Upload(dst *Tensor, src []byte)         // src may be reused on return
	Download(dst []byte, src *Tensor) error // waits for what was queued
	Sync() error
}

// A Prober tells whether Run would have a kernel for op on inputs of these specs.
type Prober interface {
	Runs(op Op, in []Spec) bool
}

// A Lowerer has a last pass of its own over a planned step, with ops of its own. Values that these
// make are fresh tensors.
type Lowerer interface {
	Lower(program []Instr, fresh func(Spec) *Tensor) []Instr
}

// A Capturer records what run queues, for replay by one call.
type Capturer interface {
	Capture(run func()) (replay func(), err error)
}

// Exact marks a backend on which all floats are float64.
type Exact interface{ Exact() }

// A Wrapper is a backend around another.
type Wrapper interface{ Unwrap() Backend }

// An Instr is one op of a planned step.
type Instr struct {
	Op      Op
	Out, In []*Tensor
}

// As finds the first T in b and what it wraps, like errors.As.
func As[T any](b Backend) (t T, ok bool) {
	for b != nil {
		if t, ok = b.(T); ok {
			return t, true
		}
		w, wraps := b.(Wrapper)
		if !wraps {
			break
		}
		b = w.Unwrap()
	}
	return t, false
}

// A MemoryError says that a device has not enough memory.
type MemoryError struct {
	Need, Free int // bytes; Free is -1 where the device does not tell
}

func (e *MemoryError) Error() string {
	if e.Free < 0 {
		return "out of memory: need " + bytesText(e.Need) + " more"
	}
	return "out of memory: need " + bytesText(e.Need) + ", free " + bytesText(e.Free)
}
