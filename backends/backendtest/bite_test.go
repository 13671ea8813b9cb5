package backendtest_test

import (
	"flag"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"

	"kith/backends/backendtest"
	"kith/backends/ref"
	_ "kith/internal/testflag" // for go test ./... -long
	"kith/tensor"
)

var defect = flag.String("defect", "", "for the process that TestSuiteBites starts: test a backend with this defect")

// A bug is a defect, the part of the suite that must find it, and a word of what it must say.
type bug struct {
	part, says string
	// run follows every op, which the definition has computed.
	run func(b *broken, op tensor.Op, out, in []*tensor.Tensor)
}

// bugs are what kernels get wrong.
var bugs = map[string]bug{
	"the last element of a vector's tail": {"Sweeps/Add", "got", func(b *broken, _ tensor.Op, out, _ []*tensor.Tensor) {
		if n := out[0].Shape.Size(); n > 16 && n%16 != 0 {
			b.put(out[0], n-1, 0.12345)
		}
	}},
	"one element too many": {"Cases/Add", "behind a buffer", func(b *broken, _ tensor.Op, out, _ []*tensor.Tensor) {
		b.put(out[0], out[0].Shape.Size(), 0)
	}},
	"one element before": {"Cases/Add", "before a buffer", func(b *broken, _ tensor.Op, out, _ []*tensor.Tensor) {
		b.put(out[0], -1, 0)
	}},
	"an input as scratch": {"Cases/Sum", "input 0 changed", func(b *broken, op tensor.Op, _, in []*tensor.Tensor) {
		if op == (tensor.Sum{Keep: 1}) {
			b.put(in[0], 0, 1)
		}
	}},
	"one column for another": {"Lattice/MatMul", "same allows 0", func(b *broken, _ tensor.Op, out, _ []*tensor.Tensor) {
		if v := b.get(out[0]); len(v) > 1 {
			b.put(out[0], 0, v[1])
		}
	}},
	"sums in half": {"Sweeps/MatMul", "gammaK", func(b *broken, _ tensor.Op, out, _ []*tensor.Tensor) {
		for i, v := range b.get(out[0]) {
			b.put(out[0], i, v*(1+1e-4))
		}
	}},
	"the last of ties": {"Lattice/ArgMax", "got", func(b *broken, op tensor.Op, out, in []*tensor.Tensor) {
		x, k := b.get(in[0]), in[0].Shape[1]
		for i, at := range b.get(out[0]) {
			for j := range k {
				if x[i*k+j] == x[i*k+int(at)] {
					b.put(out[0], i, float64(j))
				}
			}
		}
	}},
	"NaN for zero": {"Special/NaN/ReLU", "want NaN", func(b *broken, _ tensor.Op, out, _ []*tensor.Tensor) {
		for i, v := range b.get(out[0]) {
			if v != v {
				b.put(out[0], i, 0)
			}
		}
	}},
	"flushed denormals": {"Special/Denormals/MatMul", "got 0", func(b *broken, _ tensor.Op, out, _ []*tensor.Tensor) {
		for i, v := range b.get(out[0]) {
			if math.Abs(v) < 0x1p-126 {
				b.put(out[0], i, 0)
			}
		}
	}},
	"the textbook variance": {"Special/LargeMean/Moments", "moments allows", func(b *broken, _ tensor.Op, out, in []*tensor.Tensor) {
		x, c := b.get(in[0]), out[0].Shape[0]
		mean, n := b.get(out[0]), float32(len(x)/c)
		for j := range c {
			sum := float32(0)
			for i := j; i < len(x); i += c {
				sum += float32(x[i] * x[i])
			}
			b.put(out[1], j, float64(sum/n-float32(mean[j]*mean[j])))
		}
	}},
	"a gradient with a sign": {"Gradients/Exp", "differences give", func(b *broken, op tensor.Op, out, in []*tensor.Tensor) {
		if op == (tensor.Mul{}) {
			b.put(out[0], 0, -b.get(out[0])[0])
		}
	}},
	"a fused op that rounds otherwise": {"Bodies", "fused", func(b *broken, op tensor.Op, out, _ []*tensor.Tensor) {
		if _, ok := op.(*tensor.Fused); ok {
			for i, v := range b.get(out[0]) {
				b.put(out[0], i, v*(1+1e-7))
			}
		}
	}},
	"output before input": {"InPlace/Sub", "another result", func(b *broken, op tensor.Op, out, in []*tensor.Tensor) {
		if x, _ := out[0].Buffer(); len(in) > 0 {
			if y, _ := in[0].Buffer(); x == y {
				b.put(out[0], 0, 42)
			}
		}
	}},
	"bits by time": {"Again/Exp", "second time", func(b *broken, _ tensor.Op, out, _ []*tensor.Tensor) {
		if b.calls++; b.calls%2 == 0 {
			v := b.get(out[0])
			b.put(out[0], 0, v[0]*(1+1e-7))
		}
	}},
	"Runs that lies":    {"Cases/Add", "Runs says false, Run true", nil},
	"a failure forgets": {"Contract/Memory", "Sync gives", nil},
}

// broken is ref with kernels for everything, and a defect.
type broken struct {
	*ref.Backend
	defect string
	calls  int
}

func (b *broken) Run(op tensor.Op, out, in []*tensor.Tensor) bool {
	tensor.Exec(b.Backend, op, out, in)
	if run := bugs[b.defect].run; run != nil && len(out) > 0 {
		run(b, op, out, in)
	}
	return true
}

func (b *broken) Runs(tensor.Op, []tensor.Spec) bool { return b.defect != "Runs that lies" }

func (b *broken) Sync() error {
	if b.defect == "a failure forgets" {
		return nil
	}
	return b.Backend.Sync()
}

// get is the elements of t.
func (b *broken) get(t *tensor.Tensor) []float64 {
	root := tensor.Open(b.Backend)
	x := root.New(t.Spec)
	x.Bind(t.Buffer())
	v, _ := tensor.Data[float64](x)
	return v
}

// put sets element i of t, which may lie outside of it.
func (b *broken) put(t *tensor.Tensor, i int, v float64) {
	root := tensor.Open(b.Backend)
	x := root.New(tensor.Of(t.DType, 1))
	buf, offset := t.Buffer()
	x.Bind(buf, offset+i*t.DType.Size())
	tensor.Set(x, []float64{v})
}

// TestBroken is what TestSuiteBites runs in a process of its own: it must fail.
func TestBroken(t *testing.T) {
	if *defect == "" {
		t.Skip("runs in a process that TestSuiteBites starts")
	}
	backendtest.Run(t, func() tensor.Backend { return &broken{Backend: ref.Round(), defect: *defect} })
}

// TestSuiteBites: each defect is found by the part of the suite that is there for it, and without a
// defect the same parts pass.
func TestSuiteBites(t *testing.T) {
	parts := map[string]bool{}
	for name, bug := range bugs {
		parts[bug.part] = true
		out, err := suite(t, name, bug.part)
		if err == nil || !strings.Contains(out, bug.says) {
			t.Errorf("%s: %s does not say %q:\n%s", name, bug.part, bug.says, out)
		}
	}
	var all []string
	for p := range parts {
		all = append(all, "TestBroken/"+p)
	}
	if out, err := suite(t, "none", strings.TrimPrefix(strings.Join(all, "|"), "TestBroken/")); err != nil {
		t.Errorf("without a defect: %v\n%s", err, out)
	}
}

// suite runs a part of the suite on a backend with a defect.
func suite(t *testing.T, defect, part string) (out string, err error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := exec.CommandContext(t.Context(), self, "-test.run", "TestBroken/"+part, "-defect", defect).CombinedOutput()
	if !strings.Contains(string(text), "PASS") && !strings.Contains(string(text), "FAIL") {
		t.Errorf("%s: the suite did not run: %v\n%s", defect, err, text)
	}
	return string(text), err
}
