package trace_test

import (
	"maps"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"kith/backends/cpu"
	"kith/backends/plan"
	"kith/backends/ref"
	"kith/backends/trace"
	"kith/tensor"
)

// backends are one that runs definitions, and one with kernels.
func backends(t testing.TB) map[string]tensor.Backend {
	b, err := cpu.Open("generic")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]tensor.Backend{"ref": ref.Round(), "cpu": b}
}

// A net is two products and a state, with names.
type net struct {
	root       *tensor.Scope
	x, w, v, y *tensor.Tensor
}

func newNet(b tensor.Backend) *net {
	n := &net{root: tensor.Open(b)}
	for _, t := range []**tensor.Tensor{&n.x, &n.w, &n.v, &n.y} {
		*t = n.root.New(tensor.Of(tensor.F32, 2, 2))
		tensor.Set(*t, []float32{1, 2, 3, 4})
	}
	return n
}

func (n *net) step(s *tensor.Scope) {
	h := s.Enter(n.x).MatMulT(s.Enter(n.w).Cast(tensor.BF16).Wide()).Log()
	s.Assign(n.y, h.MatMulT(s.Enter(n.v)))
}

func (n *net) names() map[string]*tensor.Tensor {
	return map[string]*tensor.Tensor{"First.Weight": n.w, "Second.Weight": n.v}
}

func ExamplePrint() {
	root := tensor.Open(trace.Print(ref.Round(), os.Stdout))
	x, y := root.New(tensor.Of(tensor.F32, 2, 2)), root.New(tensor.Of(tensor.F32, 2))
	tensor.Set(x, []float32{-1, 0, 1, 2})
	root.Run(func(s *tensor.Scope) { s.Assign(y, s.Enter(x).Scale(3).Log().Sum(1)) })
	// Output:
	//     0 Scale{By:3} of F32[2 2] -> F32[2 2] -3…6
	//     1 Log of F32[2 2] -> F32[2 2] -Inf…1.792, 1 NaN
	//     2 Sum{Keep:1} of F32[2 2] -> F32[2] -Inf…-Inf, 1 NaN
	//     3 Write of F32[2], F32[2] -> F32[2] -Inf…-Inf, 1 NaN
}

// TestPrint sees the same ops whether kernels or definitions run, and fused ones in a plan.
func TestPrint(t *testing.T) {
	for name, b := range backends(t) {
		var eager, planned strings.Builder
		n := newNet(trace.Print(b, &eager))
		n.root.Run(n.step)
		if got := strings.Count(eager.String(), "\n"); got != 6 || !strings.Contains(eager.String(), "MatMul{TransA:false TransB:true Wide:false} of F32[2 2], F32[2 2] -> F32[2 2] ") {
			t.Errorf("%s:\n%s", name, &eager)
		}
		n = newNet(trace.Print(b, &planned))
		plan.Compile(n.root, n.step).Run()
		if got := planned.String(); name == "cpu" && !strings.Contains(got, "Log MatMul of F32[2 2], F32[2 2] ->") {
			t.Errorf("%s, planned:\n%s", name, got)
		}
	}
}

// TestNaN finds the op that makes the first bad number, the layer it belongs to, and whether its
// input was bad already.
func TestNaN(t *testing.T) {
	for name, b := range backends(t) {
		for _, c := range []struct {
			name  string
			spoil func(n *net)
			want  string
			value float64
		}{
			{"fine", func(*net) {}, "", 0},
			{"logarithm of a negative", func(n *net) { tensor.Set(n.x, []float32{1, 1, -1, 1}) },
				"Log of F32[2 2] near First.Weight: element 3 of output 0 is NaN", math.NaN()},
			{"overflow", func(n *net) { tensor.Set(n.v, []float32{1, 1, 3e38, 3e38}) },
				"MatMul{TransA:false TransB:true Wide:false} of F32[2 2], F32[2 2] near Second.Weight: element 1 of output 0 is +Inf", 0},
			{"a broken weight", func(n *net) { tensor.Set(n.w, []float64{1, math.NaN(), 1, 1}) },
				"Cast{To:BF16} of F32[2 2] near First.Weight: element 1 of output 0 is NaN", math.NaN()},
		} {
			n := newNet(b)
			f := trace.NaN(b, maps.All(n.names()))
			c.spoil(n)
			if c.name == "logarithm of a negative" {
				tensor.Set(n.w, []float32{1, 1, 1, -0.5})
				tensor.Set(n.x, []float32{1, 1, 1, 9})
			}
			n.root.RunOn(f, n.step)
			got := ""
			if f.First() != nil {
				got = f.First().String()
			}
			if got != c.want {
				t.Errorf("%s, %s: %q, want %q", name, c.name, got, c.want)
			}
			if f.Reset(); f.First() != nil {
				t.Error("a finding behind Reset")
			}
		}
	}
}

// TestInput tells an op that passes a bad number on from one that makes it.
func TestInput(t *testing.T) {
	n := newNet(ref.Round())
	f := trace.NaN(n.root.Backend(), maps.All(n.names()))
	n.root.RunOn(f, func(s *tensor.Scope) {
		bad := s.Enter(n.x).Scale(-1).Log()
		f.Reset()
		tensor.Apply(tensor.ReLU{}, bad)
	})
	if got := f.First(); got == nil || got.Input >= 0 {
		t.Errorf("%v: Reset forgets what is bad", got)
	}
	n.root.RunOn(f, func(s *tensor.Scope) { s.Enter(n.x).Scale(-1).Log().ReLU() })
	if got := f.First().String(); !strings.HasPrefix(got, "ReLU of F32[2 2] near the step's inputs") {
		t.Errorf("%q: the first finding stays", got)
	}
	f.Reset()
	var planned *plan.Plan
	root := tensor.Open(f)
	x, y := root.New(tensor.Of(tensor.F32, 2)), root.New(tensor.Of(tensor.F32, 2))
	tensor.Set(x, []float32{-1, 1})
	planned = plan.CompileWith(root, func(s *tensor.Scope) { s.Assign(y, s.Enter(x).Log().Exp().ReLU()) }, nil)
	planned.Run()
	if got := f.First(); got == nil || got.Input != -1 || got.Index != 0 || !math.IsNaN(got.Value) {
		t.Errorf("planned: %v", got)
	}
}

// TestTime counts calls, time by the given clock, and bytes.
func TestTime(t *testing.T) {
	for name, b := range backends(t) {
		now := time.Duration(0)
		timer := trace.Time(b, func() time.Duration { now += time.Millisecond; return now })
		n := newNet(timer)
		for range 3 {
			n.root.Run(n.step)
		}
		rows := map[string]trace.Row{}
		for _, r := range timer.Rows() {
			rows[r.Op] = r
		}
		if got, want := rows["MatMul"], (trace.Row{Op: "MatMul", Calls: 6, Time: 6 * time.Millisecond, Bytes: 6 * 48}); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		if got := timer.Rows()[0].Op; got != "Cast" && got != "MatMul" {
			t.Errorf("%s: %q is the slowest", name, got)
		}
		if text := timer.String(); !strings.Contains(text, "     6      6.00  33.3%    0.0  MatMul\n") {
			t.Errorf("%s:\n%s", name, text)
		}
		if timer.Reset(); len(timer.Rows()) != 0 {
			t.Errorf("%s: rows behind Reset", name)
		}
	}
}

// capturing is a backend that can record.
type capturing struct{ tensor.Backend }

func (capturing) Capture(run func()) (func(), error) { return run, nil }

// TestCapture keeps decorated steps from being captured, and leaves other questions to the backend.
func TestCapture(t *testing.T) {
	for name, b := range map[string]tensor.Backend{
		"print": trace.Print(capturing{ref.Round()}, &strings.Builder{}),
		"nan":   trace.NaN(capturing{ref.Round()}, maps.All(map[string]*tensor.Tensor{})),
		"time":  trace.Time(capturing{ref.Round()}, func() time.Duration { return 0 }),
	} {
		c, ok := tensor.As[tensor.Capturer](b)
		if !ok {
			t.Errorf("%s: no Capturer", name)
			continue
		}
		if _, err := c.Capture(func() {}); err == nil {
			t.Errorf("%s was captured", name)
		}
	}
	exact := trace.Print(ref.New(), &strings.Builder{})
	if _, ok := tensor.As[tensor.Exact](exact); !ok {
		t.Error("a decorated exact backend is not exact")
	}
}
