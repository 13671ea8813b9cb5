package bench

import (
	"math"
	"strings"
	"testing"
	"time"

	"kith/backends/cpu"
	"kith/backends/ref"
	"kith/tensor"
)

// ticks is a clock that moves a millisecond with every look.
func ticks() func() time.Duration {
	now := time.Duration(0)
	return func() time.Duration { now += time.Millisecond; return now }
}

var small = Work{Model: "resnet-tiny", Batch: 4, Queue: 16, Compute: tensor.F32}

func open(t *testing.T) *tensor.Scope {
	t.Helper()
	b, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	root := tensor.Open(b)
	t.Cleanup(func() {
		if err := root.Close(); err != nil {
			t.Error(err)
		}
	})
	return root
}

// TestStep: times come from the clock alone, and the step learns something.
func TestStep(t *testing.T) {
	w := small
	w.Clock = ticks()
	r, err := Step(open(t), w, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	if r.Best != 1 || r.Median != 1 || r.ViewsBest != 8000 {
		t.Errorf("%+v; want 1 ms a step and 8,000 views a second", r)
	}
	if !(r.FirstLoss > 0) || !(r.Loss > 0) || r.Loss == r.FirstLoss || math.IsInf(r.Loss, 0) {
		t.Errorf("loss %v, first %v", r.Loss, r.FirstLoss)
	}
}

// TestOps: every instruction is counted once, and all run on kernels.
func TestOps(t *testing.T) {
	w := small
	w.Clock = ticks()
	results, peaks, err := Ops(open(t), w, true)
	if err != nil {
		t.Fatal(err)
	}
	share, flops, count := 0.0, 0.0, 0
	for _, r := range results {
		count += r.Count
		share += r.Share
		flops += r.flops
		if !r.Kernel {
			t.Errorf("%s runs by its definition", r.Form)
		}
	}
	if math.Abs(share-1) > 1e-9 || peaks.GFLOPS <= 0 || peaks.GBS <= 0 {
		t.Errorf("shares add to %v, peaks %+v", share, peaks)
	}
	if kinds := byKind(results, false); len(kinds) >= len(results) || kinds[0].Shapes != "" {
		t.Errorf("%d kinds by shape, %d without", len(results), len(kinds))
	} else {
		for _, r := range kinds {
			count -= r.Count
		}
	}
	if count != 0 {
		t.Errorf("%d instructions more by shape than without", count)
	}
	// Multiplications of a view: encoder 3,125,248 in each of three passes but for the stem's 110,592 in the last, since
	// no image wants a gradient; heads 64·2048 + 2048² + 2048·256 + 2·256·4096 in all three. The loss adds little.
	if want, got := 2*(3*3.125248-.110592+3*6.946816), flops/8/1e6; math.Abs(got-want) > 0.005*want {
		t.Errorf("%.2f MFLOP a view, want %.2f", got, want)
	}
}

// TestPlan: passes make the program shorter and the traffic smaller.
func TestPlan(t *testing.T) {
	w := small
	w.Clock = ticks()
	r, err := Plan(open(t), w)
	if err != nil {
		t.Fatal(err)
	}
	first, last := r.Stages[0], r.Stages[len(r.Stages)-1]
	if last.Instructions >= first.Instructions || last.MovedMB >= first.MovedMB {
		t.Errorf("from %+v to %+v", first, last)
	}
	held := 0.0
	for _, h := range r.Peak {
		held += h.MB
	}
	if held < 0.9*last.PeakMB || held > last.PeakMB+0.01*float64(len(r.Peak)) {
		t.Errorf("%.2f MB held at the peak of %.2f", held, last.PeakMB)
	}
	if !strings.Contains(r.Text, "Conv2D") {
		t.Errorf("no convolution in\n%s", r.Text)
	}
}

func TestRefused(t *testing.T) {
	for _, w := range []Work{{Model: "resnet-tiny", Batch: 1, Queue: 8}, {Model: "resnet9", Batch: 4, Queue: 8}} {
		w.Clock = ticks()
		if _, err := Step(tensor.Open(ref.New()), w, 1, 1); err == nil {
			t.Errorf("%+v is accepted", w)
		}
	}
}

// TestShapes: each product of the list is timed by the clock, and counted as its definition.
func TestShapes(t *testing.T) {
	results, err := Shapes(open(t), "matmul 392", Batches{1, 1}, Work{Compute: tensor.F32, Clock: ticks()})
	if err != nil || len(results) != 1 {
		t.Fatalf("%d shapes: %v", len(results), err)
	}
	r := results[0]
	if want := 2 * 392 * 2048 * 512 / 1e6; r.Ms != 1 || math.Abs(r.GFLOPS-want) > 0.1 || r.Pass != "forward" {
		t.Errorf("%+v; want 1 ms and %v GFLOP/s", r, want)
	}
	if want := 100 * r.GFLOPS / r.Peak; math.Abs(r.OfPeak-want) > 0.01*want || math.Abs(r.MostOfPeak-want) > 0.01*want || r.MostOfPeak < r.OfPeak {
		t.Errorf("%+v; want %v %% of the peak", r, want)
	}
}

// TestAwait: what is timed waits once for the machine, after all that can be refused.
func TestAwait(t *testing.T) {
	waits := 0
	w := small
	w.Clock, w.Await = ticks(), func() { waits++ }
	refused := w
	refused.Model = "resnet9"
	for _, c := range []struct {
		name string
		run  func(w Work) error
	}{
		{"step", func(w Work) error { _, err := Step(open(t), w, 2, 2); return err }},
		{"ops", func(w Work) error { _, _, err := Ops(open(t), w, false); return err }},
		{"shapes", func(w Work) error { _, err := Shapes(open(t), "cifar.layer4", Batches{1, 1}, w); return err }},
	} {
		if waits = 0; c.run(w) != nil || waits != 1 {
			t.Errorf("%s waits %d times", c.name, waits)
		}
		if waits = 0; c.name != "shapes" && (c.run(refused) == nil || waits != 0) {
			t.Errorf("%s waits %d times before it refuses a model", c.name, waits)
		}
	}
}

// TestShapesBatches: an encoder's convolutions take its batch, and count for the means if they are 3×3 of stride 1.
func TestShapesBatches(t *testing.T) {
	root := open(t)
	for name, want := range map[string]struct {
		batch    int
		winograd bool
	}{"cifar.layer4": {3, true}, "r50.layer4.3x3": {2, true}, "r50.layer4.reduce": {2, false}} {
		results, err := Shapes(root, name, Batches{3, 2}, Work{Compute: tensor.F32, Clock: ticks()})
		if err != nil || len(results) != 3 {
			t.Fatalf("%s: %d results: %v", name, len(results), err)
		}
		for _, r := range results {
			if r.Batch != want.batch || r.Winograd != want.winograd {
				t.Errorf("%+v; want %+v", r, want)
			}
		}
	}
}

func TestMeansOfPeak(t *testing.T) {
	means := MeansOfPeak([]ShapeResult{
		{Pass: "forward", Winograd: true, OfPeak: 100}, {Pass: "forward", Winograd: true, OfPeak: 400},
		{Pass: "forward", OfPeak: 1}, {Pass: "grad_w", Winograd: true, OfPeak: 150},
	})
	if len(means) != 2 || means[0].Pass != "forward" || means[0].Count != 2 || math.Abs(means[0].OfPeak-200) > 1e-9 ||
		means[1].Pass != "grad_w" || math.Abs(means[1].OfPeak-150) > 1e-9 {
		t.Errorf("%+v", means)
	}
}
