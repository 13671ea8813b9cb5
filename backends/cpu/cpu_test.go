package cpu

import (
	"fmt"
	"math"
	"path"
	"testing"

	"kith/backends/cpu/internal/simd"
	"kith/internal/testflag"
	"kith/tensor"
)

// TestLevels opens each level of the architecture; one that the machine lacks is a skip, here alone.
func TestLevels(t *testing.T) {
	for _, l := range simd.Known() {
		t.Run(l.String(), func(t *testing.T) {
			b, err := New(Options{Level: l.String()})
			if err != nil {
				testflag.Need(t, l.String(), err.Error())
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// levels runs f on a backend of each level that the machine has.
func levels(t *testing.T, f func(t *testing.T, b *Backend)) {
	for _, l := range simd.Levels() {
		name := l.String()
		t.Run(name, func(t *testing.T) {
			b, err := New(Options{Level: name})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			f(t, b)
		})
	}
}

// tensorsOf makes root tensors with the elements of arrays.
func tensorsOf(root *tensor.Scope, arrays []tensor.Array) []*tensor.Tensor {
	var ts []*tensor.Tensor
	for _, a := range arrays {
		t := root.New(a.Spec)
		tensor.Set(t, a.Data)
		ts = append(ts, t)
	}
	return ts
}

// blanks makes root tensors full of NaN.
func blanks(root *tensor.Scope, specs []tensor.Spec) []*tensor.Tensor {
	var ts []*tensor.Tensor
	for _, s := range specs {
		t := root.New(s)
		raw := make([]byte, s.Bytes())
		for i := range raw {
			raw[i] = 0xff
		}
		root.Backend().Upload(t, raw)
		ts = append(ts, t)
	}
	return ts
}

func specsOf(arrays []tensor.Array) []tensor.Spec {
	var s []tensor.Spec
	for _, a := range arrays {
		s = append(s, a.Spec)
	}
	return s
}

// define evaluates op by its definition.
func define(op tensor.Op, specs []tensor.Spec, in []tensor.Array) []tensor.Array {
	var out []tensor.Array
	for _, s := range specs {
		out = append(out, tensor.NewArray(s))
	}
	op.Eval(out, in)
	return out
}

// near compares a result with its float64 definition: within rtol of the element, or of a third of
// the largest, since sums cancel. backendtest has the bounds of each op; this finds wrong ones.
func near(got, want tensor.Array, rtol float64) error {
	scale := 0.0
	for _, v := range want.Data {
		if !math.IsInf(v, 0) && v == v {
			scale = max(scale, math.Abs(v))
		}
	}
	for i, w := range want.Data {
		g := got.Data[i]
		if g == w || g != g && w != w {
			continue
		}
		tol := rtol
		switch want.DType {
		case tensor.BF16:
			tol = 1.0 / 128
		case tensor.I32, tensor.U8:
			tol = 0
		}
		if !(math.Abs(g-w) <= tol*math.Abs(w)+rtol*max(scale, 1)/3) {
			return fmt.Errorf("element %d is %v, want %v", i, g, w)
		}
	}
	return nil
}

// Every case of every op agrees with the definition and has a kernel; so has its bfloat16 twin.
func TestCases(t *testing.T) {
	levels(t, func(t *testing.T, _ *Backend) {
		// Direct convolutions: Winograd's have bounds of their own, in backendtest.
		b, err := New(Options{Level: path.Base(t.Name()), Strict: true})
		if err != nil {
			t.Fatal(err)
		}
		root := tensor.Open(b)
		defer root.Close()
		for c := range tensor.Cases() {
			if c.Err != "" || c.Big && !testflag.Long() {
				continue
			}
			for _, half := range []bool{false, true} {
				in := c.In
				if half {
					in = halves(in)
				}
				checkCase(t, root, b, c.Op, in)
			}
		}
	})
}

// halves is the inputs with F32 turned to BF16, their elements rounded.
func halves(in []tensor.Array) []tensor.Array {
	var out []tensor.Array
	for _, a := range in {
		h := tensor.Array{Spec: a.Spec, Data: append([]float64{}, a.Data...)}
		if a.DType == tensor.F32 {
			h.DType = tensor.BF16
			for i, v := range h.Data {
				h.Data[i] = float64(math.Float32frombits((math.Float32bits(float32(v)) + 0x8000) &^ 0xffff))
			}
		}
		out = append(out, h)
	}
	return out
}

// stored is a as a tensor of its dtype holds it.
func stored(root *tensor.Scope, a tensor.Array) tensor.Array {
	data, _ := tensor.Data[float64](tensorsOf(root, []tensor.Array{a})[0])
	return tensor.Array{Spec: a.Spec, Data: data}
}

// foldRest adds the rest of Moments to the mean on both sides: what rounding took is noise by
// itself.
func foldRest(t *testing.T, want []tensor.Array, out []*tensor.Tensor) {
	t.Helper()
	mean, err := tensor.Data[float64](out[0])
	if err != nil {
		t.Fatal(err)
	}
	rest, _ := tensor.Data[float64](out[2])
	for i := range mean {
		if math.Abs(rest[i]) > math.Abs(mean[i])/(1<<23) {
			t.Errorf("rest of mean %v is %v, want at most half a last place", mean[i], rest[i])
		}
		mean[i] += rest[i]
		want[0].Data[i] += want[2].Data[i]
		want[2].Data[i] = rest[i]
	}
	tensor.Set(out[0], mean)
}

func checkCase(t *testing.T, root *tensor.Scope, b *Backend, op tensor.Op, in []tensor.Array) {
	t.Helper()
	specs, err := op.Infer(specsOf(in))
	if err != nil {
		return // a case that has no bfloat16 twin
	}
	name := fmt.Sprint(tensor.Case{Op: op, In: in})
	switch op.(type) {
	case tensor.Alias, tensor.Composite:
		return
	}
	ts, out := tensorsOf(root, in), blanks(root, specs)
	if !b.Run(op, out, ts) {
		t.Errorf("%s: no kernel", name)
		return
	}
	want := define(op, specs, in)
	if len(specs) == 0 { // a write
		want, out = in[:1], ts[:1]
	}
	if _, ok := op.(tensor.Moments); ok {
		foldRest(t, want, out)
	}
	for i, w := range want {
		w = stored(root, w)
		data, err := tensor.Data[float64](out[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := near(tensor.Array{Spec: w.Spec, Data: data}, w, 5e-6); err != nil {
			t.Errorf("%s: output %d: %v", name, i, err)
		}
	}
}

func TestOpen(t *testing.T) {
	for _, words := range []string{"generic", "generic,strict", "strict,generic"} {
		b, err := Open(words)
		if err != nil {
			t.Errorf("%q: %v", words, err)
			continue
		}
		b.Close()
	}
	for _, words := range []string{"sse", "generic,avx2", "generic,fast"} {
		if _, err := Open(words); err == nil {
			t.Errorf("%q opened, want an error", words)
		}
	}
}

// Buffers are aligned and hold what was put there.
func TestBuffers(t *testing.T) {
	b, err := Open("generic")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	root := tensor.Open(b)
	for _, n := range []int{0, 1, 5, 1000, 70_000} {
		x := root.New(tensor.Of(tensor.F32, n))
		v := b.view(x)
		if uintptr(v.p)%64 != 0 {
			t.Errorf("%d elements at %v, want a multiple of 64", n, v.p)
		}
		data := make([]float32, n)
		for i := range data {
			data[i] = float32(i)
		}
		tensor.Set(x, data)
		back, err := tensor.Data[float32](x)
		if err != nil || fmt.Sprint(back) != fmt.Sprint(data) {
			t.Errorf("%d elements came back changed (%v)", n, err)
		}
	}
}
