package train

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"runtime"
	"testing"

	"kith/backends/cpu"
	"kith/internal/checkpoint"
	"kith/internal/format/safetensors"
	"kith/internal/testflag"
)

// A way is one of the ways of doing the same run.
type way struct {
	name    string
	options cpu.Options
	workers int
	eager   bool
	procs   int // GOMAXPROCS; 0 leaves it
	steps   int // 0: shortRun
}

// shortRun is the length of the runs that are compared: warm-up ends in it, an evaluation falls in
// its middle, and the fourth push wraps a queue of 50 rows in mid-batch.
const shortRun = 5

// do runs it and returns the folder of the run.
func (w way) do(t *testing.T) string {
	t.Helper()
	if w.procs > 0 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(w.procs))
	}
	b, err := cpu.New(w.options)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	j := newJobOn(t, b, dir, func(j *Job) {
		j.Eager, j.Loader.Workers, j.Score.Workers = w.eager, w.workers, w.workers
		j.Steps, j.EvalEvery = cmp.Or(w.steps, shortRun), Every{Steps: 3}
	})
	if _, err := Run(context.Background(), j, New()); err != nil {
		t.Fatalf("%s: %v", w.name, err)
	}
	return dir
}

// hash is one number for all state of the run's end: the files of its checkpoint in order of their
// names, without the wall clock.
func hash(t *testing.T, dir string, step int) string {
	t.Helper()
	files := stateFiles(t, dir, step)
	h := sha256.New()
	for _, name := range []string{modelFile, optimizerFile, supportFile, stateFile} {
		fmt.Fprintf(h, "%s %d\n", name, len(files[name]))
		io.WriteString(h, files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// vectorLevels are the levels of the machine whose results are promised to be equal.
func vectorLevels() (names []string) {
	for _, l := range cpu.Levels() {
		if l != "generic" {
			names = append(names, l)
		}
	}
	return names
}

// The same run ends in the same bytes with any number of threads and workers, and on AVX2 as on
// AVX-512. PyTorch does not promise the first of these even to itself.
func TestDeterminism(t *testing.T) {
	ways := []way{{name: "one thread", options: cpu.Options{Threads: 1}}}
	threads, workers := []int{2, 3, 4}, []int{1, 2, 5}
	if testflag.Long() {
		threads = append(threads, 7)
	}
	for _, n := range threads {
		ways = append(ways, way{name: fmt.Sprintf("%d threads", n), options: cpu.Options{Threads: n}})
	}
	for _, n := range workers {
		ways = append(ways, way{name: fmt.Sprintf("%d workers", n), options: cpu.Options{Threads: 2}, workers: n})
	}
	for _, n := range []int{1, 2} {
		ways = append(ways, way{name: fmt.Sprintf("GOMAXPROCS %d", n), procs: n, workers: 2})
	}
	ways = append(ways, way{name: "again", options: cpu.Options{Threads: 1}})
	for _, l := range vectorLevels() {
		ways = append(ways, way{name: l, options: cpu.Options{Level: l, Threads: 2}, workers: 1})
	}
	want := hash(t, ways[0].do(t), shortRun)
	for _, w := range ways[1:] {
		if got := hash(t, w.do(t), shortRun); got != want {
			t.Errorf("%s: state %.12s, with one thread %.12s", w.name, got, want)
		}
	}
}

// A run ends in the same bytes on processors of other kinds: with -digest, what one wrote is compared
// on another.
func TestDigest(t *testing.T) {
	var first string
	for _, l := range vectorLevels() {
		w := way{name: l, options: cpu.Options{Level: l}}
		got := hash(t, w.do(t), shortRun)
		if first == "" {
			first = got
			testflag.Digest(t, "train", []string{"state " + got})
		}
		if got != first {
			t.Errorf("%s: state %.12s, on another level %.12s", l, got, first)
		}
	}
}

// Direct convolutions, and running op by op, promise the same among themselves.
func TestDeterminismOthers(t *testing.T) {
	for _, w := range []way{{name: "strict", options: cpu.Options{Strict: true}}, {name: "eager", eager: true}} {
		one := w
		one.options.Threads = 1
		want := hash(t, one.do(t), shortRun)
		for _, l := range vectorLevels() {
			w.options.Threads, w.options.Level, w.workers = 3, l, 1
			if got := hash(t, w.do(t), shortRun); got != want {
				t.Errorf("%s: three threads on %s differ from one on the best level", w.name, l)
			}
		}
	}
}

// Other orders of summation give other bits: no vectors, direct convolutions, and op by op, where column
// sums run along rows instead of a product's tiles. After the first update (warm-up begins at a rate
// of 0) every tensor is still the same to single precision; later, free runs drift apart.
func TestDeterminismWithin(t *testing.T) {
	model := func(w way) *safetensors.File {
		w.steps = 2
		f, err := safetensors.Open(filepath.Join(w.do(t), "checkpoints", checkpoint.Name(w.steps), modelFile))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	want := model(way{name: "planned"})
	for _, w := range []way{
		{name: "generic", options: cpu.Options{Level: "generic"}},
		{name: "strict", options: cpu.Options{Strict: true}},
		{name: "eager", eager: true},
	} {
		sameModel(t, w.name, model(w), want)
	}
}

// sameModel compares each tensor of two models.
func sameModel(t *testing.T, name string, got, want *safetensors.File) {
	t.Helper()
	const golden = 1e-5 // relative, of a tensor's length
	for _, info := range want.Tensors() {
		if !info.DType.Float() {
			continue
		}
		a, err := safetensors.Values[float64](got, info.Name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := safetensors.Values[float64](want, info.Name)
		if err != nil {
			t.Fatal(err)
		}
		if d := distance(a, b); !(d < golden) {
			t.Errorf("%s: %s is %.2g away, at most %.0e", name, info.Name, d, golden)
		}
	}
}

// distance is |a-b| over |b|; where b is shorter than 0.1, so is rounding noise about a zero such as
// the mean of what a batch norm has centered, over that.
func distance(a, b []float64) float64 {
	var diff, size float64
	for i := range b {
		diff += (a[i] - b[i]) * (a[i] - b[i])
		size += b[i] * b[i]
	}
	return math.Sqrt(diff) / max(math.Sqrt(size), 0.1)
}
