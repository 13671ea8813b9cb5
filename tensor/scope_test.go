package tensor_test

import (
	"errors"
	"slices"
	"testing"

	"kith/backends/ref"
	"kith/tensor"
)

// counting is a backend that keeps a pool of buffers, as real ones do, and counts.
type counting struct {
	*ref.Exact
	pool         map[int][]tensor.Buffer
	fresh, freed int             // buffers made, and given back
	ops          []string        // what ran
	targets      []tensor.Buffer // where ops without output wrote
	kernels      []string        // ops that Runs and Run claim to have
	closed       int
	fail         error
}

func (b *counting) Alloc(n int) tensor.Buffer {
	if free := b.pool[n]; len(free) > 0 {
		b.pool[n] = free[1:]
		return free[0]
	}
	b.fresh++
	return b.Exact.Alloc(n)
}

func (b *counting) Free(buf tensor.Buffer) {
	if b.pool == nil {
		b.pool = map[int][]tensor.Buffer{}
	}
	b.freed++
	b.pool[buf.Bytes()] = append(b.pool[buf.Bytes()], buf)
}

func (b *counting) Run(op tensor.Op, out, in []*tensor.Tensor) bool {
	b.ops = append(b.ops, tensor.OpName(op))
	if len(out) == 0 {
		buf, _ := in[0].Buffer()
		b.targets = append(b.targets, buf)
	}
	return slices.Contains(b.kernels, tensor.OpName(op))
}

func (b *counting) Runs(op tensor.Op, in []tensor.Spec) bool {
	return slices.Contains(b.kernels, tensor.OpName(op))
}

func (b *counting) Sync() error  { return b.fail }
func (b *counting) Close() error { b.closed++; return nil }

// A training step in its steady state takes every buffer from the pool.
func TestSteadyState(t *testing.T) {
	b := &counting{Exact: ref.New()}
	root := tensor.Open(b)
	x, w := root.New(tensor.Of(tensor.F32, 4, 3)), root.New(tensor.Of(tensor.F32, 2, 3))
	tensor.Set(x, make([]float32, 12))
	tensor.Set(w, make([]float32, 6))
	step := func(s *tensor.Scope) {
		y := s.Enter(x).MatMulT(s.Enter(w)).ReLU().Unit()
		s.Assign(w, s.Enter(w).Sub(y.Sum(0).Fill(1).Spread(s.Enter(w)).Scale(0.1)))
	}
	root.Run(step)
	first, perStep := b.fresh, b.freed
	if perStep < 5 {
		t.Errorf("a step freed %d buffers", perStep)
	}
	for range 10 {
		root.Run(step)
	}
	if b.fresh != first {
		t.Errorf("%d buffers after the first step, %d after the eleventh", first, b.fresh)
	}
	if b.freed != 11*perStep {
		t.Errorf("freed %d buffers in 11 steps, %d in the first", b.freed, perStep)
	}
	if err := root.Close(); err != nil {
		t.Error(err)
	}
	if b.freed != 11*perStep+2 {
		t.Errorf("closing the root freed %d buffers, want its 2", b.freed-11*perStep)
	}
}

// Close frees once, closes the backend once, and tells the first failure.
func TestClose(t *testing.T) {
	lost := errors.New("device lost")
	b := &counting{Exact: ref.New(), fail: lost}
	root := tensor.Open(b)
	f32s(root, 1)
	if err := root.Close(); err != lost {
		t.Errorf("got %v, want %v", err, lost)
	}
	if err := root.Close(); err != nil {
		t.Errorf("the second Close gives %v", err)
	}
	if b.closed != 1 || b.freed != 1 {
		t.Errorf("closed %d times, freed %d buffers; want 1 and 1", b.closed, b.freed)
	}
	if err := root.Sync(); err != lost {
		t.Errorf("Sync gives %v", err)
	}
}

// A step that panics frees what it made.
func TestPanicFrees(t *testing.T) {
	b := &counting{Exact: ref.New()}
	root := tensor.Open(b)
	x := f32s(root, 1)
	func() {
		defer func() { recover() }()
		root.Run(func(s *tensor.Scope) { s.Enter(x).Exp().Log(); panic("") })
	}()
	if b.freed != 2 {
		t.Errorf("freed %d buffers, want 2", b.freed)
	}
}

// RunOn sends the step's ops elsewhere; the root's tensors stay.
func TestRunOn(t *testing.T) {
	root := tensor.Open(ref.New())
	x := f32s(root, 3)
	other := &counting{Exact: ref.New()}
	root.RunOn(other, func(s *tensor.Scope) {
		if s.Backend() != other {
			t.Error("the step is not on the other backend")
		}
		s.Assign(x, s.Enter(x).Scale(2))
	})
	if want := []string{"Scale", "Write"}; !slices.Equal(other.ops, want) {
		t.Errorf("ran %v, want %v", other.ops, want)
	}
	holds[float32](t, "x", x, 6)
	if root.Backend() == other {
		t.Error("the root moved")
	}
}

// What has no kernel is counted by name, on the root.
func TestFallbacks(t *testing.T) {
	b := &counting{Exact: ref.New(), kernels: []string{"Scale", "Write"}}
	root := tensor.Open(b)
	x := f32s(root, 1)
	for range 3 {
		root.Run(func(s *tensor.Scope) { s.Assign(x, s.Enter(x).Scale(2).Exp().Exp().Fill(1)) })
	}
	got := root.Fallbacks()
	if len(got) != 2 || got["Exp"] != 6 || got["Fill"] != 3 {
		t.Errorf("got %v, want Exp 6, Fill 3", got)
	}
	got["Exp"] = 0
	if root.Fallbacks()["Exp"] != 6 {
		t.Error("the caller's map is the scope's own")
	}
}

// noted is a recorder.
type noted struct{ ops []string }

func (n *noted) Record(op tensor.Op, out, in []*tensor.Tensor) {
	n.ops = append(n.ops, tensor.OpName(op))
}

// A recorder sees ops as they were applied, aliases and composites too; not what the commit adds.
func TestRecord(t *testing.T) {
	root := tensor.Open(ref.New())
	x := root.New(tensor.Of(tensor.F32, 2, 2))
	tensor.Set(x, []float32{1, 2, 3, 4})
	var first, second noted
	root.Run(func(s *tensor.Scope) {
		s.Enter(x).Exp()
		if s.Record(&first) != nil {
			t.Error("somebody was listening")
		}
		y := s.Enter(x).Unit().Reshape(4).Detach()
		if s.Record(&second) != &first {
			t.Error("the previous recorder is not the first")
		}
		y.Scale(2)
		s.Record(nil)
		y.Exp()
		s.Record(&second)
		s.Assign(x, s.Enter(x).Scale(3))
		s.Gate(s.Enter(x).Sum(0).Finite())
	})
	if want := []string{"Unit", "Reshape", "Detach"}; !slices.Equal(first.ops, want) {
		t.Errorf("the first saw %v, want %v", first.ops, want)
	}
	if want := []string{"Scale", "Scale", "Sum", "Finite"}; !slices.Equal(second.ops, want) {
		t.Errorf("the second saw %v, want %v", second.ops, want)
	}
}
