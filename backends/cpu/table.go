package cpu

import (
	"reflect"
	"unsafe"

	"kith/backends/cpu/internal/arena"
	"kith/tensor"
)

// An entry is a kernel in the backend's table, under the type of its op.
type entry struct {
	runs func(op tensor.Op, in []tensor.Spec) bool
	run  func(op tensor.Op, out, in []view)
}

// register adds a kernel for ops of type O on inputs for which runs is true.
func register[O tensor.Op](b *Backend, runs func(op O, in []tensor.Spec) bool, run func(op O, out, in []view)) {
	b.table[reflect.TypeFor[O]()] = entry{
		runs: func(op tensor.Op, in []tensor.Spec) bool { return runs(op.(O), in) },
		run:  func(op tensor.Op, out, in []view) { run(op.(O), out, in) },
	}
}

// fill makes the table.
func (b *Backend) fill() {
	b.table = map[reflect.Type]entry{}
	for _, add := range []func(*Backend){
		chains, rows, moves, losses, pools, products, searches, draws,
	} {
		add(b)
	}
}

// Runs tells whether Run has a kernel for op on inputs of these specs.
func (b *Backend) Runs(op tensor.Op, in []tensor.Spec) bool {
	e, ok := b.table[reflect.TypeOf(op)]
	return ok && e.runs(op, in)
}

// Run computes op and returns when it is done.
func (b *Backend) Run(op tensor.Op, out, in []*tensor.Tensor) bool {
	e, ok := b.table[reflect.TypeOf(op)]
	if !ok {
		return false
	}
	b.specs = b.specs[:0]
	for _, t := range in {
		b.specs = append(b.specs, t.Spec)
	}
	if !e.runs(op, b.specs) {
		return false
	}
	if b.err != nil {
		return true
	}
	b.in, b.out = b.views(b.in, in), b.views(b.out, out)
	b.temp.reset()
	e.run(op, b.out, b.in)
	return true
}

// A view is a tensor as kernels see it: elements in memory.
type view struct {
	tensor.Spec
	p unsafe.Pointer
	n int // elements
}

// views fills dst with the views of tensors.
func (b *Backend) views(dst []view, t []*tensor.Tensor) []view {
	dst = dst[:0]
	for _, t := range t {
		dst = append(dst, b.view(t))
	}
	return dst
}

// view looks up where the elements of t are.
func (b *Backend) view(t *tensor.Tensor) view {
	buf, offset := t.Buffer()
	data := buf.(*arena.Block).Data
	return view{t.Spec, unsafe.Add(unsafe.Pointer(unsafe.SliceData(data)), offset), t.Shape.Size()}
}

// The elements, as what they are. Nothing checks the dtype; an entry's runs has.
func (v view) f32() []float32 { return floats(v.p, v.n) }
func (v view) u16() []uint16  { return unsafe.Slice((*uint16)(v.p), v.n) }
func (v view) i32() []int32   { return unsafe.Slice((*int32)(v.p), v.n) }
func (v view) u8() []uint8    { return unsafe.Slice((*uint8)(v.p), v.n) }
func (v view) bytes() []byte  { return unsafe.Slice((*byte)(v.p), v.n*v.DType.Size()) }

// floats returns the n float32 at p.
func floats(p unsafe.Pointer, n int) []float32 { return unsafe.Slice((*float32)(p), n) }

// scratch is memory that an op needs while it runs. It grows to the largest need seen.
type scratch struct {
	b      *Backend
	blocks []*arena.Block // the last is the one in use
	used   int
	total  int // handed out since reset
}

// reset takes back what the last op was given. Where it needed several blocks, one of their size
// replaces them.
func (s *scratch) reset() {
	if len(s.blocks) > 1 {
		for _, old := range s.blocks {
			s.b.mem.Release(old)
		}
		s.blocks = s.blocks[:0]
		s.grow(s.total)
	}
	s.used, s.total = 0, 0
}

// grow adds a block of at least n bytes.
func (s *scratch) grow(n int) bool {
	block, err := s.b.mem.Alloc(max(n, 1<<20))
	if err != nil {
		s.b.fail(&tensor.MemoryError{Need: n, Free: -1})
		return false
	}
	s.blocks = append(s.blocks, block)
	s.used = 0
	return true
}

// bytes returns n bytes, aligned to 64, with undefined contents, until the op ends.
func (s *scratch) bytes(n int) unsafe.Pointer {
	n = (n + 127) &^ 63
	if last := len(s.blocks) - 1; last < 0 || s.used+n > len(s.blocks[last].Data) {
		if !s.grow(n) {
			return unsafe.Pointer(unsafe.SliceData(make([]byte, n)))
		}
	}
	p := unsafe.Add(unsafe.Pointer(unsafe.SliceData(s.blocks[len(s.blocks)-1].Data)), s.used)
	s.used += n
	s.total += n
	return p
}

// floats returns n float32, undefined.
func (s *scratch) floats(n int) []float32 { return floats(s.bytes(4*n), n) }

// zeros is floats, cleared.
func (s *scratch) zeros(n int) []float32 {
	x := s.floats(n)
	clear(x)
	return x
}

// zeros64 is doubles, cleared, on all threads where there are many.
func (s *scratch) zeros64(n int) []float64 {
	x := s.doubles(n)
	if n <= chunkLen/8 {
		clear(x)
		return x
	}
	j := s.b.job(nil, nil)
	j.out[0] = view{p: unsafe.Pointer(unsafe.SliceData(x)), n: n}
	s.b.rows(n, 2, func(j *rowJob, from, to int) { clear(elements[float64](j.out[0].p, j.out[0].n)[from:to]) })
	return x
}

// doubles returns n float64, undefined.
func (s *scratch) doubles(n int) []float64 { return unsafe.Slice((*float64)(s.bytes(8*n)), n) }

// ints returns n int32, undefined.
func (s *scratch) ints(n int) []int32 { return unsafe.Slice((*int32)(s.bytes(4*n)), n) }
