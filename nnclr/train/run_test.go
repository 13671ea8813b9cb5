package train

import (
	"context"
	"errors"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"kith/backends/cpu"
	"kith/internal/checkpoint"
	"kith/nn"
	"kith/nnclr"
	"kith/nnclr/data"
	"kith/nnclr/eval"
	"kith/optim"
	"kith/tensor"
	"kith/tensor/rng"
)

// blobs is a data set of two kinds of pictures: warm stripes and cold ones, in noise.
type blobs struct{ n int }

func (b blobs) Len() int          { return b.n }
func (b blobs) Classes() []string { return []string{"warm", "cold"} }

func (b blobs) At(i int) (image.Image, int, error) {
	label := i % 2
	img := image.NewRGBA(image.Rect(0, 0, 16, 16))
	s := rng.New(9).At(uint64(i)).Stream()
	for y := range 16 {
		for x := range 16 {
			c := color.RGBA{uint8(80 + s.IntN(60)), uint8(60 + s.IntN(80)), uint8(80 + s.IntN(60)), 255}
			if label == 0 && x%4 < 2 {
				c.R += 90
			} else if label == 1 && y%4 < 2 {
				c.B += 90
			}
			img.Set(x, y, c)
		}
	}
	return img, label, nil
}

// newJob is a small run on blobs; each call has tensors of its own.
func newJob(t testing.TB, dir string, change func(*Job)) *Job {
	t.Helper()
	b, err := cpu.Open("")
	if err != nil {
		t.Fatal(err)
	}
	return newJobOn(t, b, dir, change)
}

// newJobOn is newJob on a backend, which the end of the test closes.
func newJobOn(t testing.TB, b tensor.Backend, dir string, change func(*Job)) *Job {
	t.Helper()
	root := tensor.Open(b)
	t.Cleanup(func() { root.Close() })
	encoder, err := nn.NewResNet("resnet-tiny", nn.Cifar, false)
	if err != nil {
		t.Fatal(err)
	}
	method, err := nnclr.NewNNCLR(nnclr.Config{
		Features: encoder.Features, Projector: []int{32, 64}, Predictor: []int{32, 64}, Temperature: .1,
		Search: nnclr.Search{Size: 100}, // which 16 does not divide: the queue wraps in mid-batch
	}, encoder)
	if err != nil {
		t.Fatal(err)
	}
	nn.Init(method, root, rng.New(1).Fold("init"))
	views, err := data.Preset("demo", 16)
	if err != nil {
		t.Fatal(err)
	}
	images := blobs{96}
	start := time.Now()
	plan := optim.Plan{Rate: .05, WarmUp: 5, Steps: 24}
	rate, err := plan.Schedule("cosine")
	if err != nil {
		t.Fatal(err)
	}
	j := &Job{
		Root: root, Method: method, Encoder: encoder,
		Optimizer: optim.SGD{Decay: 5e-4, Momentum: .9, Decayed: optim.All}.New(root, method),
		Loader:    &data.Loader{Data: images, Views: views, Size: 16, Key: rng.New(1)},
		Rate:      func(step int, _ float64) float64 { return rate(step) },
		Steps:     24, LogEvery: 8,
		Score: &Score{
			Bank: images, Queries: blobs{40}, View: data.EvalView(images, 16, data.Bicubic, data.ImageNet),
			Batch: 32, KNN: eval.KNN{K: 5, T: .07}, Few: 10, Key: rng.New(1),
		},
		Look:        &Look{Data: images, View: data.EvalView(images, 16, data.Bicubic, data.ImageNet), Queries: []int{3, 8, 20}, Nearest: 2},
		Checkpoints: Checkpoints{Dir: filepath.Join(dir, "checkpoints"), ConfigDigest: "c", DataDigest: "d"},
		Captures:    filepath.Join(dir, "nan"),
		Clock:       func() time.Duration { return time.Since(start) },
	}
	if change != nil {
		change(j)
	}
	return j
}

// stateFiles are the state files of the newest checkpoint, without the wall clock.
func stateFiles(t *testing.T, dir string, step int) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range []string{modelFile, optimizerFile, supportFile, stateFile} {
		b, err := os.ReadFile(filepath.Join(dir, "checkpoints", checkpoint.Name(step), name))
		if err != nil {
			t.Fatal(err)
		}
		if name == stateFile {
			s, err := decodeState(b)
			if err != nil {
				t.Fatal(err)
			}
			s.Wall = Wall{}
			b = s.encode()
		}
		files[name] = string(b)
	}
	return files
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	kinds := map[string]int{}
	j := newJob(t, dir, func(j *Job) { j.Events = func(e Event) { kinds[e.Kind+e.Name]++ } })
	s, err := Run(context.Background(), j, New())
	if err != nil {
		t.Fatal(err)
	}
	if s.Steps != 24 || !(s.LossLast < s.LossFirst) || !(s.KNN > .9) || s.ViewsPerSecond <= 0 {
		t.Errorf("summary %+v", s)
	}
	if kinds["train"] != 3 || kinds["evalknn"] != 1 || kinds["evalfloors"] != 1 || kinds["neighbors"] != 7 || kinds["eventcheckpoint"] != 1 {
		t.Errorf("events %v", kinds)
	}
	if n := j.Root.Fallbacks(); len(n) > 0 {
		t.Errorf("ran by definition: %v", n)
	}
}

// A save is told when it ends, while training goes on, not when the next one is due.
func TestSaveTold(t *testing.T) {
	dir, next := t.TempDir(), 0
	var at []int // steps done when a checkpoint was told
	j := newJob(t, dir, func(j *Job) { j.SaveEvery, j.LogEvery = Every{Steps: 8}, 1 })
	j.Events = func(e Event) {
		switch {
		case e.Kind == "event" && e.Name == "checkpoint":
			at = append(at, e.Step)
		case e.Kind == "train" && e.Step == next+2: // slow steps, so that the save of step next ends among them
			for range 500 {
				if _, err := os.Stat(filepath.Join(dir, "checkpoints", checkpoint.Name(next))); next == 0 || err == nil {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(100 * time.Millisecond) // between its last rename and its word
			next += 8
		}
	}
	if _, err := Run(context.Background(), j, New()); err != nil {
		t.Fatal(err)
	}
	if len(at) != 3 || at[0] >= 16 || at[1] >= 24 {
		t.Errorf("saves of steps 8, 16 and 24 told at %v", at)
	}
}

// Stopped after any step and gone on with, the run ends in the same bytes: in mid-epoch, at the end
// of warm-up, at that of an epoch, where the queue wraps, twice, and inside an evaluation. It may go
// on with other threads and workers.
func TestResume(t *testing.T) {
	scored := func(j *Job) { j.EvalEvery = Every{Steps: 6} }
	whole := t.TempDir()
	if _, err := Run(context.Background(), newJob(t, whole, scored), New()); err != nil {
		t.Fatal(err)
	}
	want := stateFiles(t, whole, 24)
	for name, stops := range map[string][]stop{
		"mid-epoch, then evaluation": {{step: 3}, {step: 12, inside: true}},
		"end of warm-up":             {{step: 5}},
		"end of epoch":               {{step: 6}},
		"wrap of the queue, twice":   {{step: 7}, {step: 17}},
	} {
		dir := t.TempDir()
		var evaluated []int
		for i, s := range append(stops, stop{}) {
			j := newJob(t, dir, func(j *Job) { scored(j); j.Loader.Workers = i })
			j.Events = func(e Event) {
				if e.Name == "knn" {
					evaluated = append(evaluated, e.Step)
				}
			}
			state, err := Load(j, func(s string) { t.Error(s) })
			if err != nil || i > 0 && state.Step != stops[i-1].step {
				t.Fatalf("%s: loaded step %d before stop %d: %v", name, state.Step, i, err)
			}
			if _, err := Run(s.context(j), j, state); err != nil && !errors.Is(err, ErrStopped) {
				t.Fatalf("%s: %v", name, err)
			}
		}
		for file, b := range stateFiles(t, dir, 24) {
			if b != want[file] {
				t.Errorf("%s: %s differs", name, file)
			}
		}
		if !slices.Equal(evaluated, []int{6, 12, 18, 24}) {
			t.Errorf("%s: evaluated at steps %v", name, evaluated)
		}
	}
}

// A stop ends a run after a step, or inside the evaluation that follows it; the zero stop never does.
type stop struct {
	step   int
	inside bool
}

// context ends at the stop, for which it changes the job.
func (s stop) context(j *Job) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	rate, reached := j.Rate, false
	j.Rate = func(step int, share float64) float64 {
		if reached = step == s.step-1; reached && !s.inside {
			cancel()
		}
		return rate(step, share)
	}
	if s.inside {
		j.Score.Bank = watched{j.Score.Bank, func() {
			if reached {
				cancel()
			}
		}}
	}
	return ctx
}

// watched is a data set that tells when it is read.
type watched struct {
	data.Dataset
	read func()
}

func (w watched) At(i int) (image.Image, int, error) {
	w.read()
	return w.Dataset.At(i)
}

// Three steps in a row that are not finite end the run; each is captured and changes nothing. The save that the third
// one overtook is waited for.
func TestDiverged(t *testing.T) {
	dir := t.TempDir()
	skipped, saved := 0, 0
	j := newJob(t, dir, func(j *Job) {
		j.Score, j.Look, j.SaveEvery = nil, nil, Every{Steps: 1}
		rate := j.Rate
		j.Rate = func(step int, share float64) float64 {
			if step == 4 {
				return math.Inf(1)
			}
			return rate(step, share)
		}
		j.Events = func(e Event) {
			switch e.Name {
			case "skipped":
				skipped++
			case "checkpoint":
				saved++
			}
		}
	})
	_, err := Run(context.Background(), j, New())
	var d *DivergedError
	if !errors.As(err, &d) || skipped != 3 {
		t.Fatalf("%d steps skipped: %v", skipped, err)
	}
	if saved != d.Step {
		t.Errorf("%d saves told of, want %d", saved, d.Step)
	}
	if _, err := os.Stat(filepath.Join(j.Captures, checkpoint.Name(d.Step), modelFile)); err != nil {
		t.Error(err)
	}
}

// What a save warns of is told by the loop, between its own events: a save has a goroutine of its own.
func TestSaveWarns(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "checkpoints", checkpoint.Name(0)), 0o755); err != nil { // a damaged one
		t.Fatal(err)
	}
	counts := map[string]int{} // the race detector watches it
	j := newJob(t, dir, func(j *Job) {
		j.Score, j.Look, j.Steps, j.LogEvery, j.SaveEvery = nil, nil, 6, 1, Every{Steps: 1}
		j.Events = func(e Event) { counts[e.Kind+e.Name]++ }
	})
	if _, err := Run(context.Background(), j, New()); err != nil {
		t.Fatal(err)
	}
	if counts["eventcheckpoint"] != 6 || counts["eventwarning"] != 6 {
		t.Errorf("events %v, want 6 checkpoints and 6 warnings", counts)
	}
}

// lame is a backend without a kernel for the loss.
type lame struct{ tensor.Backend }

func (b lame) Run(op tensor.Op, out, in []*tensor.Tensor) bool {
	_, loss := op.(tensor.CrossEntropy)
	return !loss && b.Backend.Run(op, out, in)
}

// What runs by its definition is told, once.
func TestNoKernel(t *testing.T) {
	inner, err := cpu.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inner.Close() }) // lame hides it from the root
	var warnings []any
	j := newJobOn(t, lame{inner}, t.TempDir(), func(j *Job) {
		j.Score, j.Look, j.Steps, j.LogEvery = nil, nil, 2, 1
		j.Events = func(e Event) {
			if e.Name == "warning" {
				warnings = append(warnings, e.Fields[0].Value)
			}
		}
	})
	if _, err := Run(context.Background(), j, New()); err != nil {
		t.Fatal(err)
	}
	if want := inner.Name() + " has no kernel for CrossEntropy; slow definitions run instead"; !slices.Equal(warnings, []any{want}) {
		t.Errorf("got %q, want %q", warnings, want)
	}
}

// A checkpoint of other settings is refused and stays.
func TestLoadOtherSettings(t *testing.T) {
	dir := t.TempDir()
	if _, err := Run(context.Background(), newJob(t, dir, func(j *Job) { j.Steps, j.Score, j.Look = 2, nil, nil }), New()); err != nil {
		t.Fatal(err)
	}
	j := newJob(t, dir, func(j *Job) { j.Checkpoints.ConfigDigest = "other" })
	if _, err := Load(j, nil); !errors.Is(err, ErrOtherSettings) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "checkpoints", checkpoint.Name(2))); err != nil {
		t.Error(err)
	}
}

func TestDue(t *testing.T) {
	for _, c := range []struct {
		every Every
		want  []int // steps of 10 at which it is due, at 1 s and a tenth of the run each
	}{
		{Every{Steps: 3}, []int{3, 6, 9}},
		{Every{Time: 4 * time.Second}, []int{4, 8}},
		{Every{Share: .25}, []int{3, 5, 8, 10}},
		{Every{}, nil},
	} {
		d := newDue(c.every, progress{})
		var got []int
		for step := 1; step <= 10; step++ {
			if d.is(progress{step: step, time: time.Duration(step) * time.Second, share: float64(step) / 10}) {
				got = append(got, step)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: due at %v, want %v", c.every, got, c.want)
		}
	}
}

// The alarm rings at the second bad check after step 20, once.
func TestAlarm(t *testing.T) {
	var a alarm
	for i, c := range []struct {
		step      int
		std, rank float64
		want      bool
	}{
		{10, .1, 1, false}, {20, .1, 1, false}, {30, .1, 9, false}, {40, .9, 9, false},
		{50, .9, 2, false}, {60, .3, 9, true}, {70, .3, 9, false}, {80, 1, 9, false}, {90, 1, 1, false}, {100, 1, 1, true},
	} {
		if got := a.raised(c.step, c.std, c.rank); got != c.want {
			t.Errorf("check %d: raised %v, want %v", i, got, c.want)
		}
	}
}
