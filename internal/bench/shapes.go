package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"kith/tensor"
	"kith/tensor/rng"
)

// A ShapeResult is the rate of one product or convolution of a named shape. GFLOPS counts the
// multiplications of the definition, padding included, whatever the algorithm saves.
type ShapeResult struct {
	Peer      string  `json:"peer"`
	Version   string  `json:"version"`
	Shape     string  `json:"shape"`
	Pass      string  `json:"pass"`     // forward, grad_x or grad_w
	Batch     int     `json:"batch"`    // images of a convolution, 0 for products
	Winograd  bool    `json:"winograd"` // 3×3 of stride 1: what MeansOfPeak means
	Threads   int     `json:"threads"`
	Precision string  `json:"precision"`
	Ms        float64 `json:"ms"`
	GFLOPS    float64 `json:"gflops"`       // the best of the runs
	Peak      float64 `json:"peak_gflops"`  // Peaks.GFLOPS, median of those between the runs
	OfPeak    float64 `json:"percent_peak"` // median of the runs' rates over the higher peak beside each; Winograd and bf16 pass 100

	MostOfPeak float64 `json:"percent_peak_best"` // the highest of them
}

// Batches are the images of convolutions of ResNet-18-CIFAR and of ResNet-50.
type Batches [2]int

// convShapes are convolutions of the encoders: which of them, channels, side of the map, filters, side
// of the filter, stride and pad. internal/bench/peers times the same with others.
var convShapes = []struct {
	name                                string
	encoder, c, side, k, r, stride, pad int
}{
	{"cifar.layer1", 0, 64, 32, 64, 3, 1, 1}, {"cifar.layer2", 0, 128, 16, 128, 3, 1, 1},
	{"cifar.layer3", 0, 256, 8, 256, 3, 1, 1}, {"cifar.layer4", 0, 512, 4, 512, 3, 1, 1},
	{"cifar.layer2.down", 0, 64, 32, 128, 3, 2, 1},
	{"r50.stem", 1, 3, 224, 64, 7, 2, 3},
	{"r50.layer1.3x3", 1, 64, 56, 64, 3, 1, 1}, {"r50.layer2.3x3", 1, 128, 28, 128, 3, 1, 1},
	{"r50.layer3.3x3", 1, 256, 14, 256, 3, 1, 1}, {"r50.layer4.3x3", 1, 512, 7, 512, 3, 1, 1},
	{"r50.layer1.expand", 1, 64, 56, 256, 1, 1, 0}, {"r50.layer1.reduce", 1, 256, 56, 64, 1, 1, 0},
	{"r50.layer2.reduce", 1, 512, 28, 128, 1, 1, 0}, {"r50.layer3.expand", 1, 256, 14, 1024, 1, 1, 0},
	{"r50.layer4.reduce", 1, 2048, 7, 512, 1, 1, 0}, {"r50.layer3.down", 1, 512, 28, 1024, 1, 2, 0},
}

// matShapes are products a·bᵀ of the encoders and heads: rows, columns and depth.
var matShapes = [][3]int{
	{1024, 1024, 1024}, {2048, 2048, 2048}, {25088, 64, 576}, {25088, 64, 256}, {25088, 256, 64},
	{6272, 128, 512}, {6272, 512, 128}, {1568, 256, 1024}, {392, 2048, 512}, {512, 2048, 2048},
}

// Shapes times every named shape whose name begins with only ("" is all), in the dtype of w.
func Shapes(root *tensor.Scope, only string, batches Batches, w Work) ([]ShapeResult, error) {
	d, clock := w.Compute, w.Clock
	peak, err := arithmeticNow(root, clock)
	if err != nil {
		return nil, err
	}
	var out []ShapeResult
	add := func(like ShapeResult, flops float64, op tensor.Op, in ...tensor.Spec) error {
		if !strings.HasPrefix(like.Shape, only) {
			return nil
		}
		if len(out) == 0 {
			w.await()
		}
		like.Peer, like.Precision = "kith", precision(d)
		if err := like.time(root, flops, op, in, peak, clock); err != nil {
			return fmt.Errorf("%s, %s: %w", like.Shape, like.Pass, err)
		}
		out = append(out, like)
		return nil
	}
	for _, c := range convShapes {
		o := tensor.Conv2D{Stride: c.stride, Pad: c.pad}
		n := batches[c.encoder]
		x, filters := tensor.Of(d, n, c.side, c.side, c.c), tensor.Of(d, c.k, c.r, c.r, c.c)
		y, err := o.Infer([]tensor.Spec{x, filters})
		if err != nil {
			return nil, err
		}
		flops := 2 * float64(y[0].Shape.Size()*c.c*c.r*c.r)
		for _, p := range []struct {
			pass string
			op   tensor.Op
			in   []tensor.Spec
		}{
			{"forward", o, []tensor.Spec{x, filters}},
			{"grad_x", tensor.Conv2DGradX{Conv2D: o, H: c.side, W: c.side}, []tensor.Spec{y[0], filters}},
			{"grad_w", tensor.Conv2DGradW{Conv2D: o, R: c.r, S: c.r}, []tensor.Spec{y[0], x}},
		} {
			like := ShapeResult{Shape: c.name, Pass: p.pass, Batch: n, Winograd: c.r == 3 && c.stride == 1}
			if err := add(like, flops, p.op, p.in...); err != nil {
				return nil, err
			}
		}
	}
	for _, m := range matShapes {
		name := fmt.Sprintf("matmul %dx%dx%d", m[0], m[1], m[2])
		flops := 2 * float64(m[0]) * float64(m[1]) * float64(m[2])
		if err := add(ShapeResult{Shape: name, Pass: "forward"}, flops, tensor.MatMul{TransB: true}, tensor.Of(d, m[0], m[2]), tensor.Of(d, m[1], m[2])); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// A Mean is the geometric mean of shares of the peak.
type Mean struct {
	Pass   string
	Count  int
	OfPeak float64 // in percent
}

// MeansOfPeak returns those of each pass over the shapes that may run by Winograd's algorithm.
func MeansOfPeak(results []ShapeResult) (means []Mean) {
	for _, pass := range []string{"forward", "grad_x", "grad_w"} {
		m, logs := Mean{Pass: pass}, 0.0
		for _, r := range results {
			if r.Winograd && r.Pass == pass {
				logs += math.Log(r.OfPeak)
				m.Count++
			}
		}
		if m.Count > 0 {
			m.OfPeak = math.Exp(logs / float64(m.Count))
			means = append(means, m)
		}
	}
	return means
}

// shapeRuns is how often each shape is run.
const shapeRuns = 9

// time runs one op on random numbers, in a root of its own memory that the step frees. On a shared machine the clock
// changes from one moment to the next: each run is compared with the peak right before and after it.
func (r *ShapeResult) time(root *tensor.Scope, flops float64, op tensor.Op, in []tensor.Spec, peak func() float64, clock func() time.Duration) error {
	b := root.Backend()
	outs, err := op.Infer(in)
	if err != nil {
		return err
	}
	var ins, results []*tensor.Tensor
	for i, s := range append(in[:len(in):len(in)], outs...) {
		t := &tensor.Tensor{Spec: s}
		buf := b.Alloc(s.Bytes())
		defer b.Free(buf)
		t.Bind(buf, 0)
		if i < len(in) {
			b.Upload(t, noise(s, i))
			ins = append(ins, t)
		} else {
			results = append(results, t)
		}
	}
	var best time.Duration
	var peaks, shares []float64
	last := peak()
	for range shapeRuns {
		from := clock()
		tensor.Exec(b, op, results, ins)
		if err := b.Sync(); err != nil {
			return err
		}
		took, now := clock()-from, peak()
		if took <= 0 || now <= 0 {
			return fmt.Errorf("the clock is too coarse to measure with")
		}
		if best == 0 || took < best {
			best = took
		}
		peaks, shares = append(peaks, now), append(shares, flops/took.Seconds()/1e9/max(last, now))
		last = now
	}
	slices.Sort(peaks)
	slices.Sort(shares)
	r.Ms, r.GFLOPS = best.Seconds()*1e3, round(flops/best.Seconds()/1e9)
	r.Peak, r.OfPeak, r.MostOfPeak = round(peaks[shapeRuns/2]), round(100*shares[shapeRuns/2]), round(100*shares[shapeRuns-1])
	return nil
}

// noise is the bytes of random numbers below 1 in size: their upper halves are those of floats
// around ½, which F32 and BF16 both read.
func noise(s tensor.Spec, i int) []byte {
	raw, stream := make([]byte, s.Bytes()), rng.New(uint64(i)).Stream()
	for j := 0; j+1 < len(raw); j += 2 {
		bits := 0x3f00 | stream.Uint32()&0x80ff
		raw[j], raw[j+1] = byte(bits), byte(bits>>8)
	}
	return raw
}
