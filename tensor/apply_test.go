package tensor_test

import (
	"slices"
	"testing"

	"kith/backends/ref"
	"kith/tensor"
)

// An alias runs nothing and names the same elements.
func TestAlias(t *testing.T) {
	b := &counting{Exact: ref.New()}
	root := tensor.Open(b)
	x := root.New(tensor.Of(tensor.I32, 4, 2, 3))
	root.Run(func(s *tensor.Scope) {
		e := s.Enter(x)
		rootBuf, _ := x.Buffer()
		for _, c := range []struct {
			name   string
			t      *tensor.Tensor
			spec   string
			offset int
		}{
			{"Enter", e, "I32[4 2 3]", 0},
			{"Slice", e.Slice(1, 3), "I32[2 2 3]", 24},
			{"Slice of Slice", e.Slice(1, 3).Slice(1, 2), "I32[1 2 3]", 48},
			{"Row", e.Row(3), "I32[2 3]", 72},
			{"Reshape", e.Slice(2, 4).Reshape(12), "I32[12]", 48},
			{"Detach", e.Row(1).Detach(), "I32[2 3]", 24},
			{"empty Slice", e.Slice(4, 4), "I32[0 2 3]", 96},
		} {
			buf, offset := c.t.Buffer()
			if buf != rootBuf || offset != c.offset || c.t.Spec.String() != c.spec {
				t.Errorf("%s is %v at %d, want %s at %d", c.name, c.t.Spec, offset, c.spec, c.offset)
			}
		}
	})
	if len(b.ops) > 0 {
		t.Errorf("ran %v", b.ops)
	}
}

// A composite runs as one op where the backend says so, else by its formula.
func TestComposite(t *testing.T) {
	for _, kernels := range [][]string{nil, {"Unit"}} {
		b := &counting{Exact: ref.New(), kernels: kernels}
		root := tensor.Open(b)
		x := root.New(tensor.Of(tensor.F32, 1, 2))
		tensor.Set(x, []float32{3, 4})
		root.Run(func(s *tensor.Scope) { s.Enter(x).Unit() })
		want := []string{"RowDot", "AtLeast", "Rsqrt", "RowMul"}
		if kernels != nil {
			want = kernels
		}
		if !slices.Equal(b.ops, want) {
			t.Errorf("with kernels for %v: ran %v, want %v", kernels, b.ops, want)
		}
	}
}

// On an exact root every float is F64, casts between floats are no ops, and integers stay.
func TestExact(t *testing.T) {
	root := tensor.Open(ref.New())
	x := f32s(root, 1.0/3)
	if x.DType != tensor.F64 {
		t.Errorf("New made %v", x.Spec)
	}
	root.Run(func(s *tensor.Scope) {
		e := s.Enter(x)
		if e.Cast(tensor.BF16) != e || e.Wide() != e {
			t.Error("a cast between floats made another tensor")
		}
		if y := e.Cast(tensor.I32); y.DType != tensor.I32 {
			t.Errorf("to I32: %v", y.Spec)
		} else if y = y.Cast(tensor.F32); y.DType != tensor.F64 {
			t.Errorf("I32 to F32: %v", y.Spec)
		}
		if y := e.Positive(); y.DType != tensor.U8 {
			t.Errorf("Positive: %v", y.Spec)
		}
	})
	rounding := tensor.Open(ref.Round())
	y := f32s(rounding, 1)
	rounding.Run(func(s *tensor.Scope) {
		if z := s.Enter(y).Cast(tensor.BF16); z.DType != tensor.BF16 || z.Wide().DType != tensor.F32 {
			t.Errorf("on a root that is not exact: %v, wide %v", z.Spec, z.Wide().Spec)
		}
	})
}

// Where the backend has no kernel, Exec runs the definition, rounds, and says so; also when an
// output lies in an input's memory.
func TestExec(t *testing.T) {
	b := &counting{Exact: ref.New()}
	root := tensor.Open(ref.Round())
	x, y := f32s(root, 1, 2, 3), f32s(root, 0, 0, 0)
	backend := root.Backend()
	if tensor.Exec(backend, tensor.Scale{By: 1.0 / 3}, []*tensor.Tensor{y}, []*tensor.Tensor{x}) {
		t.Error("ref has a kernel")
	}
	holds[float32](t, "y", y, float32(1.0/3), float32(2.0/3), 1)
	tensor.Exec(backend, tensor.Add{}, []*tensor.Tensor{x}, []*tensor.Tensor{x, x})
	holds[float32](t, "x", x, 2, 4, 6)
	b.kernels = []string{"Scale"}
	if !tensor.Exec(b, tensor.Scale{By: 2}, []*tensor.Tensor{y}, []*tensor.Tensor{x}) {
		t.Error("a kernel was not counted")
	}
	holds[float32](t, "y, which that kernel leaves alone", y, float32(1.0/3), float32(2.0/3), 1)
}

// After a device failure nothing runs and nothing crashes; Sync tells.
func TestExecAfterFailure(t *testing.T) {
	root := tensor.Open(ref.Round())
	x := f32s(root, 1)
	root.New(tensor.Of(tensor.U8, 1<<50))
	root.Run(func(s *tensor.Scope) { s.Assign(x, s.Enter(x).Scale(2)) })
	if _, err := tensor.Data[float32](x); err == nil {
		t.Error("Data gave values after a failure")
	}
	if err := root.Sync(); err == nil || err.Error() != "out of memory: need 1048576.00 GiB more" {
		t.Errorf("Sync: %v", err)
	}
}
