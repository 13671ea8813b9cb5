package cpu

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unsafe"

	"github.com/klauspost/cpuid/v2"

	"kith/backends/cpu/internal/arena"
	"kith/backends/cpu/internal/product"
	"kith/backends/cpu/internal/simd"
	"kith/internal/par"
	"kith/tensor"
)

// Options choose how ops are computed. The zero value is the best the machine has.
type Options struct {
	// Level is "generic", "avx2", "avx512", "amx" or "neon"; "" is the highest that the machine has.
	Level string
	// Strict computes convolutions directly, without Winograd's larger errors.
	Strict bool
	// Threads is the number of threads, the caller's included; 0 means GOMAXPROCS.
	Threads int
}

// A Backend runs ops on the processor. One goroutine at a time may use it.
type Backend struct {
	name    string
	level   simd.Level
	k       *simd.Kernels
	halves  *simd.Halves // nil where there are none
	pool    *par.Pool
	product *product.Engine
	mem     arena.Arena
	kept    map[*float32]*arena.Block // by keep
	temp    scratch
	lanes   []lane
	stream  int // bytes of a result from which on it is stored around the caches

	table   map[reflect.Type]entry
	tiles   map[reflect.Type]tileEntry
	jobs    jobs
	fused   map[*tensor.Fused]*program
	alone   map[key]*program
	in, out []view // of the op at hand
	specs   []tensor.Spec
	err     error // the first failure
}

// streamFrom returns the bytes of a result from which on it is stored around the caches: half of the
// L3, as it is out of it before it is read then. A virtual machine shows the L3 of all its host, so
// no more than 8 MiB a thread are believed in; nor fewer than 16 in all.
//
// On such a machine (2 threads, 480 MiB shown), BatchNorm with ReLU of 51 MB out of place took 3.1 to
// 3.2 ms around the caches and 4.1 to 7.7 through them: best of 41 in turns, three runs, others busy.
func streamFrom(threads int) int {
	return max(16<<20, min(cpuid.CPU.Cache.L3/2, threads*8<<20))
}

// Levels returns the names of the levels that this machine can run, lowest first.
func Levels() []string {
	var names []string
	for _, l := range simd.Levels() {
		names = append(names, l.String())
	}
	return names
}

// Open opens the backend that words name: a level, "strict", or both with a comma between; ""
// for the best level. A level that the machine lacks is an error that names what is missing.
func Open(words string) (*Backend, error) {
	o, err := Parse(words)
	if err != nil {
		return nil, err
	}
	return New(o)
}

// Parse is the options that words name, as for Open.
func Parse(words string) (o Options, err error) {
	for w := range strings.SplitSeq(words, ",") {
		switch {
		case w == "strict":
			o.Strict = true
		case w != "" && o.Level == "":
			o.Level = w
		case w != "":
			return o, fmt.Errorf("cpu: %q beside level %s; one level, or strict", w, o.Level)
		}
	}
	return o, nil
}

// New opens a backend.
func New(o Options) (*Backend, error) {
	level := simd.Detect()
	if o.Level != "" {
		l, err := simd.ParseLevel(o.Level)
		if err != nil {
			return nil, fmt.Errorf("cpu: %w", err)
		}
		if f := l.Missing(); f != "" {
			return nil, fmt.Errorf("cpu: level %s needs %s, which is missing here", l, f)
		}
		level = l
	}
	b := &Backend{level: level, name: "cpu:" + level.String(), k: simd.KernelsOf(level), halves: simd.HalvesOf(level)}
	if o.Strict {
		b.name += ",strict"
	}
	b.pool = par.New(o.Threads)
	b.stream = streamFrom(b.pool.Threads())
	b.mem.Touch = b.touch
	b.temp.b, b.kept = b, map[*float32]*arena.Block{}
	b.product = product.New(b.pool, level, product.Options{Strict: o.Strict, Alloc: b.keep, Free: b.drop})
	b.fused, b.alone = map[*tensor.Fused]*program{}, map[key]*program{}
	b.fill()
	b.lanes = make([]lane, b.pool.Threads())
	for i := range b.lanes {
		b.lanes[i].init(b)
	}
	return b, b.err
}

// Name returns the name that opens this backend again, with its level.
func (b *Backend) Name() string { return b.name }

// Alloc returns a buffer of n bytes with undefined contents.
func (b *Backend) Alloc(n int) tensor.Buffer {
	block, err := b.mem.Alloc(n)
	if err != nil {
		b.fail(errors.Join(&tensor.MemoryError{Need: n, Free: -1}, err))
		return &arena.Block{Data: make([]byte, 0)}
	}
	return block
}

// Free gives a buffer back.
func (b *Backend) Free(buf tensor.Buffer) {
	if block := buf.(*arena.Block); block.Reserved() {
		b.mem.Free(block)
	}
}

// Upload copies src to dst.
func (b *Backend) Upload(dst *tensor.Tensor, src []byte) {
	if b.err == nil {
		b.copy(b.view(dst).bytes(), src)
	}
}

// Download copies src to dst, or returns the first failure.
func (b *Backend) Download(dst []byte, src *tensor.Tensor) error {
	if b.err == nil {
		b.copy(dst, b.view(src).bytes())
	}
	return b.err
}

// Sync returns the first failure; all work is done when Run returns.
func (b *Backend) Sync() error { return b.err }

// Close ends the threads and unmaps all memory.
func (b *Backend) Close() error {
	b.pool.Close()
	return b.mem.Close()
}

// fail notes the first failure. It sticks: later ops do nothing, and Sync and Download return it.
func (b *Backend) fail(err error) {
	if b.err == nil {
		b.err = fmt.Errorf("%s: %w", b.name, err)
	}
}

// keep returns memory for n floats that lives until Close, or until drop.
func (b *Backend) keep(n int) []float32 {
	block, err := b.mem.Alloc(4 * n)
	if err != nil { // the caller goes on computing; nobody will see the result
		b.fail(errors.Join(&tensor.MemoryError{Need: 4 * n, Free: -1}, err))
		return make([]float32, n)
	}
	x := floats(unsafe.Pointer(unsafe.SliceData(block.Data)), n)
	b.kept[unsafe.SliceData(x)] = block
	return x
}

// drop gives back what keep has returned.
func (b *Backend) drop(x []float32) {
	if p := unsafe.SliceData(x); b.kept[p] != nil {
		b.mem.Release(b.kept[p])
		delete(b.kept, p)
	}
}

// touch writes to each page of fresh memory, on all threads: the system makes a page when it is
// first touched, and that is the slow part.
func (b *Backend) touch(fresh []byte) {
	const piece, page = 4 << 20, 4 << 10
	b.pool.For((len(fresh)+piece-1)/piece, func(i int) {
		part := fresh[i*piece : min((i+1)*piece, len(fresh))]
		for at := 0; at < len(part); at += page {
			part[at] = 0
		}
	})
}
