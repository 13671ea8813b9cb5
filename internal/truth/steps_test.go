package truth

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"kith/autograd"
	"kith/nn"
	"kith/nnclr"
	"kith/optim"
	"kith/tensor"
	"kith/tensor/rng"
)

// The setup of spec/testing.md 4.2, as testdata/gen/nnclr_steps.py recorded it.
const (
	stepCount, batchSize, images, queueSize, width = 20, 16, 128, 128, 32
	pixels                                         = 3 * 16 * 16
)

var stepsKey = rng.New(1).Fold("nnclr_steps")

// residual is a basic block under torch's names.
func residual(in, out, stride int) *nn.BasicBlock {
	b := &nn.BasicBlock{
		Conv1: nn.NewConv2D(in, out, 3, stride, 1), BN1: nn.NewBatchNorm(out),
		Conv2: nn.NewConv2D(out, out, 3, 1, 1), BN2: nn.NewBatchNorm(out),
	}
	if stride > 1 || in != out {
		b.Downsample = nn.Sequential{nn.NewConv2D(in, out, 1, stride, 0), nn.NewBatchNorm(out)}
	}
	return b
}

// An encoder casts images to the compute dtype, as nn.ResNet does; layers are numbered as torch's
// Sequential numbers them.
type encoder []nn.Layer

func (e encoder) Forward(c *nn.Ctx, x *tensor.Tensor) *tensor.Tensor {
	return nn.Sequential(e).Forward(c, x.Cast(c.Compute))
}

// A trainer is the recorded network with its optimizer on one backend.
type trainer struct {
	t      testing.TB
	root   *tensor.Scope
	method *nnclr.NNCLR
	opt    *optim.Optimizer
	in     *nnclr.Inputs
	out    *nnclr.Outputs
	rate   float64
	grads  []*tensor.Tensor // root tensors that gradients are reported into
	found  [2]*tensor.Tensor
	score  [2]*tensor.Tensor
	kink   *float64 // see witness; of eager trainers only
	run    func()   // one step
}

// newTrainer starts from the golden's weights and queue.
func newTrainer(t testing.TB, g golden, root *tensor.Scope, compute tensor.DType) *trainer {
	t.Helper()
	encoder := encoder{nn.NewConv2D(3, 8, 3, 2, 1), nn.NewBatchNorm(8), nn.ReLU{},
		residual(8, 8, 1), residual(8, 16, 2), residual(16, 32, 2), residual(32, 64, 2), nn.AvgPool{}}
	method, err := nnclr.NewNNCLR(nnclr.Config{Features: 64, Projector: []int{64, width}, Predictor: []int{64, width},
		Temperature: 0.1, Search: nnclr.Search{Size: queueSize}}, encoder)
	if err != nil {
		t.Fatal(err)
	}
	tr := &trainer{t: t, root: root, method: method, rate: g.number("rate")}
	nn.Init(method, root, stepsKey)
	g.setWeights(method, stepsKey)
	tensor.Set(method.Support.Rows.Value, unitRows(numbers(stepsKey.Fold("queue"), queueSize*width, 0, 0), width))
	decay, keep := g.number("decay"), g.number("momentum")
	if g.Metadata["optimizer"] == "lars" {
		tr.opt, err = optim.LARS{Ratio: g.number("trust"), Decay: decay, Momentum: keep, Adapted: optim.Matrices}.New(root, method)
		if err != nil {
			t.Fatal(err)
		}
	} else {
		tr.opt = optim.SGD{Decay: decay, Momentum: keep, Decayed: optim.All}.New(root, method)
	}
	view := tensor.Of(tensor.F32, batchSize, 16, 16, 3)
	tr.in, tr.out = nnclr.NewInputs(root, []tensor.Spec{view, view}), nnclr.NewOutputs(root)
	for _, p := range nn.Params(method) {
		tr.grads = append(tr.grads, root.New(p.Spec))
	}
	for i := range tr.found {
		tr.found[i] = root.New(tensor.Of(tensor.I32, batchSize, 2))
		tr.score[i] = root.New(tensor.Of(tensor.F32, batchSize, 2))
	}
	tr.run = func() { root.Run(tr.step(compute)) }
	return tr
}

func (g golden) number(key string) float64 {
	g.t.Helper()
	x, err := strconv.ParseFloat(g.Metadata[key], 64)
	if err != nil {
		g.t.Fatal(err)
	}
	return x
}

// unitRows normalizes rows of d in float64.
func unitRows(v []float64, d int) []float64 {
	for row := v; len(row) > 0; row = row[d:] {
		s := 0.0
		for _, x := range row[:d] {
			s += x * x
		}
		for i := range row[:d] {
			row[i] /= math.Sqrt(s)
		}
	}
	return v
}

// A witness notes the searches of a step, and how close a ReLU came to its kink if that is wanted,
// and passes everything on to the tape.
type witness struct {
	tape  tensor.Recorder
	found [][]*tensor.Tensor
	kink  *float64 // smallest |x| over the root mean square of x; nil: not wanted
}

func (w *witness) Record(op tensor.Op, out, in []*tensor.Tensor) {
	if _, ok := op.(tensor.NearestRow); ok {
		w.found = append(w.found, out)
	}
	if _, ok := op.(tensor.ReLU); ok && w.kink != nil {
		x, err := tensor.Data[float64](in[0])
		if err != nil {
			panic(err)
		}
		rms := norm(x) / math.Sqrt(float64(len(x)))
		for _, v := range x {
			*w.kink = min(*w.kink, math.Abs(v)/rms)
		}
	}
	w.tape.Record(op, out, in)
}

// step is one training step, which also reports gradients and neighbors.
func (tr *trainer) step(compute tensor.DType) func(s *tensor.Scope) {
	return func(s *tensor.Scope) {
		tape := autograd.Record(s)
		w := &witness{tape: tape, kink: tr.kink}
		s.Record(w)
		loss, _ := tr.method.Loss(nn.Train(s, compute), tr.in.Batch(s))
		s.Record(tape)
		grads := tape.Grad(loss, tr.opt.Params(s)...)
		tr.opt.Update(s, tr.in.Rate(s), grads)
		tr.out.Report(s, loss)
		for i, g := range grads {
			s.Report(tr.grads[i], g)
		}
		for i, found := range w.found {
			s.Report(tr.found[i], found[0])
			s.Report(tr.score[i], found[1])
		}
	}
}

// views are the two views of a step, from the bytes of the golden: (byte - 128)/32, NCHW.
func views(bytes []float64, step int) (out [2][]float32) {
	for i := range out {
		v := bytes[(2*step+i)*batchSize*pixels:][:batchSize*pixels]
		for _, x := range swap(v, []int{batchSize, 3, 16, 16}) {
			out[i] = append(out[i], float32(x-128)/32)
		}
	}
	return out
}

// do runs step number s on the given views and returns loss and neighbors of both views.
func (tr *trainer) do(s int, x [2][]float32) (loss float64, index []int32) {
	tr.t.Helper()
	id := make([]int32, batchSize)
	for i := range id {
		id[i] = int32(s*batchSize + i)
	}
	tr.in.Set(x[:], id, slices.Repeat([]int32{-1}, batchSize), nnclr.Now{Step: s, Rate: tr.rate})
	tr.run()
	out, err := tr.out.Read()
	if err != nil {
		tr.t.Fatal(err)
	}
	for _, f := range tr.found {
		v, err := tensor.Data[int32](f)
		if err != nil {
			tr.t.Fatal(err)
		}
		for i := 0; i < len(v); i += 2 {
			index = append(index, v[i])
		}
	}
	return out["loss"][0], index
}

// goldenRow is row s of a stacked golden.
func (g golden) row(name string, s int) []float64 {
	v := g.floats(name)
	k := len(v) / g.shape(name)[0]
	return v[s*k:][:k]
}

// offBy compares a tensor with the golden summary called name of step s: relative, but absolute
// where the float64 norm is below 1e-9 (gradients that are zero on paper hold rounding noise).
func (g golden) offBy(name string, s int, v []float64, absolute float64, relative float64) error {
	want, got := g.row(name, s), summary(v, 16)
	if want[0] < 1e-9 {
		if got[0] > absolute {
			return fmt.Errorf("step %d: %s has norm %.2g where PyTorch has %.2g", s, name, got[0], want[0])
		}
		return nil
	}
	if d := far(got, want, len(v)); !(d <= relative) {
		return fmt.Errorf("step %d: %s is off by %.2g of its norm, bound %.2g", s, name, d, relative)
	}
	return nil
}

// compareStep compares gradients, parameters and statistics after step s with PyTorch's.
func (tr *trainer) compareStep(g golden, s int) (worst float64) {
	tr.t.Helper()
	check := func(name string, x *tensor.Tensor) {
		v := torchLayout(values(tr.t, x), x.Shape)
		if err := g.offBy(name, s, v, 1e-10, 1e-8); err != nil {
			tr.t.Error(err)
		}
		if want := g.row(name, s); want[0] >= 1e-9 {
			worst = max(worst, far(summary(v, 16), want, len(v)))
		}
	}
	i := 0
	for name, p := range nn.Params(tr.method) {
		check("grad/"+nn.TorchName(name), tr.grads[i])
		check("param/"+nn.TorchName(name), p.Value)
		i++
	}
	for name, p := range nn.States(tr.method.Encoder) {
		check("state/encoder."+nn.TorchName(name), p.Value)
	}
	for name, p := range nn.States(tr.method.Projector) {
		check("state/projector."+nn.TorchName(name), p.Value)
	}
	return worst
}

// compareLast compares every element of parameters, statistics and queue after the last step.
func (tr *trainer) compareLast(g golden) {
	tr.t.Helper()
	for name, p := range nn.Tensors(tr.method) {
		torch := "last/" + nn.TorchName(name)
		if name == "Support.Rows" {
			torch = "last/queue"
		}
		if _, ok := g.Lookup(torch); !ok {
			continue // ids and cursors
		}
		if d := relL2(torchLayout(values(tr.t, p.Value), p.Value.Shape), g.floats(torch)); !(d <= 1e-8) {
			tr.t.Errorf("after the last step %s is off by %.2g", name, d)
		}
	}
}
