package tensor_test

import (
	"math"
	"slices"
	"testing"

	"kith/backends/ref"
	"kith/tensor"
)

// f32s makes a root tensor with the given elements.
func f32s(root *tensor.Scope, v ...float32) *tensor.Tensor {
	t := root.New(tensor.Of(tensor.F32, len(v)))
	tensor.Set(t, v)
	return t
}

// scalar makes a root tensor of shape [].
func scalar[T tensor.Number](root *tensor.Scope, d tensor.DType, v T) *tensor.Tensor {
	t := root.New(tensor.Of(d))
	tensor.Set(t, []T{v})
	return t
}

// holds compares the elements of a tensor.
func holds[T tensor.Number](t *testing.T, what string, x *tensor.Tensor, want ...T) {
	t.Helper()
	got, err := tensor.Data[T](x)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// Assignments land together: two tensors swap, and three rotate.
func TestSwap(t *testing.T) {
	root := tensor.Open(ref.Round())
	a, b, c := f32s(root, 1, 2), f32s(root, 3, 4), f32s(root, 5, 6)
	root.Run(func(s *tensor.Scope) {
		s.Assign(a, s.Enter(b))
		s.Assign(b, s.Enter(a))
	})
	holds[float32](t, "a", a, 3, 4)
	holds[float32](t, "b", b, 1, 2)
	root.Run(func(s *tensor.Scope) {
		s.Assign(a, s.Enter(b))
		s.Assign(b, s.Enter(c))
		s.Assign(c, s.Enter(a))
	})
	holds[float32](t, "a", a, 1, 2)
	holds[float32](t, "b", b, 5, 6)
	holds[float32](t, "c", c, 3, 4)
}

// An alias of an entered tensor is copied too: its elements are the root tensor's.
func TestSwapAliases(t *testing.T) {
	root := tensor.Open(ref.Round())
	a, b := f32s(root, 1, 2, 3, 4), f32s(root, 5, 6)
	root.Run(func(s *tensor.Scope) {
		s.Assign(b, s.Enter(a).Slice(2, 4))
		s.Assign(a, s.Enter(a).Scale(10).Detach())
	})
	holds[float32](t, "b", b, 3, 4)
	root.Run(func(s *tensor.Scope) {
		s.Assign(a, s.Enter(a).Shift(1))
		s.Report(b, s.Enter(a).Reshape(2, 2).Row(0))
	})
	holds[float32](t, "b", b, 10, 20)
	holds[float32](t, "a", a, 11, 21, 31, 41)
}

// Within a step state is as the step began, however late it is entered.
func TestEnterIsOld(t *testing.T) {
	root := tensor.Open(ref.Round())
	a, out := f32s(root, 1), f32s(root, 0)
	root.Run(func(s *tensor.Scope) {
		if first, second := s.Enter(a), s.Enter(a); first != second {
			t.Error("two names for one tensor: a gradient could miss one")
		}
		s.Assign(a, s.Enter(a).Scale(5))
		s.Report(out, s.Enter(a).Shift(1))
		holds[float32](t, "a in the step", s.Enter(a), 1)
	})
	holds[float32](t, "out", out, 2)
	holds[float32](t, "a", a, 5)
}

// Pending chains updates of one tensor: a BatchNorm that runs twice folds both batches in.
func TestPending(t *testing.T) {
	root := tensor.Open(ref.Round())
	a := f32s(root, 1)
	root.Run(func(s *tensor.Scope) {
		if s.Pending(a) != s.Enter(a) {
			t.Error("without an assignment, what is pending is what is there")
		}
		for range 3 {
			s.Assign(a, s.Pending(a).Scale(2))
		}
		holds[float32](t, "pending", s.Pending(a), 8)
	})
	holds[float32](t, "a", a, 8)
}

// Rows wrap around; of too many, the last stay.
func TestAssignRows(t *testing.T) {
	for _, c := range []struct {
		at   int32
		rows []float32
		want []float32
	}{
		{0, []float32{1}, []float32{1, 0, 0, 0, 0}},
		{3, []float32{1, 2}, []float32{0, 0, 0, 1, 2}},
		{4, []float32{1, 2, 3}, []float32{2, 3, 0, 0, 1}},
		{2, []float32{1, 2, 3, 4, 5}, []float32{4, 5, 1, 2, 3}},
		{1, []float32{1, 2, 3, 4, 5, 6, 7}, []float32{5, 6, 7, 3, 4}},
		{3, nil, []float32{0, 0, 0, 0, 0}},
	} {
		root := tensor.Open(ref.Round())
		rows, at, v := f32s(root, 0, 0, 0, 0, 0), scalar(root, tensor.I32, c.at), f32s(root, c.rows...)
		root.Run(func(s *tensor.Scope) { s.AssignRows(rows, s.Enter(at), s.Enter(v)) })
		holds(t, "rows", rows, c.want...)
	}
}

// The cursor of a row write is read before its own assignment, in whatever order they are written.
func TestCursor(t *testing.T) {
	for _, cursorFirst := range []bool{true, false} {
		root := tensor.Open(ref.Round())
		rows, at := f32s(root, 0, 0, 0, 0, 0), scalar(root, tensor.I32, int32(1))
		v := f32s(root, 7, 8)
		for range 2 {
			root.Run(func(s *tensor.Scope) {
				move := func() {
					s.Assign(at, tensor.Apply(tensor.Advance{By: 2, Mod: 5}, s.Pending(at))[0])
				}
				if cursorFirst {
					move()
				}
				s.AssignRows(rows, s.Enter(at), s.Enter(v))
				if !cursorFirst {
					move()
				}
			})
			tensor.Set(v, []float32{5, 6})
		}
		holds[float32](t, "rows", rows, 0, 7, 8, 5, 6)
		holds[int32](t, "cursor", at, 0)
	}
}

// trainStep is an update with all kinds of writes, gated by whether the loss is finite.
type trainStep struct {
	root                    *tensor.Scope
	w, slot, stat, rows, at *tensor.Tensor // state
	x                       *tensor.Tensor // input
	loss, ok                *tensor.Tensor // output
}

func newTrainStep() *trainStep {
	root := tensor.Open(ref.Round())
	p := &trainStep{root: root, w: f32s(root, 1, 2), slot: f32s(root, 0.5, 0.25), stat: f32s(root, 3, 4),
		rows: f32s(root, 9, 9, 9, 9, 9), at: scalar(root, tensor.I32, int32(4)), x: f32s(root, 1, 1),
		loss: root.New(tensor.Of(tensor.F32)), ok: root.New(tensor.Of(tensor.U8))}
	return p
}

func (p *trainStep) run(x ...float32) {
	tensor.Set(p.x, x)
	p.root.Run(func(s *tensor.Scope) {
		x, w := s.Enter(p.x), s.Enter(p.w)
		loss := x.Mul(w).Sum(0)
		ok := loss.Finite()
		s.Gate(ok)
		s.Report(p.loss, loss)
		s.Report(p.ok, ok)
		slot := s.Enter(p.slot).Scale(0.9).Add(x)
		s.Assign(p.slot, slot)
		s.Assign(p.w, w.Sub(slot.Scale(0.1)))
		s.Assign(p.stat, s.Pending(p.stat).Scale(0.9).Add(x))
		s.Assign(p.stat, s.Pending(p.stat).Scale(0.9).Add(x))
		s.AssignRows(p.rows, s.Enter(p.at), x)
		s.Assign(p.at, tensor.Apply(tensor.Advance{By: 2, Mod: 5}, s.Pending(p.at))[0])
	})
}

// state is the bits of everything that must survive a bad step.
func (p *trainStep) state() (bits []uint32) {
	for _, t := range []*tensor.Tensor{p.w, p.slot, p.stat, p.rows} {
		v, _ := tensor.Data[float32](t)
		for _, x := range v {
			bits = append(bits, math.Float32bits(x))
		}
	}
	at, _ := tensor.Data[int32](p.at)
	return append(bits, uint32(at[0]))
}

// A batch with a NaN leaves parameters, slots, statistics, rows and cursor as they were, bit for
// bit, and is reported.
func TestGate(t *testing.T) {
	p := newTrainStep()
	p.run(1, 2)
	before := p.state()
	nan := float32(math.NaN())
	p.run(nan, 1)
	if after := p.state(); !slices.Equal(before, after) {
		t.Errorf("state changed from %x to %x", before, after)
	}
	loss, _ := tensor.Data[float32](p.loss)
	if loss[0] == loss[0] {
		t.Errorf("the reported loss is %v, want NaN", loss[0])
	}
	holds[uint8](t, "finite", p.ok, 0)
	p.run(float32(math.Inf(1)), 1)
	if after := p.state(); !slices.Equal(before, after) {
		t.Error("an infinite loss changed the state")
	}
	p.run(1, 2)
	if after := p.state(); slices.Equal(before, after) {
		t.Error("a good step after a bad one changed nothing")
	}
	holds[uint8](t, "finite", p.ok, 1)
}

// A bad step in between makes no difference to what follows.
func TestGateLeavesNoTrace(t *testing.T) {
	good, bad := newTrainStep(), newTrainStep()
	for i := range 5 {
		good.run(float32(i), 1)
		bad.run(float32(i), 1)
		bad.run(float32(math.NaN()), 1)
	}
	if !slices.Equal(good.state(), bad.state()) {
		t.Error("the state differs from that of a run without bad steps")
	}
}

// A step that panics commits nothing, and the root goes on.
func TestPanicCommitsNothing(t *testing.T) {
	root := tensor.Open(ref.Round())
	a := f32s(root, 1)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was lost")
			}
		}()
		root.Run(func(s *tensor.Scope) {
			s.Assign(a, s.Enter(a).Scale(2))
			panic("in mid-step")
		})
	}()
	holds[float32](t, "a", a, 1)
	root.Run(func(s *tensor.Scope) { s.Assign(a, s.Enter(a).Scale(3)) })
	holds[float32](t, "a", a, 3)
}

// Reports come before assignments, assignments in the order of the first Assign, rows last.
func TestCommitOrder(t *testing.T) {
	b := &counting{Exact: ref.New()}
	root := tensor.Open(b)
	x, y, rows, out, at := f32s(root, 1), f32s(root, 2), f32s(root, 3), f32s(root, 4), scalar(root, tensor.I32, int32(0))
	root.Run(func(s *tensor.Scope) {
		v := s.Enter(x).Scale(2)
		s.AssignRows(rows, s.Enter(at), v)
		s.Assign(y, v)
		s.Assign(x, v)
		s.Assign(y, s.Pending(y).Shift(1))
		s.Report(out, v)
		b.ops, b.targets = nil, nil
	})
	// What a row write reads of the root is copied before the first write.
	if want := []string{"Permute", "Write", "Write", "Write", "WriteRows"}; !slices.Equal(b.ops, want) {
		t.Fatalf("committed %v, want %v", b.ops, want)
	}
	for i, want := range []*tensor.Tensor{out, y, x, rows} {
		if buf, _ := want.Buffer(); b.targets[i] != buf {
			t.Errorf("write %d goes elsewhere", i)
		}
	}
}
