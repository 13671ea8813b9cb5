package tensor_test

import (
	"errors"
	"strings"
	"testing"

	"kith/backends/ref"
	"kith/tensor"
)

// A world is what misuse is made of: a root with a vector, a cursor and rows.
type world struct {
	root         *tensor.Scope
	x, at, rows  *tensor.Tensor
	other        *tensor.Scope  // another root
	gone         *tensor.Tensor // of a step that returned
	inside, half *tensor.Tensor // F32[3] and F32[2], when in a step
}

func newWorld() *world {
	w := &world{root: tensor.Open(ref.Round()), other: tensor.Open(ref.Round())}
	w.x, w.at = w.root.New(tensor.Of(tensor.F32, 3)), w.root.New(tensor.Of(tensor.I32))
	w.rows = w.root.New(tensor.Of(tensor.F32, 4, 3))
	tensor.Set(w.x, []float32{1, 2, 3})
	tensor.Set(w.at, []int32{1})
	tensor.Set(w.rows, make([]float32, 12))
	w.root.Run(func(s *tensor.Scope) { w.gone = s.Enter(w.x).Scale(2) })
	return w
}

// inStep runs f in a step, with inside and half made.
func inStep(f func(w *world, s *tensor.Scope)) func(w *world) {
	return func(w *world) {
		w.root.Run(func(s *tensor.Scope) {
			w.inside = s.Enter(w.x).Scale(1)
			w.half = w.inside.Slice(0, 2)
			f(w, s)
		})
	}
}

// Every misuse has a message that says what was done and what is wanted.
func TestMisuse(t *testing.T) {
	for want, f := range map[string]func(w *world){
		"Scale{By:2} of F32[3]: input is a root tensor; use Scope.Enter":                                                  func(w *world) { w.x.Scale(2) },
		"Scale{By:2} of F32[3]: input was freed when its step returned; assign what must outlive a step to a root tensor": func(w *world) { w.gone.Scale(2) },
		"Add of F32[3], F32[2]: shape [2] is no suffix of [3]": inStep(func(w *world, s *tensor.Scope) {
			w.inside.Add(w.half)
		}),
		"Add: input 1 is nil; perhaps a gradient that is not there": inStep(func(w *world, s *tensor.Scope) {
			w.inside.Add(nil)
		}),
		"Concat: an op needs at least one input": func(w *world) { tensor.Join() },
		"Add of F32[3], I32[]: I32 is no float dtype; cast first": inStep(func(w *world, s *tensor.Scope) {
			w.inside.Add(s.Enter(w.at))
		}),
		"Add of F32[3], BF16[3]: float dtypes differ; cast first": inStep(func(w *world, s *tensor.Scope) {
			w.inside.Add(w.inside.Cast(tensor.BF16))
		}),
		"Conv2D{Stride:2 Pad:1} of F32[1 4 4 3], F32[2 3 3 4]: input has 3 channels, filter expects 4": func(w *world) {
			x, f := w.root.New(tensor.Of(tensor.F32, 1, 4, 4, 3)), w.root.New(tensor.Of(tensor.F32, 2, 3, 3, 4))
			w.root.Run(func(s *tensor.Scope) { s.Enter(x).Conv2D(s.Enter(f), tensor.Conv2D{Stride: 2, Pad: 1}) })
		},
		"New inside a step; root tensors are made before it: F32[3]": inStep(func(w *world, s *tensor.Scope) { s.New(w.x.Spec) }),
		"New wants at most 6 axes, none negative: F32[1 1 1 1 1 1 1]": func(w *world) {
			w.root.New(tensor.Of(tensor.F32, 1, 1, 1, 1, 1, 1, 1))
		},
		"New wants at most 6 axes, none negative: U8[-1]": func(w *world) { w.root.New(tensor.Of(tensor.U8, -1)) },
		"New on a closed root: F32[3]":                    func(w *world) { w.root.Close(); w.root.New(w.x.Spec) },
		"Run on a closed root":                            func(w *world) { w.root.Close(); w.root.Run(func(*tensor.Scope) {}) },
		"Run inside a step; there are two levels of scopes, not more": inStep(func(w *world, s *tensor.Scope) {
			s.Run(func(*tensor.Scope) {})
		}),
		"Run inside a step of the same root":                 inStep(func(w *world, s *tensor.Scope) { w.root.Run(func(*tensor.Scope) {}) }),
		"Close of a step; it ends when its function returns": inStep(func(w *world, s *tensor.Scope) { s.Close() }),
		"Enter outside a step: F32[3]":                       func(w *world) { w.root.Enter(w.x) },
		"Enter of a tensor that is not of this step's root: F32[3]": inStep(func(w *world, s *tensor.Scope) {
			s.Enter(w.other.New(w.x.Spec))
		}),
		"Enter after the step returned: F32[3]": func(w *world) {
			var kept *tensor.Scope
			w.root.Run(func(s *tensor.Scope) { kept = s })
			kept.Enter(w.x)
		},
		"Assign of a tensor with another spec: F32[3], F32[2]": inStep(func(w *world, s *tensor.Scope) { s.Assign(w.x, w.half) }),
		"Assign of a tensor that is not of this step: F32[3]":  inStep(func(w *world, s *tensor.Scope) { s.Assign(w.x, w.gone) }),
		"Report of a tensor that is not of this step: F32[3]":  inStep(func(w *world, s *tensor.Scope) { s.Report(w.x, w.x) }),
		"Report of a tensor with another spec: F32[3], F32[2]": inStep(func(w *world, s *tensor.Scope) { s.Report(w.x, w.half) }),
		"second Assign without Pending in between; an update would be lost: F32[3]": inStep(func(w *world, s *tensor.Scope) {
			s.Assign(w.x, w.inside)
			s.Assign(w.x, w.inside)
		}),
		"AssignRows to a tensor that Assign writes in the same step: F32[4 3]": inStep(func(w *world, s *tensor.Scope) {
			s.Assign(w.rows, s.Enter(w.rows).Scale(2))
			s.AssignRows(w.rows, s.Enter(w.at), s.Enter(w.rows))
		}),
		"Assign to a tensor that AssignRows writes in the same step: F32[4 3]": inStep(func(w *world, s *tensor.Scope) {
			s.AssignRows(w.rows, s.Enter(w.at), s.Enter(w.rows))
			s.Assign(w.rows, s.Enter(w.rows).Scale(2))
		}),
		"Pending of a tensor that AssignRows writes: F32[4 3]": inStep(func(w *world, s *tensor.Scope) {
			s.AssignRows(w.rows, s.Enter(w.at), s.Enter(w.rows))
			s.Pending(w.rows)
		}),
		"AssignRows of a tensor that is not of this step: I32[]": inStep(func(w *world, s *tensor.Scope) {
			s.AssignRows(w.rows, w.at, s.Enter(w.rows))
		}),
		"AssignRows of a tensor that is not of this step: F32[4 3]": inStep(func(w *world, s *tensor.Scope) {
			s.AssignRows(w.rows, s.Enter(w.at), w.rows)
		}),
		"WriteRows of F32[4 3], I32[], F32[3]: F32[4 3] has no rows for F32[3]": inStep(func(w *world, s *tensor.Scope) {
			s.AssignRows(w.rows, s.Enter(w.at), w.inside)
		}),
		"Gate wants U8[]: F32[3]": inStep(func(w *world, s *tensor.Scope) { s.Gate(w.inside) }),
		"Gate of a tensor that is not of this step: U8[]": inStep(func(w *world, s *tensor.Scope) {
			s.Gate(w.other.New(tensor.Of(tensor.U8)))
		}),
		"Set of a step's tensor; only root tensors are set: F32[3]": inStep(func(w *world, s *tensor.Scope) {
			tensor.Set(w.inside, []float32{1, 2, 3})
		}),
		"Set inside a step, where state is read-only: F32[3]": inStep(func(w *world, s *tensor.Scope) {
			tensor.Set(w.x, []float32{1, 2, 3})
		}),
		"Set with 2 elements of a tensor that has 3: F32[3]": func(w *world) { tensor.Set(w.x, []float32{1, 2}) },
		"Set of a tensor whose root is closed: F32[3]": func(w *world) {
			w.root.Close()
			tensor.Set(w.x, []float32{1, 2, 3})
		},
		"Data of a tensor whose scope is closed: F32[3]": func(w *world) { tensor.Data[float32](w.gone) },
		"shape [1 1 1 1 1 1 1] has rank 7, the most is 6": inStep(func(w *world, s *tensor.Scope) {
			w.inside.Reshape(1, 1, 1, 1, 1, 1, 1)
		}),
		"Cast{To:F32} of F32[3], F32[3]: got 2 inputs, want 1": inStep(func(w *world, s *tensor.Scope) {
			tensor.Apply(tensor.Cast{To: tensor.F32}, w.inside, w.inside)
		}),
	} {
		t.Run(want, func(t *testing.T) {
			err := caught(func() { f(newWorld()) })
			if err == nil || err.Error() != "tensor: "+want {
				t.Errorf("got  %v\nwant tensor: %s", err, want)
			}
		})
	}
}

// caught is the *Error that f panics with.
func caught(f func()) (err error) {
	defer tensor.Catch(&err)
	f()
	return nil
}

// Inputs of two running steps do not mix.
func TestTwoSteps(t *testing.T) {
	w := newWorld()
	y := w.other.New(w.x.Spec)
	err := caught(func() {
		w.root.Run(func(a *tensor.Scope) {
			w.other.Run(func(b *tensor.Scope) { a.Enter(w.x).Add(b.Enter(y)) })
		})
	})
	if err == nil || !strings.Contains(err.Error(), "inputs belong to different steps") {
		t.Errorf("got %v", err)
	}
}

// Catch takes only this package's panics, and leaves an error alone where there was none.
func TestCatch(t *testing.T) {
	earlier := errors.New("earlier")
	func() {
		err := earlier
		defer func() {
			if err != earlier {
				t.Errorf("got %v, want the earlier error", err)
			}
		}()
		defer tensor.Catch(&err)
	}()
	defer func() {
		if r := recover(); r != "other" {
			t.Errorf("recovered %v, want the other panic", r)
		}
	}()
	caught(func() { panic("other") })
}

// The cause can be asked for, as can op and inputs.
func TestErrorFields(t *testing.T) {
	cause := errors.New("cause")
	var err error = &tensor.Error{Op: tensor.ReLU{}, In: []tensor.Spec{tensor.Of(tensor.U8, 2)}, Err: cause}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if want := "tensor: ReLU of U8[2]: cause"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	bare := &tensor.Error{Err: cause}
	if bare.Error() != "tensor: cause" {
		t.Errorf("got %q", bare)
	}
}

// An op is shown with its fields, without what it embeds for its rules.
func TestOpInMessages(t *testing.T) {
	for want, op := range map[string]tensor.Op{
		"ReLU":                           tensor.ReLU{},
		"Fill{With:2}":                   tensor.Fill{With: 2},
		"Advance{By:1 Mod:5 Max:0}":      tensor.Advance{By: 1, Mod: 5},
		"ArgMax":                         tensor.ArgMax{},
		"Reshape{To:[2 3]}":              tensor.Reshape{To: tensor.DimsOf(2, 3)},
		"Fused{ReLU(0) Add(1 0) > 2}":    &tensor.Fused{Body: []tensor.Part{{Op: tensor.ReLU{}, In: []int{0}}, {Op: tensor.Add{}, In: []int{1, 0}}}, Out: []int{2}},
		"NearestRow{K:1 Same:false}":     tensor.NearestRow{K: 1},
		"MaxPool{Size:2 Stride:2 Pad:0}": tensor.MaxPool{Size: 2, Stride: 2},
	} {
		got := (&tensor.Error{Op: op, Err: errors.New("x")}).Error()
		if got != "tensor: "+want+": x" {
			t.Errorf("got %q, want tensor: %s: x", got, want)
		}
	}
}
