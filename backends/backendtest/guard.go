package backendtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"testing"

	"kith/tensor"
)

// fence is the bytes before and after each buffer that nobody may write: 1,024 floats.
const fence = 4096

// A guard is a backend around the one under test. It hands out buffers that are full of poison
// and lie between fences, and lends tensors that are taken away after each call.
type guard struct {
	tensor.Backend
	t      *testing.T
	poison byte // what new buffers are full of; 0xff is NaN
	shift  int  // bytes by which elements lie off the alignment
	op     tensor.Op
	ran    bool // the last op had a kernel
	fill   []byte
	shares map[string]float64 // by op: the largest share of a limit that was used
}

func newGuard(t *testing.T, b tensor.Backend) *guard {
	return &guard{Backend: b, t: t, poison: 0xff, shares: map[string]float64{}}
}

// exact tells whether all floats are float64.
func (g *guard) exact() bool {
	_, ok := tensor.As[tensor.Exact](g.Backend)
	return ok
}

func (g *guard) note(op string, share float64) { g.shares[op] = max(g.shares[op], share) }

// end closes the backend under test.
func (g *guard) end() {
	g.t.Helper()
	for _, op := range slices.Sorted(maps.Keys(g.shares)) {
		if s := g.shares[op]; s > 0 {
			g.t.Logf("%-18s %3.0f %% of its limit", op, 100*s)
		}
	}
	if err := g.Sync(); err != nil {
		g.t.Error("at the end:", err)
	}
	if c, ok := tensor.As[io.Closer](g.Backend); ok {
		if err := c.Close(); err != nil {
			g.t.Error("close:", err)
		}
	}
}

// Unwrap shows the optional interfaces of the backend under test.
func (g *guard) Unwrap() tensor.Backend { return g.Backend }

// Close keeps a root of one sample from closing the backend, which serves the next.
func (g *guard) Close() error { return nil }

// fenced is a buffer between fences.
type fenced struct {
	tensor.Buffer // of the backend under test
	bytes, start  int
}

func (f *fenced) Bytes() int { return f.bytes }

// Alloc asks for room for the fences too, and writes them.
func (g *guard) Alloc(n int) tensor.Buffer {
	f := &fenced{g.Backend.Alloc(n + 2*fence + g.shift), n, fence + g.shift}
	if got := f.Buffer.Bytes(); got < n+2*fence+g.shift {
		g.t.Errorf("Alloc(%d) gave %d bytes", n+2*fence+g.shift, got)
	}
	g.Backend.Upload(f.part(0, f.start), g.full(f.start, 0x5c))
	g.Backend.Upload(f.part(f.start, n), g.full(n, g.poison))
	g.Backend.Upload(f.part(f.start+n, fence), g.full(fence, 0x5c))
	return f
}

// part names bytes of the whole buffer.
func (f *fenced) part(from, n int) *tensor.Tensor {
	t := &tensor.Tensor{Spec: tensor.Of(tensor.U8, n)}
	t.Bind(f.Buffer, from)
	return t
}

func (g *guard) full(n int, b byte) []byte {
	if len(g.fill) < n {
		g.fill = make([]byte, 2*n)
	}
	for i := range n {
		g.fill[i] = b
	}
	return g.fill[:n]
}

// Free looks at the fences before it gives the buffer back.
func (g *guard) Free(b tensor.Buffer) {
	f := b.(*fenced)
	got := make([]byte, fence+g.shift)
	for _, side := range []struct {
		name    string
		from, n int
	}{{"before", 0, f.start}, {"behind", f.start + f.bytes, fence}} {
		if err := g.Backend.Download(got[:side.n], f.part(side.from, side.n)); err != nil {
			break // the end of the test says so
		}
		if !bytes.Equal(got[:side.n], g.full(side.n, 0x5c)) {
			g.t.Errorf("%v wrote %s a buffer of %d bytes", g.op, side.name, f.bytes)
		}
	}
	g.Backend.Free(f.Buffer)
}

// lend names the same elements for the backend under test.
func (g *guard) lend(ts []*tensor.Tensor) []*tensor.Tensor {
	lent := make([]*tensor.Tensor, len(ts))
	for i, t := range ts {
		b, offset := t.Buffer()
		f := b.(*fenced)
		lent[i] = &tensor.Tensor{Spec: t.Spec}
		lent[i].Bind(f.Buffer, f.start+offset)
	}
	return lent
}

// Run passes op on, with tensors that are worth nothing once it returns: none may be retained.
func (g *guard) Run(op tensor.Op, out, in []*tensor.Tensor) bool {
	g.op = op
	lentOut, lentIn := g.lend(out), g.lend(in)
	g.ran = g.Backend.Run(op, lentOut, lentIn)
	for _, t := range append(lentOut, lentIn...) {
		t.Spec = tensor.Spec{}
		t.Bind(nil, 0)
	}
	if p, ok := tensor.As[tensor.Prober](g.Backend); ok {
		if says := p.Runs(op, specsOf(in)); says != g.ran {
			g.t.Errorf("%s: Runs says %v, Run %v", opText(op, specsOf(in)), says, g.ran)
		}
	}
	return g.ran
}

// Upload passes on.
func (g *guard) Upload(dst *tensor.Tensor, src []byte) {
	g.Backend.Upload(g.lend([]*tensor.Tensor{dst})[0], src)
}

// Download passes on.
func (g *guard) Download(dst []byte, src *tensor.Tensor) error {
	return g.Backend.Download(dst, g.lend([]*tensor.Tensor{src})[0])
}

// apply runs op in a step of its own and returns its outputs; of a write, what its target holds.
// Inputs must come out as they went in.
func (g *guard) apply(op tensor.Op, in []tensor.Array) (out []tensor.Array, err error) {
	defer tensor.Catch(&err)
	g.op = op
	root := tensor.Open(g)
	defer func() { err = errors.Join(err, root.Close()) }()
	leaves := enter(root, in)
	read := func(t *tensor.Tensor) tensor.Array {
		data, e := tensor.Data[float64](t)
		err = errors.Join(err, e)
		return tensor.Array{Spec: t.Spec, Data: data}
	}
	root.Run(func(s *tensor.Scope) {
		for _, o := range tensor.Apply(op, entered(s, leaves)...) {
			out = append(out, read(o))
		}
	})
	written := len(out) == 0
	if written {
		out = append(out, read(leaves[0]))
	}
	for i, t := range leaves {
		if now := read(t); !(written && i == 0) && !sameBits(now.Data, in[i].Data) {
			return out, fmt.Errorf("input %d changed", i)
		}
	}
	return out, err
}

// enter makes root tensors of arrays.
func enter(root *tensor.Scope, in []tensor.Array) []*tensor.Tensor {
	leaves := make([]*tensor.Tensor, len(in))
	for i, a := range in {
		leaves[i] = root.New(a.Spec)
		tensor.Set(leaves[i], a.Data)
	}
	return leaves
}

func entered(s *tensor.Scope, leaves []*tensor.Tensor) []*tensor.Tensor {
	names := make([]*tensor.Tensor, len(leaves))
	for i, t := range leaves {
		names[i] = s.Enter(t)
	}
	return names
}

// check compares an op's result with its definition.
func (g *guard) check(t *testing.T, s *sample) {
	t.Helper()
	defer func(outer *testing.T) { g.t = outer }(g.t)
	g.t = t
	got, err := g.apply(s.Op, s.In)
	if err == nil {
		var share float64
		share, err = s.compare(got, g.exact())
		g.note(tensor.OpName(s.Op), share)
	}
	if err != nil {
		t.Errorf("%v: %v", s, err)
	}
}

// sameBits tells whether all elements are equal, -0 unlike 0, NaN like any NaN.
func sameBits(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i, v := range a {
		if math.Float64bits(v) != math.Float64bits(b[i]) && (v == v || b[i] == b[i]) {
			return false
		}
	}
	return true
}

func specsOf(in []*tensor.Tensor) []tensor.Spec {
	specs := make([]tensor.Spec, len(in))
	for i, t := range in {
		specs[i] = t.Spec
	}
	return specs
}

// opText is an op with its inputs, for messages.
func opText(op tensor.Op, in []tensor.Spec) string {
	return (&tensor.Error{Op: op, In: in, Err: errors.New("")}).Error()
}
