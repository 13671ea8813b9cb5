package data

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"image"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"kith/internal/testflag"
	"kith/tensor/rng"
)

// A fake is a dataset of n noise pictures of various sizes, label i mod 5, some of them bad.
type fake struct {
	n     int
	bad   map[int]string
	delay func(i int)
}

func (f *fake) Len() int                           { return f.n }
func (f *fake) At(i int) (image.Image, int, error) { return at(f, i) }
func (f *fake) Read(i int, p *Picture) (int, error) {
	if i < 0 || i >= f.n {
		return -1, outside(i, f.n)
	}
	if f.delay != nil {
		f.delay(i)
	}
	if why := f.bad[i]; why != "" {
		return -1, errors.New(why)
	}
	p.Resize(20+i%17, 20+i%13)
	for j := range p.Pix {
		p.Pix[j] = byte(i*31 + j*7 + j*j/11)
	}
	return i % 5, nil
}

func testViews(t testing.TB) []View {
	t.Helper()
	views, err := Preset("byol", 16)
	if err != nil {
		t.Fatal(err)
	}
	return append(views, View{Size: 8, Crop: Crop{Law: Random, Area: [2]float64{.05, .2}}, Norm: CIFAR10})
}

// digest writes everything that a batch holds.
func digest(h hash.Hash, b *Batch) {
	for _, v := range b.Views {
		for _, x := range v {
			h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(x)))
		}
	}
	for _, d := range b.Draws {
		for _, x := range d {
			h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(x)))
		}
	}
	fmt.Fprint(h, b.Index, b.Labels, b.Step, b.Place)
	h.Write(b.Pixels)
}

func epochDigests(t testing.TB, l *Loader, e, from int) (sums []string) {
	t.Helper()
	for b, err := range l.Epoch(e, from) {
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		digest(h, b)
		sums = append(sums, fmt.Sprintf("%x", h.Sum(nil)[:8]))
	}
	return sums
}

// TestBatchesAreAFunctionOfTheSeed: workers, memory, processors, earlier passes and the place of
// resumption change nothing.
func TestBatchesAreAFunctionOfTheSeed(t *testing.T) {
	for _, raw := range []bool{false, true} {
		d := &fake{n: 103, bad: map[int]string{3: "a", 4: "b", 50: "c", 102: "d"}}
		load := func(workers, ahead int) *Loader {
			return &Loader{Data: d, Views: testViews(t), Size: 10, Workers: workers, Ahead: ahead, Raw: raw,
				Key: rng.New(7), Bad: &Bad{Max: 1}}
		}
		want := epochDigests(t, load(0, 0), 3, 0)
		if len(want) != 10 {
			t.Fatalf("%d batches, want 10", len(want))
		}
		if other := epochDigests(t, load(0, 0), 4, 0); other[0] == want[0] {
			t.Error("epochs 3 and 4 begin alike")
		}
		for _, workers := range []int{0, 1, 2, 3, 5} {
			for _, procs := range []int{1, 2, 4} {
				l := load(workers, workers) // 0 and 1 mean 2
				old := runtime.GOMAXPROCS(procs)
				epochDigests(t, l, 1, 0) // leaves memory behind
				got := epochDigests(t, l, 3, 0)
				rest := epochDigests(t, l, 3, 6)
				runtime.GOMAXPROCS(old)
				if !slices.Equal(got, want) || !slices.Equal(rest, want[6:]) {
					t.Errorf("raw %v, %d workers, %d processors: batches differ", raw, workers, procs)
				}
			}
		}
	}
}

// TestRanksShareABatch: the images of a step, and their views, do not depend on the ranks.
func TestRanksShareABatch(t *testing.T) {
	d := &fake{n: 50}
	whole := &Loader{Data: d, Views: testViews(t), Size: 12, Key: rng.New(7)}
	var parts [][]float32
	var ids [][]int32
	for b, err := range whole.Epoch(0, 0) {
		if err != nil {
			t.Fatal(err)
		}
		parts, ids = append(parts, slices.Clone(b.Views[1])), append(ids, slices.Clone(b.Index))
	}
	for r := range 3 {
		l := &Loader{Data: d, Views: testViews(t), Size: 4, Rank: r, Ranks: 3, Key: rng.New(7), Workers: 2}
		steps := 0
		for b, err := range l.Epoch(0, 0) {
			if err != nil {
				t.Fatal(err)
			}
			n := len(b.Views[1])
			if !slices.Equal(b.Index, ids[steps][r*4:(r+1)*4]) || !slices.Equal(b.Views[1], parts[steps][r*n:(r+1)*n]) {
				t.Errorf("step %d: rank %d has other images than its part of the whole", steps, r)
			}
			if b.Step != steps {
				t.Errorf("step %d is called %d", steps, b.Step)
			}
			steps++
		}
		if steps != 4 {
			t.Errorf("rank %d: %d steps, want 4", r, steps)
		}
	}
}

// TestEpochsShuffle: every image at most once an epoch, and all of them when it divides.
func TestEpochsShuffle(t *testing.T) {
	l := &Loader{Data: &fake{n: 60}, Views: testViews(t)[2:], Size: 10, Workers: 2, Key: rng.New(1)}
	for e := range 3 {
		var seen []int32
		for b, err := range l.Epoch(e, 0) {
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, b.Index...)
			if want := e*6 + len(seen)/10 - 1; b.Step != want {
				t.Errorf("step %d, want %d", b.Step, want)
			}
			for i, id := range b.Index {
				if b.Labels[i] != id%5 {
					t.Errorf("image %d has label %d", id, b.Labels[i])
				}
			}
		}
		if slices.IsSorted(seen) {
			t.Errorf("epoch %d is in order", e)
		}
		slices.Sort(seen)
		if len(slices.Compact(seen)) != 60 {
			t.Errorf("epoch %d shows %d different images, want 60", e, len(seen))
		}
	}
}

// TestBadImages: the next good image stands in, the bad one is named once.
func TestBadImages(t *testing.T) {
	d := &fake{n: 40, bad: map[int]string{5: "truncated", 6: "not an image", 39: "truncated"}}
	bad := &Bad{Max: 0.5}
	l := &Loader{Data: d, Views: testViews(t), Size: 40, Workers: 3, Key: rng.New(1), Bad: bad}
	for range 2 {
		for b, err := range l.Epoch(0, 0) {
			if err != nil {
				t.Fatal(err)
			}
			n := map[int32]int{}
			for _, id := range b.Index {
				n[id]++
			}
			// 5 and 6 are replaced by 7, 39 by 0.
			if n[5]+n[6]+n[39] > 0 || n[7] != 3 || n[0] != 2 {
				t.Errorf("batch holds %v", n)
			}
		}
	}
	want := []BadImage{{5, "#5", 0, "truncated"}, {6, "#6", 0, "not an image"}, {39, "#39", 0, "truncated"}}
	if got := bad.List(); !slices.Equal(got, want) {
		t.Errorf("bad images %v, want %v", got, want)
	}
	if bad.Tried() != 40 {
		t.Errorf("%d images tried, want 40", bad.Tried())
	}
	var text strings.Builder
	if err := WriteBad(&text, bad.List()); err != nil || text.String() != "#5\t0\ttruncated\n#6\t0\tnot an image\n#39\t0\ttruncated\n" {
		t.Errorf("bad_files.tsv is %q (%v)", text.String(), err)
	}
}

// TestTooManyBadImages: on both sides of the limit, and the policy fail.
func TestTooManyBadImages(t *testing.T) {
	run := func(n, every int, b *Bad) error {
		d := &fake{n: n, bad: map[int]string{}}
		for i := every - 1; i < n; i += every {
			d.bad[i] = "truncated"
		}
		l := &Loader{Data: d, Views: testViews(t)[2:], Size: 20, Workers: 2, Key: rng.New(1), Bad: b}
		for _, err := range l.Epoch(0, 0) {
			if err != nil {
				return err
			}
		}
		return nil
	}
	var e *Error
	if err := run(400, 400, &Bad{}); err != nil {
		t.Errorf("1 bad of 400: %v", err)
	}
	if err := run(400, 50, &Bad{}); !errors.As(err, &e) || !strings.Contains(err.Error(), "max_bad") || !strings.Contains(err.Error(), "truncated (#") {
		t.Errorf("2 %% of bad images: %v", err)
	}
	// Below 200 images the end of the epoch decides.
	if err := run(60, 60, &Bad{}); !errors.As(err, &e) {
		t.Errorf("1 bad of 60: %v", err)
	}
	if err := run(60, 60, &Bad{Max: .02}); err != nil {
		t.Errorf("1 bad of 60 within 2 %%: %v", err)
	}
	if err := run(60, 60, &Bad{Fail: true}); !errors.As(err, &e) || !strings.Contains(err.Error(), "#59") {
		t.Errorf("on_bad_image=fail: %v", err)
	}
	if err := run(60, 1, &Bad{Max: 1}); !errors.As(err, &e) || !strings.Contains(err.Error(), "all 60 images") {
		t.Errorf("all bad: %v", err)
	}
}

// TestAll: every good image once and in order, the last batch short, nothing left out twice.
func TestAll(t *testing.T) {
	for _, raw := range []bool{false, true} {
		d := &fake{n: 23, bad: map[int]string{0: "x", 7: "x", 22: "x"}}
		l := &Loader{Data: d, Views: testViews(t)[:1], Size: 5, Workers: 2, Raw: raw, Key: rng.New(1), Bad: &Bad{Max: 1}}
		var seen []int32
		for b, err := range l.All(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, b.Index...)
			if raw {
				if len(b.Place) != 3*len(b.Index) || len(b.Draws[0]) != DrawLen*len(b.Index) {
					t.Errorf("raw batch of %d: %d places, %d draws", len(b.Index), len(b.Place), len(b.Draws[0]))
				}
				continue
			}
			if len(b.Views[0]) != 16*16*3*len(b.Index) {
				t.Errorf("batch of %d has %d values", len(b.Index), len(b.Views[0]))
			}
			for i, id := range b.Index {
				var p Picture
				if _, err := d.Read(int(id), &p); err != nil {
					t.Fatal(err)
				}
				want := make([]float32, 16*16*3)
				new(Augmenter).Make(want, &p, &l.Views[0], l.Key.Fold("augment").At(0).At(uint64(id)).At(0))
				if !slices.Equal(want, b.Views[0][i*768:(i+1)*768]) {
					t.Errorf("row %d is not image %d", i, id)
				}
			}
		}
		want := []int32{1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21}
		if !slices.Equal(seen, want) {
			t.Errorf("images %v, want %v", seen, want)
		}
	}
}

// TestRawIsTheSameDraw: a raw batch holds the pictures and the parameters from which the views
// follow.
func TestRawIsTheSameDraw(t *testing.T) {
	d := &fake{n: 20}
	load := func(raw bool) *Loader {
		return &Loader{Data: d, Views: testViews(t), Size: 20, Raw: raw, Key: rng.New(3)}
	}
	var made [][]float32
	for b, err := range load(false).Epoch(0, 0) {
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range b.Views {
			made = append(made, slices.Clone(v))
		}
	}
	for b, err := range load(true).Epoch(0, 0) {
		if err != nil {
			t.Fatal(err)
		}
		for v, view := range load(true).Views {
			for i := range b.Index {
				at, w, h := int(b.Place[3*i]), int(b.Place[3*i+1]), int(b.Place[3*i+2])
				p := &Picture{Pix: b.Pixels[at : at+3*w*h], W: w, H: h}
				draw, norm := decodeDraw(b.Draws[v][i*DrawLen:])
				view.Norm = norm
				out := make([]float32, view.len())
				new(Augmenter).Apply(out, p, &view, &draw, rng.New(0))
				if !slices.Equal(out, made[v][i*view.len():(i+1)*view.len()]) {
					t.Fatalf("view %d of row %d differs", v, i)
				}
			}
		}
	}
}

// decodeDraw reads what Draw.Encode wrote, by its documentation.
func decodeDraw(x []float32) (d Draw, n Norm) {
	d.Box = [4]int{int(x[0]), int(x[1]), int(x[2]), int(x[3])}
	d.Out, d.Corner = [2]int{int(x[4]), int(x[5])}, [2]int{int(x[6]), int(x[7])}
	d.Filter, d.Flip = Filter(x[8]), x[9] == 1
	for i := range 4 {
		d.Ops[i], d.Factor[i] = Op(x[10+i]), x[14+i]
	}
	d.Gray, d.Sigma, d.Solarize = x[18] == 1, x[19], x[20] == 1
	copy(n.Mean[:], x[21:24])
	copy(n.Std[:], x[24:27])
	return d, n
}

// TestLoaderRefuses: every impossible setting is an error before the first batch.
func TestLoaderRefuses(t *testing.T) {
	good := func() *Loader { return &Loader{Data: &fake{n: 20}, Views: testViews(t), Size: 4} }
	for want, change := range map[string]func(l *Loader){
		"no images":                      func(l *Loader) { l.Data = &fake{} },
		"batch 21 > 20 usable images":    func(l *Loader) { l.Size = 21 },
		"batch 24 > 20 usable images":    func(l *Loader) { l.Ranks = 6 },
		"batch of 0":                     func(l *Loader) { l.Size = 0 },
		"on rank 2 of 2":                 func(l *Loader) { l.Rank, l.Ranks = 2, 2 },
		"view 1: view size 0":            func(l *Loader) { l.Views[0].Size = 0 },
		"view 2: crop area 0.5 to 0.2":   func(l *Loader) { l.Views[1].Crop.Area = [2]float64{.5, .2} },
		"view 3: extra transforms":       func(l *Loader) { l.Raw = true; l.Views[2].Extra = make([]Transform, 1) },
		"view 1: hue jitter 0.6 exceeds": func(l *Loader) { l.Views[0].Jitter.Hue = .6 },
	} {
		l := good()
		change(l)
		n := 0
		for _, err := range l.Epoch(0, 0) {
			n++
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got error %v, want %q", err, want)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d iterations", want, n)
		}
	}
}

// TestStopping: breaking off and canceling at random points ends all goroutines at once.
func TestStopping(t *testing.T) {
	defer goleak.VerifyNone(t)
	cycles := 120
	if testflag.Long() {
		cycles = 500
	}
	r := rand.New(rand.NewPCG(1, 2))
	d := &fake{n: 64, delay: func(i int) {
		if i%16 == 0 {
			time.Sleep(time.Duration(i) * 10 * time.Microsecond)
		}
	}}
	views := testViews(t)[2:]
	for range cycles {
		l := &Loader{Data: d, Views: views, Size: 8, Workers: r.IntN(4), Key: rng.New(1)}
		ctx, cancel := context.WithCancel(context.Background())
		stop, viaContext := r.IntN(9), r.IntN(2) == 0
		time.AfterFunc(time.Duration(r.IntN(2000))*time.Microsecond, func() {
			if viaContext {
				cancel()
			}
		})
		seen := 0
		for _, err := range l.EpochContext(ctx, 0, 0) {
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if seen == stop {
				break
			}
			seen++
		}
		cancel()
	}
}

// TestHungRead: canceling returns at once although a read never does, and the file is named.
func TestHungRead(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	d := &fake{n: 16, delay: func(i int) {
		if i == 9 {
			<-release
		}
	}}
	l := &Loader{Data: d, Views: testViews(t)[2:], Size: 16, Workers: 2, Key: rng.New(1)}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	start := time.Now()
	for _, err := range l.EpochContext(ctx, 0, 0) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want canceled", err)
		}
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	var named []string
	l.Stuck = func(names []string, stacks []byte) { named = names }
	w := new(worker)
	w.active.Store(10)
	(&plan{Loader: l}).report([]*worker{new(worker), w})
	if !slices.Equal(named, []string{"#9"}) {
		t.Errorf("stuck images %v, want #9", named)
	}
}

// TestLoaderAllocatesNothing in the steady state.
func TestLoaderAllocatesNothing(t *testing.T) {
	d, err := Patches("train")
	if err != nil {
		t.Fatal(err)
	}
	views, _ := Preset("byol", 32)
	l := &Loader{Data: d, Views: views, Size: 64, Workers: 1, Key: rng.New(1)}
	var before, after runtime.MemStats
	step := 0
	for _, err := range l.Epoch(0, 0) {
		if err != nil {
			t.Fatal(err)
		}
		switch step++; step {
		case 10:
			runtime.ReadMemStats(&before)
		case 30:
			runtime.ReadMemStats(&after)
		}
		if step == 30 {
			break
		}
	}
	// The timer of each wait and some resize weights for new crop sizes: nothing per image.
	perBatch := float64(after.Mallocs-before.Mallocs) / 20
	if perBatch > 16 {
		t.Errorf("%.1f allocations per batch of 64 images", perBatch)
	}
	t.Logf("%.1f allocations and %d bytes per batch", perBatch, (after.TotalAlloc-before.TotalAlloc)/20)
}

// TestGoldenBatch: the first batch of the demo, bit for bit. It changes when a photograph, the
// cutting, a draw or an operator changes, and then the demo's published numbers change too.
func TestGoldenBatch(t *testing.T) {
	d, err := Patches("train")
	if err != nil {
		t.Fatal(err)
	}
	for preset, want := range map[string]string{
		"demo": "03001d00c43bdd0b", "byol": "18c714a7cb435ef4", "simclr": "467ebb4d995df671",
	} {
		views, err := Preset(preset, 32)
		if err != nil {
			t.Fatal(err)
		}
		l := &Loader{Data: d, Views: views, Size: 64, Key: rng.New(0)}
		for b, err := range l.Epoch(0, 0) {
			if err != nil {
				t.Fatal(err)
			}
			h := sha256.New()
			digest(h, b)
			if got := fmt.Sprintf("%x", h.Sum(nil)[:8]); got != want {
				t.Errorf("%s: batch hashes to %s, want %s", preset, got, want)
			}
			break
		}
	}
}
