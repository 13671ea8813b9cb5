package nnclr

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"kith/autograd"
	"kith/backends/ref"
	"kith/nn"
	"kith/tensor"
	"kith/tensor/rng"

	"pgregory.net/rapid"
)

// set is a support set of one column whose rows are numbers.
type set struct {
	*Queue
	root  *tensor.Scope
	step  int32
	input map[int][]*tensor.Tensor // by batch size: rows, ids, labels, epoch, step
}

func newSet(t testing.TB, s Search) *set {
	t.Helper()
	q, err := NewQueue(s)
	if err != nil {
		t.Fatal(err)
	}
	root := tensor.Open(ref.New())
	nn.Init(struct{ Support *Queue }{q}, root, rng.New(1))
	return &set{q, root, 0, map[int][]*tensor.Tensor{}}
}

// push pushes rows, whose ids are the numbers themselves and whose labels are ten times those.
func (q *set) push(rows []float64) {
	n := len(rows) / q.search.Width
	in := q.input[n]
	if in == nil {
		in = []*tensor.Tensor{q.root.New(tensor.Of(tensor.F32, n, q.search.Width)), q.root.New(tensor.Of(tensor.I32, n)),
			q.root.New(tensor.Of(tensor.I32, n)), q.root.New(tensor.Of(tensor.I32)), q.root.New(tensor.Of(tensor.I32))}
		q.input[n] = in
	}
	id, label := make([]int32, n), make([]int32, n)
	for i := range id {
		id[i] = int32(rows[i*q.search.Width])
		label[i] = 10 * id[i]
	}
	tensor.Set(in[0], rows)
	tensor.Set(in[1], id)
	tensor.Set(in[2], label)
	tensor.Set(in[3], []int32{q.step / 4})
	tensor.Set(in[4], []int32{q.step})
	q.root.Run(func(s *tensor.Scope) {
		q.Push(nn.Train(s, tensor.F32), s.Enter(in[0]), Batch{
			ID: s.Enter(in[1]), Label: s.Enter(in[2]), Epoch: s.Enter(in[3]), Step: s.Enter(in[4])})
	})
	q.step++
}

func ints(t testing.TB, s *nn.State) []int32 {
	t.Helper()
	v, err := tensor.Data[int32](s.Value)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The pushes of the specification's table, m = 5.
func TestPush(t *testing.T) {
	q := newSet(t, Search{Size: 5, Width: 1})
	tensor.Set(q.Rows.Value, []float64{-1, -2, -3, -4, -5})
	next := 0
	for _, c := range []struct {
		n            int
		rows         []float64
		next, filled int32
	}{
		{3, []float64{0, 1, 2, -4, -5}, 3, 3},
		{3, []float64{5, 1, 2, 3, 4}, 1, 5},
		{7, []float64{10, 11, 12, 8, 9}, 3, 5},
		{5, []float64{15, 16, 17, 13, 14}, 3, 5},
		{1, []float64{15, 16, 17, 18, 14}, 4, 5},
		{10, []float64{25, 26, 27, 28, 24}, 4, 5},
	} {
		batch := make([]float64, c.n)
		for i := range batch {
			batch[i] = float64(next)
			next++
		}
		q.push(batch)
		if got := number(t, q.Rows.Value); !slices.Equal(got, c.rows) {
			t.Errorf("after %d: rows %v, want %v", c.n, got, c.rows)
		}
		if a, b := ints(t, q.Next)[0], ints(t, q.Filled)[0]; a != c.next || b != c.filled {
			t.Errorf("after %d: next %d, filled %d, want %d, %d", c.n, a, b, c.next, c.filled)
		}
	}
}

// Any batches into any size equal a simulation, and metadata travels with its row.
func TestPushSimulated(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := rapid.IntRange(1, 9).Draw(r, "m")
		q := newSet(t, Search{Size: m, Width: 1})
		want := make([][4]int32, m) // id, label, epoch, step
		for i := range want {
			want[i] = [4]int32{-1, -1, -1, -1}
		}
		number, pushed := int32(0), 0
		for range rapid.IntRange(1, 8).Draw(r, "pushes") {
			batch := make([]float64, rapid.IntRange(1, 20).Draw(r, "n"))
			for i := range batch {
				batch[i] = float64(number)
				want[pushed%m] = [4]int32{number, 10 * number, q.step / 4, q.step}
				number, pushed = number+1, pushed+1
			}
			q.push(batch)
			got := make([][4]int32, m)
			for k, s := range []*nn.State{q.ID, q.Label, q.Epoch, q.Step} {
				for i, v := range ints(t, s) {
					got[i][k] = v
				}
			}
			if !slices.Equal(got, want) {
				r.Fatalf("metadata %v, want %v", got, want)
			}
			if n, f := ints(t, q.Next)[0], ints(t, q.Filled)[0]; int(n) != pushed%m || int(f) != min(m, pushed) {
				r.Fatalf("next %d, filled %d after %d rows", n, f, pushed)
			}
		}
	})
}

// Rows start as directions that depend on seed and shape alone.
func TestQueueStart(t *testing.T) {
	a, b := newSet(t, Search{Size: 7, Width: 5}), newSet(t, Search{Size: 7, Width: 5})
	x, y := number(t, a.Rows.Value), number(t, b.Rows.Value)
	if !slices.Equal(x, y) {
		t.Error("the same seed gives other rows")
	}
	for i := range 7 {
		if length := norm(x[5*i:][:5]); math.Abs(length-1) > 1e-6 {
			t.Errorf("row %d has length %v", i, length)
		}
	}
}

// search looks for one query.
func (q *set) search1(t *testing.T, u []float64, id, label int32) (row []float64, index int32) {
	t.Helper()
	x, ids := q.root.New(tensor.Of(tensor.F32, 1, len(u))), q.root.New(tensor.Of(tensor.I32, 1))
	labels := q.root.New(tensor.Of(tensor.I32, 1))
	scalar := q.root.New(tensor.Of(tensor.I32))
	tensor.Set(x, u)
	tensor.Set(ids, []int32{id})
	tensor.Set(labels, []int32{label})
	tensor.Set(scalar, []int32{q.step})
	q.root.Run(func(s *tensor.Scope) {
		f := q.Nearest(nn.Eval(s, tensor.F32), s.Enter(x), Batch{ID: s.Enter(ids), Label: s.Enter(labels), Step: s.Enter(scalar)})
		row = number(t, f.Row)
		v, _ := tensor.Data[int32](f.Index)
		index = v[0]
	})
	return row, index
}

// A set that starts empty finds only what was pushed; without any row the query stands for itself.
func TestEmptyStart(t *testing.T) {
	q := newSet(t, Search{Size: 3, Width: 1, Empty: true})
	if row, index := q.search1(t, []float64{1}, 0, 0); index != -1 || row[0] != 1 {
		t.Errorf("found %v at %d in an empty set", row, index)
	}
	q.push([]float64{-7})
	if row, index := q.search1(t, []float64{1}, 0, 0); index != 0 || row[0] != -7 {
		t.Errorf("found %v at %d, want the only row", row, index)
	}
}

// All rows of the query's own image: nothing is left, and the loss stays finite.
func TestAllExcluded(t *testing.T) {
	q := newSet(t, Search{Size: 2, Width: 1, ExcludeSelf: true})
	q.push([]float64{3, 3})
	if row, index := q.search1(t, []float64{1}, 3, 0); index != -1 || row[0] != 1 {
		t.Errorf("found %v at %d, want the query itself", row, index)
	}
	if _, index := q.search1(t, []float64{1}, 4, 0); index != 0 {
		t.Errorf("found %d, want the lowest of equals", index)
	}
}

// The oracle takes the nearest row of the query's label.
func TestOracle(t *testing.T) {
	q := newSet(t, Search{Size: 3, Width: 1, Positive: "oracle"})
	q.push([]float64{9, 5, 2})
	if row, _ := q.search1(t, []float64{1}, 0, 50); row[0] != 5 {
		t.Errorf("found %v, want the row labeled 50", row)
	}
}

// Draws among the top k are uniform, and change with the step alone.
func TestTopK(t *testing.T) {
	q := newSet(t, Search{Size: 4, Width: 1, TopK: 3, Key: rng.New(5)})
	tensor.Set(q.Rows.Value, []float64{4, 3, 2, 1})
	seen := map[float64]int{}
	for step := range int32(300) {
		q.step = step
		row, _ := q.search1(t, []float64{1}, 0, 0)
		again, _ := q.search1(t, []float64{1}, 0, 0)
		if row[0] != again[0] {
			t.Fatalf("step %d drew %v and %v", step, row, again)
		}
		seen[row[0]]++
	}
	if len(seen) != 3 || seen[1] > 0 || seen[4] < 75 || seen[3] < 75 || seen[2] < 75 {
		t.Errorf("drew %v of the three best", seen)
	}
}

// What a step finds is what was there before its own push.
func TestSearchBeforePush(t *testing.T) {
	q := newSet(t, Search{Size: 2, Width: 2})
	tensor.Set(q.Rows.Value, []float64{1, 0, 0, 1})
	x := q.root.New(tensor.Of(tensor.F32, 1, 2))
	tensor.Set(x, []float64{.6, .8})
	id, step := q.root.New(tensor.Of(tensor.I32, 1)), q.root.New(tensor.Of(tensor.I32))
	tensor.Set(id, []int32{7})
	tensor.Set(step, []int32{0})
	q.root.Run(func(s *tensor.Scope) {
		b := Batch{ID: s.Enter(id), Label: s.Enter(id), Epoch: s.Enter(step), Step: s.Enter(step)}
		c := nn.Train(s, tensor.F32)
		q.Push(c, s.Enter(x), b) // first, and still not found
		f := q.Nearest(c, s.Enter(x), b)
		if got := number(t, f.Row); !slices.Equal(got, []float64{0, 1}) {
			t.Errorf("found %v, want the old row 0 1", got)
		}
	})
	if got := number(t, q.Rows.Value); !slices.Equal(got, []float64{.6, .8, 0, 1}) {
		t.Errorf("after the step: %v", got)
	}
}

// A zero embedding gives a finite search, loss and gradient.
func TestZeroRow(t *testing.T) {
	r := g1(t, Config{})
	tensor.Set(r.z1, make([]float64, 9))
	tensor.Set(r.p2, make([]float64, 9))
	got := r.run(t)
	if math.IsNaN(got.loss) || math.IsInf(got.loss, 0) || math.IsNaN(norm(got.dp2)) || norm(got.dp2) != 0 {
		t.Errorf("loss %v, gradient %v", got.loss, got.dp2)
	}
}

func TestQueueErrors(t *testing.T) {
	for _, s := range []Search{{}, {Size: 4}, {Size: 4, Width: 2, TopK: 5}} {
		if _, err := NewQueue(s); err == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
	for _, c := range []Config{
		{}, {Features: 2, Projector: []int{4}, Predictor: []int{3}, Temperature: 1},
		{Features: 2, Projector: []int{4}, NoPredictor: true},
		{Features: 2, Projector: []int{4}, NoPredictor: true, Temperature: 1, Push: "never"},
		{Features: 2, Projector: []int{4}, NoPredictor: true, Temperature: 1, Form: "triplet"},
		{Features: 2, Projector: []int{4}, NoPredictor: true, Temperature: 1, Search: Search{Size: 4, Positive: "far"}},
	} {
		if _, err := NewNNCLR(c, nn.AvgPool{}); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

// A whole step through networks: names, gradients for every parameter, one push.
func TestStep(t *testing.T) {
	encoder, err := nn.NewResNet("resnet-tiny", nn.Cifar, false)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Build("nnclr", func(c *Config) error {
		c.Features, c.Projector, c.Predictor = encoder.Features, []int{16, 8}, []int{16, 8}
		c.Search.Size = 6
		return nil
	}, encoder)
	if err != nil {
		t.Fatal(err)
	}
	root := tensor.Open(ref.New())
	nn.Init(m, root, rng.New(1))
	view := tensor.Of(tensor.F32, 4, 8, 8, 3)
	in, out := NewInputs(root, []tensor.Spec{view, view}), NewOutputs(root)
	x := make([]float32, view.Shape.Size())
	rng.New(2).Stream().Normal(x)
	in.Set([][]float32{x, x}, []int32{5, 6, 7, 8}, []int32{0, 1, 0, -1}, Now{Step: 3, Epoch: 1, Rate: .1})
	root.Run(func(s *tensor.Scope) {
		tape := autograd.Record(s)
		loss, metrics := m.Loss(nn.Train(s, tensor.F32), in.Batch(s))
		var params []*tensor.Tensor
		var names []string
		for name, p := range nn.Params(m) {
			names, params = append(names, name), append(params, s.Enter(p.Value))
		}
		for i, g := range tape.Grad(loss, params...) {
			if g == nil || g.Shape.Size() != params[i].Shape.Size() {
				t.Errorf("%s has no gradient of its own shape", names[i])
			}
		}
		out.Report(s, loss, metrics)
	})
	read, err := out.Read()
	if err != nil {
		t.Fatal(err)
	}
	if read["labeled"][0] != .75 || read["nn_init"][0] != 1 || len(read["unit"]) != 32 {
		t.Errorf("metrics %v", fmt.Sprint(read["labeled"], read["nn_init"]))
	}
	q := m.(*NNCLR).Support
	if got := ints(t, q.ID); !slices.Equal(got, []int32{5, 6, 7, 8, -1, -1}) {
		t.Errorf("ids %v", got)
	}
	if got := ints(t, q.Step); got[0] != 3 || ints(t, q.Epoch)[0] != 1 || ints(t, q.Label)[3] != -1 {
		t.Errorf("steps %v", got)
	}
}

// A step whose loss is not finite changes nothing but reports.
func TestGuard(t *testing.T) {
	root := tensor.Open(ref.New())
	w, out := root.New(tensor.Of(tensor.F32)), NewOutputs(root)
	for _, c := range []struct{ loss, norm, want float64 }{{1, 1, 2}, {math.NaN(), 1, 1}, {1, math.Inf(1), 1}} {
		tensor.Set(w, []float64{1})
		loss, norm := root.New(tensor.Of(tensor.F32)), root.New(tensor.Of(tensor.F32))
		tensor.Set(loss, []float64{c.loss})
		tensor.Set(norm, []float64{c.norm})
		root.Run(func(s *tensor.Scope) {
			s.Assign(w, s.Enter(w).Scale(2))
			out.Report(s, s.Enter(loss), Guard(s, s.Enter(loss), Metrics{"grad_norm": s.Enter(norm)}))
		})
		read, err := out.Read()
		if err != nil || read["finite"][0] != c.want-1 {
			t.Errorf("finite %v, %v", read["finite"], err)
		}
		if got := number(t, w)[0]; got != c.want {
			t.Errorf("loss %v, norm %v: weight %v, want %v", c.loss, c.norm, got, c.want)
		}
	}
}
