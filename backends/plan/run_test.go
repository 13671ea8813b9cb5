package plan

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"kith/backends/cpu"
	"kith/backends/ref"
	"kith/internal/testflag"
	"kith/nn"
	"kith/tensor"
)

// TestEager compares 30 steps with a changing rate, op by op and planned. Where all passes are
// exact that is one free run; on the cpu sums inside a convolution may walk rows in another order,
// so there each step starts from equal states.
func TestEager(t *testing.T) {
	steps := 30
	for _, m := range modes[1:3] {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			p := programs[1]
			a, b := p.world(m, 2), p.world(m, 2)
			train := Compile(b.root, b.train)
			for i := range steps {
				a.set(i, i == 7)
				a.root.Run(a.train)
				b.set(i, i == 7)
				train.Run()
			}
			want, got := a.state(t), b.state(t)
			if i := differ(got, want); i >= 0 {
				t.Errorf("element %d is %v, want %v", i, got[i], want[i])
			}
		})
	}
	t.Run("cpu", func(t *testing.T) {
		t.Parallel()
		m := mode{"cpu", func() tensor.Backend { return openCPU(t) }, tensor.F32}
		lars := func() *world { return newWorld(m.open(), m.compute, smallEncoder(8), 64, 8, 32, "lars") }
		a, b := lars(), lars()
		train := Compile(b.root, b.train)
		for i := range steps {
			copyState(t, a, b)
			a.set(i, i == 7)
			a.root.Run(a.train)
			b.set(i, i == 7)
			train.Run()
			if worst := distance(b.parts(t), a.parts(t)); !(worst < columnSums) {
				t.Errorf("step %d: %v apart, want %v", i, worst, columnSums)
			}
		}
		for name, root := range map[string]*tensor.Scope{"eager": a.root, "planned": b.root} {
			if f := root.Fallbacks(); len(f) > 0 {
				t.Errorf("%s: %v ran by definition", name, f)
			}
		}
	})
	t.Run("cpu, no fusion", func(t *testing.T) {
		t.Parallel()
		m := mode{"cpu", func() tensor.Backend { return openCPU(t) }, tensor.F32}
		a, b := programs[0].world(m, 8), programs[0].world(m, 8)
		want := run(t, a, func() { a.root.Run(a.train) })
		exact := []Pass{Passes[0], Passes[1], Passes[2], Passes[4], Passes[5]}
		got := run(t, b, CompileWith(b.root, b.train, exact).Run)
		if i := differ(got, want); i >= 0 {
			t.Errorf("passes %v: element %d is %v, want %v", passNames(exact), i, got[i], want[i])
		}
	})
}

func openCPU(t testing.TB) tensor.Backend {
	b, err := cpu.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// copyState gives b the state of a.
func copyState(t *testing.T, a, b *world) {
	to := map[string]*tensor.Tensor{}
	for name, p := range nn.Tensors(b.method) {
		to["model "+name] = p.Value
	}
	for name, p := range b.opt.States() {
		to["slot "+name] = p.Value
	}
	from := func(name string, v *tensor.Tensor) {
		x, err := tensor.Data[float64](v)
		if err != nil {
			t.Fatal(err)
		}
		tensor.Set(to[name], x)
	}
	for name, p := range nn.Tensors(a.method) {
		from("model "+name, p.Value)
	}
	for name, p := range a.opt.States() {
		from("slot "+name, p.Value)
	}
}

// columnSums bounds the relative distance of a tensor after one step where sums walk rows in another
// order: 4e-6 was measured, and a sign that flips behind a ReLU costs more.
const columnSums = 2e-5

// distance is the largest relative distance of two tensors; NaN is where NaN is. Of tensors that are
// zero but for rounding, as some gradients are, it is a tenth in absolute terms.
func distance(got, want [][]float64) (worst float64) {
	for k := range want {
		apart, size := 0.0, 0.0
		for i, v := range want[k] {
			if d := got[k][i] - v; !math.IsNaN(v) || !math.IsNaN(got[k][i]) {
				apart += d * d
				size += v * v
			}
		}
		if d := math.Sqrt(apart) / max(math.Sqrt(size), 0.1); !(d <= worst) {
			worst = d
		}
	}
	return worst
}

// TestValues asks for values, uploads and waits inside a step that is being planned.
func TestValues(t *testing.T) {
	root := tensor.Open(ref.New())
	x := root.New(tensor.Of(tensor.F32, 2))
	for name, ask := range map[string]func(s *tensor.Scope){
		"Data":   func(s *tensor.Scope) { tensor.Data[float32](s.Enter(x).ReLU()) },
		"Sync":   func(s *tensor.Scope) { s.Sync() },
		"Upload": func(s *tensor.Scope) { s.Backend().Upload(x, nil) },
	} {
		var err error
		func() {
			defer tensor.Catch(&err)
			Compile(root, ask)
		}()
		var bug *tensor.Error
		if !errors.As(err, &bug) || !strings.Contains(err.Error(), "while planning") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// still is a backend whose ops do nothing, at no cost.
type still struct {
	tensor.Backend
	runs int
}

func (b *still) Run(tensor.Op, []*tensor.Tensor, []*tensor.Tensor) bool { b.runs++; return true }
func (*still) Runs(tensor.Op, []tensor.Spec) bool                       { return true }

// TestAllocations replays a plan without the Go heap.
func TestAllocations(t *testing.T) {
	b := &still{Backend: ref.Round()}
	w := newWorld(b, tensor.F32, smallEncoder(2), 16, 4, 16, "lars")
	p := Compile(w.root, w.train)
	p.Run()
	b.runs = 0
	if n := testing.AllocsPerRun(10, p.Run); n != 0 {
		t.Errorf("%v allocations a step, want 0", n)
	}
	if want := 11 * len(p.Program()); b.runs != want { // AllocsPerRun warms up once
		t.Errorf("%d ops ran, want %d", b.runs, want)
	}
}

// capturing is a backend that can record what is queued.
type capturing struct {
	still
	captures, replays int
	err               error
}

func (b *capturing) Capture(run func()) (func(), error) {
	b.captures++
	if b.err != nil {
		return nil, b.err
	}
	run()
	return func() { b.replays++ }, nil
}

// TestCapture replays from the second step on by one call, until the arena moves.
func TestCapture(t *testing.T) {
	b := &capturing{still: still{Backend: ref.Round()}}
	w := newWorld(b, tensor.F32, smallEncoder(2), 16, 4, 16, "lars")
	small := Compile(w.root, w.encode)
	for range 3 {
		small.Run()
	}
	if b.captures != 1 || b.replays != 2 || b.runs != 2*len(small.Program()) {
		t.Errorf("%d captures, %d replays, %d ops", b.captures, b.replays, b.runs)
	}
	large := Compile(w.root, w.train) // takes the place of the arena
	if large.Stats().Peak <= small.Stats().Peak {
		t.Fatalf("training needs %d bytes, evaluation %d", large.Stats().Peak, small.Stats().Peak)
	}
	for range 3 {
		small.Run()
	}
	if b.captures != 2 || b.replays != 4 {
		t.Errorf("%d captures, %d replays behind a larger plan", b.captures, b.replays)
	}
	b.err = errors.New("stream is busy")
	large.Run()
	large.Run()
	large.Run()
	if b.captures != 3 || !strings.Contains(large.String(), "not captured: stream is busy") {
		t.Errorf("%d captures, %v", b.captures, large)
	}
}

// TestPlansTogether runs training and evaluation of one root in turn, in one arena.
func TestPlansTogether(t *testing.T) {
	m := modes[1]
	eager, planned := programs[0].world(m, 2), programs[0].world(m, 2)
	encode, train := Compile(planned.root, planned.encode), Compile(planned.root, planned.train)
	for i := range 4 {
		eager.set(i, false)
		eager.root.Run(eager.train)
		eager.root.Run(eager.encode)
		planned.set(i, false)
		train.Run()
		encode.Run()
	}
	if i := differ(planned.state(t), eager.state(t)); i >= 0 {
		t.Errorf("element %d differs", i)
	}
	if encode.arena != train.arena {
		t.Error("two arenas")
	}
}

// TestString is what users see of a plan.
func TestString(t *testing.T) {
	root := tensor.Open(willing{ref.Round()})
	x, y := root.New(tensor.Of(tensor.F32, 1000, 500)), root.New(tensor.Of(tensor.F32, 1000, 500))
	p := Compile(root, func(s *tensor.Scope) { s.Assign(y, s.Enter(x).Scale(2).ReLU().Permute(0, 1).Exp()) })
	want := "3 instructions, 12.0 MB moved, 4.0 MB at peak, no kernel for Exp Permute"
	if got := p.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestMoved counts rows that are written and gathered, not the whole of where they are.
func TestMoved(t *testing.T) {
	root := tensor.Open(ref.Round())
	rows, at := root.New(tensor.Of(tensor.F32, 100, 10)), root.New(tensor.Of(tensor.I32))
	index, y := root.New(tensor.Of(tensor.I32, 2)), root.New(tensor.Of(tensor.F32, 2, 10))
	p := CompileWith(root, func(s *tensor.Scope) {
		s.Assign(y, s.Enter(rows).Gather(s.Enter(index)))
		s.AssignRows(rows, s.Enter(at), s.Enter(y).Exp())
	}, nil)
	want := (8 + 2*80) + 2*80 + 2*4 + 2*80 + (4 + 2*80) // Gather, Exp, a copy of the cursor, Write, WriteRows
	if got := p.Stats().Moved; got != want {
		t.Errorf("%s: %d bytes, want %d", show(p.Program()), got, want)
	}
}

// TestMeasure finds each pass to pay: instructions, bytes or peak fall, and none of the exact
// figures of a program without it is better.
func TestMeasure(t *testing.T) {
	w := programs[1].world(modes[1], 2)
	stages := Measure(w.root, w.train, Passes)
	if len(stages) != len(Passes)+1 || stages[0].Pass != "trace" {
		t.Fatalf("%+v", stages)
	}
	first, last := stages[0].Stats, stages[len(stages)-1].Stats
	if last.Instructions*2 > first.Instructions || last.Moved*2 > first.Moved || last.Peak > first.Peak {
		t.Errorf("from %+v to %+v", first, last)
	}
	if testflag.Long() {
		t.Logf("%+v", stages)
	}
}

// TestFallbacks counts what runs by definition, on the root, as an eager step does.
func TestFallbacks(t *testing.T) {
	for name, way := range map[string]func(w *world) func(){
		"eager":   func(w *world) func() { return func() { w.root.Run(w.encode) } },
		"planned": func(w *world) func() { return CompileWith(w.root, w.encode, nil).Run },
	} {
		w := newWorld(ref.Round(), tensor.F32, smallEncoder(2), 16, 4, 16, "")
		step := way(w)
		step()
		step()
		if got := w.root.Fallbacks(); got["Conv2D"] != 24 || got["Write"] != 2 {
			t.Errorf("%s: %v, want 24 convolutions", name, got)
		}
	}
}

// TestEmpty runs steps that do nothing, or nothing but a copy.
func TestEmpty(t *testing.T) {
	for name, b := range map[string]tensor.Backend{"ref": ref.New(), "cpu": openCPU(t)} {
		root := tensor.Open(b)
		x, y := root.New(tensor.Of(tensor.I32)), root.New(tensor.Of(tensor.I32))
		tensor.Set(x, []int32{7})
		Compile(root, func(*tensor.Scope) {}).Run()
		p := Compile(root, func(s *tensor.Scope) { s.Assign(y, s.Enter(x)) })
		p.Run()
		if v, err := tensor.Data[int32](y); err != nil || v[0] != 7 || p.Stats().Instructions != 1 {
			t.Errorf("%s: %v, %v; %v", name, v, err, p)
		}
	}
}

// TestSteady trains on the cpu without allocating there either.
func TestSteady(t *testing.T) {
	w := newWorld(openCPU(t), tensor.F32, smallEncoder(8), 64, 8, 32, "lars")
	p := Compile(w.root, w.train)
	w.set(0, false)
	for range 3 {
		p.Run()
	}
	if n := testing.AllocsPerRun(5, p.Run); n != 0 {
		t.Errorf("%v allocations a step, want 0", n)
	}
}

// TestExactIntegers fuses a chain that reads integers alone, on a backend where floats are F64.
func TestExactIntegers(t *testing.T) {
	var got [2]float64
	for k := range got {
		root := tensor.Open(willing{ref.New()})
		n, y := root.New(tensor.Of(tensor.I32)), root.New(tensor.Of(tensor.F32))
		tensor.Set(n, []int32{7})
		step := func(s *tensor.Scope) { s.Assign(y, s.Enter(n).Cast(tensor.F32).Scale(0.1).Exp()) }
		run := func() { root.Run(step) }
		if k == 1 {
			p := Compile(root, step)
			if len(p.Program()) != 1 {
				t.Fatalf("%v: want one fused op", p)
			}
			run = p.Run
		}
		run()
		v, err := tensor.Data[float64](y)
		if err != nil {
			t.Fatal(err)
		}
		got[k] = v[0]
	}
	if got[0] != got[1] || got[0] != math.Exp(7*0.1) {
		t.Errorf("op by op %v, planned %v", got[0], got[1])
	}
}

// TestDeterministic plans the same step twice, to the same program at the same places.
func TestDeterministic(t *testing.T) {
	text := func() string {
		w := resnet18.world(t, imagined{willing{ref.Round()}}, tensor.BF16, 4)
		p := Compile(w.root, w.train)
		var b strings.Builder
		for _, i := range p.Program() {
			fmt.Fprintln(&b, show([]tensor.Instr{i}))
			for _, ts := range [][]*tensor.Tensor{i.Out, i.In} {
				for _, t := range ts {
					if buffer, offset := t.Buffer(); buffer == p.arena {
						fmt.Fprintln(&b, offset, t.Spec)
					}
				}
			}
		}
		return b.String()
	}
	if first, second := text(), text(); first != second {
		t.Error("two plans of one step differ")
	}
}
