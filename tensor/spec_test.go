package tensor_test

import (
	"slices"
	"testing"

	"kith/tensor"
)

func TestDTypes(t *testing.T) {
	for _, c := range []struct {
		d     tensor.DType
		name  string
		size  int
		float bool
		wide  tensor.DType
	}{
		{tensor.F32, "F32", 4, true, tensor.F32},
		{tensor.BF16, "BF16", 2, true, tensor.F32},
		{tensor.F64, "F64", 8, true, tensor.F64},
		{tensor.I32, "I32", 4, false, tensor.I32},
		{tensor.U8, "U8", 1, false, tensor.U8},
	} {
		if c.d.String() != c.name || c.d.Size() != c.size || c.d.Float() != c.float || c.d.Wide() != c.wide {
			t.Errorf("%s: name %v, size %d, float %v, wide %v", c.name, c.d, c.d.Size(), c.d.Float(), c.d.Wide())
		}
	}
}

func TestSpec(t *testing.T) {
	for _, c := range []struct {
		spec  tensor.Spec
		text  string
		size  int
		bytes int
	}{
		{tensor.Of(tensor.F32), "F32[]", 1, 4},
		{tensor.Of(tensor.BF16, 8, 56, 56, 64), "BF16[8 56 56 64]", 1605632, 3211264},
		{tensor.Of(tensor.U8, 0, 7), "U8[0 7]", 0, 0},
	} {
		if c.spec.String() != c.text || c.spec.Shape.Size() != c.size || c.spec.Bytes() != c.bytes {
			t.Errorf("%s: %v, size %d, %d bytes", c.text, c.spec, c.spec.Shape.Size(), c.spec.Bytes())
		}
	}
	a := tensor.Of(tensor.F32, 2, 3)
	for b, want := range map[string]bool{"F32[2 3]": true, "F32[3 2]": false, "F32[2 3 1]": false, "BF16[2 3]": false, "F32[]": false} {
		other := map[string]tensor.Spec{"F32[2 3]": tensor.Of(tensor.F32, 2, 3), "F32[3 2]": tensor.Of(tensor.F32, 3, 2),
			"F32[2 3 1]": tensor.Of(tensor.F32, 2, 3, 1), "BF16[2 3]": tensor.Of(tensor.BF16, 2, 3), "F32[]": tensor.Of(tensor.F32)}[b]
		if a.Equal(other) != want {
			t.Errorf("%v equals %v: %v", a, other, !want)
		}
	}
}

// Dims are shapes that == compares.
func TestDims(t *testing.T) {
	same := tensor.DimsOf(2, 3)
	if same != tensor.DimsOf([]int{2, 3}...) || tensor.DimsOf(2, 3) == tensor.DimsOf(2, 3, 0) || tensor.DimsOf() == tensor.DimsOf(0) {
		t.Error("== does not compare shapes")
	}
	d := tensor.DimsOf(1, 2, 3, 4, 5, 6)
	if !slices.Equal(d.Shape(), []int{1, 2, 3, 4, 5, 6}) || d.String() != "[1 2 3 4 5 6]" {
		t.Errorf("got %v, %v", d.Shape(), d)
	}
	d.Shape()[0] = 9
	if d.D[0] != 1 {
		t.Error("the shape is not a copy")
	}
}

// As looks through wrappers, outermost first, and stops.
func TestAs(t *testing.T) {
	inner := &counting{}
	wrapped := wrapper{wrapper{inner}}
	if p, ok := tensor.As[tensor.Prober](wrapped); !ok || p != tensor.Prober(inner) {
		t.Errorf("found %v, %v", p, ok)
	}
	if w, ok := tensor.As[tensor.Wrapper](wrapped); !ok || w != tensor.Wrapper(wrapped) {
		t.Error("the outermost is not found first")
	}
	if _, ok := tensor.As[tensor.Capturer](wrapped); ok {
		t.Error("found what nobody has")
	}
	if _, ok := tensor.As[tensor.Prober](nil); ok {
		t.Error("nil has a Prober")
	}
}

type wrapper struct{ tensor.Backend }

func (w wrapper) Unwrap() tensor.Backend { return w.Backend }

func TestMemoryError(t *testing.T) {
	for want, e := range map[string]*tensor.MemoryError{
		"out of memory: need 3.0 MiB more":           {Need: 3 << 20, Free: -1},
		"out of memory: need 2.00 GiB, free 5 bytes": {Need: 2 << 30, Free: 5},
	} {
		if e.Error() != want {
			t.Errorf("got %q, want %q", e, want)
		}
	}
}
