package plan

import (
	"maps"
	"math"
	"slices"
	"testing"

	"kith/autograd"
	"kith/backends/cpu"
	"kith/backends/ref"
	"kith/nn"
	"kith/nnclr"
	"kith/optim"
	"kith/tensor"
	"kith/tensor/rng"
)

// willing is a backend that says yes to fused ops around products and convolutions, as devices do.
type willing struct{ tensor.Backend }

func (b willing) Unwrap() tensor.Backend { return b.Backend }

func (b willing) Runs(op tensor.Op, in []tensor.Spec) bool {
	f, ok := op.(*tensor.Fused)
	if !ok {
		return writes(op)
	}
	core, ok := f.Core()
	if !ok {
		return true
	}
	switch f.Body[core].Op.(type) {
	case tensor.MatMul, tensor.Conv2D, tensor.Conv2DGradX, tensor.Conv2DGradW:
		return true
	}
	return false
}

// A mode is a way to compute: the number kinds of a backend, and of activations.
type mode struct {
	name    string
	open    func() tensor.Backend
	compute tensor.DType
}

// likeCPU asks the cpu backend what it would run, and runs the definitions of that.
func likeCPU() tensor.Backend {
	b, err := cpu.Open("generic")
	if err != nil {
		panic(err)
	}
	return ref.Like(b)
}

var modes = []mode{
	{"exact", func() tensor.Backend { return willing{ref.New()} }, tensor.F32},
	{"round F32", func() tensor.Backend { return willing{ref.Round()} }, tensor.F32},
	{"round BF16", func() tensor.Backend { return willing{ref.Round()} }, tensor.BF16},
	{"like cpu", likeCPU, tensor.F32},
}

// A world is everything that a training step needs.
type world struct {
	root    *tensor.Scope
	compute tensor.DType
	method  *nnclr.NNCLR
	opt     *optim.Optimizer
	in      *nnclr.Inputs
	out     *nnclr.Outputs
	views   []tensor.Spec
	feature *tensor.Tensor // of evaluation
}

// narrow gives pictures the dtype to compute in.
type narrow struct{}

func (narrow) Forward(c *nn.Ctx, x *tensor.Tensor) *tensor.Tensor { return x.Cast(c.Compute) }

// smallEncoder is the network of spec/testing.md 4.2, with maps of width, 2·width, … channels.
func smallEncoder(width int) nn.Layer {
	layers := nn.Sequential{narrow{}, nn.NewConv2D(3, width, 3, 2, 1), nn.NewBatchNorm(width), nn.ReLU{}}
	in := width
	for i := range 4 {
		out, stride := width<<i, min(i+1, 2)
		b := &nn.BasicBlock{
			Conv1: nn.NewConv2D(in, out, 3, stride, 1), BN1: nn.NewBatchNorm(out),
			Conv2: nn.NewConv2D(out, out, 3, 1, 1), BN2: nn.NewBatchNorm(out),
		}
		if stride > 1 {
			b.Downsample = nn.Sequential{nn.NewConv2D(in, out, 1, stride, 0), nn.NewBatchNorm(out)}
		}
		layers = append(layers, b)
		in = out
	}
	return append(layers, nn.AvgPool{})
}

// newWorld makes an NNCLR step around an encoder, on n pictures of size² a view.
func newWorld(b tensor.Backend, compute tensor.DType, encoder nn.Layer, features, n, size int, optimizer string) *world {
	w := &world{root: tensor.Open(b), compute: compute}
	w.out = nnclr.NewOutputs(w.root)
	d := max(features/2, 4)
	m, err := nnclr.NewNNCLR(nnclr.Config{
		Features: features, Projector: []int{2 * d, 2 * d, d}, Predictor: []int{2 * d, d},
		Temperature: 0.1, Search: nnclr.Search{Size: 3*n + 1, ExcludeSelf: true},
	}, encoder)
	if err != nil {
		panic(err)
	}
	w.method = m
	start(m, w.root)
	switch optimizer {
	case "lars":
		w.opt, err = optim.LARS{Ratio: 0.02, Decay: 1e-4, Momentum: 0.9, Adapted: optim.Matrices}.New(w.root, m)
	case "sgd":
		w.opt = optim.SGD{Decay: 1e-4, Momentum: 0.9, Decayed: optim.All}.New(w.root, m)
	}
	if err != nil {
		panic(err)
	}
	w.views = []tensor.Spec{tensor.Of(tensor.F32, n, size, size, 3), tensor.Of(tensor.F32, n, size, size, 3)}
	w.in = nnclr.NewInputs(w.root, w.views)
	w.feature = w.root.New(tensor.Of(tensor.F32, n, features))
	return w
}

// start gives a model its first values, where there is memory for them.
func start(model any, root *tensor.Scope) {
	if _, ok := root.Backend().(imagined); !ok {
		nn.Init(model, root, rng.New(1))
		return
	}
	for _, p := range nn.Tensors(model) {
		p.Value = root.New(p.Spec)
	}
}

// train is a gated training step.
func (w *world) train(s *tensor.Scope) {
	tape := autograd.Record(s)
	loss, metrics := w.method.Loss(nn.Train(s, w.compute), w.in.Batch(s))
	update := nnclr.Metrics(w.opt.Update(s, w.in.Rate(s), tape.Grad(loss, w.opt.Params(s)...)))
	w.out.Report(s, loss, metrics, update, nnclr.Guard(s, loss, update))
}

// encode is an evaluation step.
func (w *world) encode(s *tensor.Scope) {
	h := w.method.Encoder.Forward(nn.Eval(s, w.compute), w.in.Batch(s).Views[0])
	s.Report(w.feature, h.Wide())
}

// set gives the batch of step i; broken puts a NaN into it.
func (w *world) set(i int, broken bool) {
	n := w.views[0].Shape[0]
	var views [][]float32
	for k, v := range w.views {
		x := make([]float32, v.Shape.Size())
		rng.New(7).At(uint64(i)).At(uint64(k)).Stream().Normal(x)
		views = append(views, x)
	}
	if broken {
		views[0][3] = float32(math.NaN())
	}
	id, label := make([]int32, n), make([]int32, n)
	for k := range id {
		id[k], label[k] = int32(i*n+k)%7, int32(k%3)
	}
	w.in.Set(views, id, label, nnclr.Now{Step: i, Epoch: i / 2, Rate: 0.4 / float64(1+i)})
}

// parts is all tensors that the next step depends on, and what this one reported.
func (w *world) parts(t testing.TB) (parts [][]float64) {
	add := func(x *tensor.Tensor) {
		v, err := tensor.Data[float64](x)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, v)
	}
	for _, p := range nn.Tensors(w.method) {
		add(p.Value)
	}
	if w.opt != nil {
		for _, s := range w.opt.States() {
			add(s.Value)
		}
	}
	add(w.feature)
	seen, err := w.out.Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		parts = append(parts, seen[name])
	}
	return parts
}

// state is the elements of all parts.
func (w *world) state(t testing.TB) []float64 { return slices.Concat(w.parts(t)...) }

// differ is the first place where a and b have other bits; -1 if there is none.
func differ(a, b []float64) int {
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return slices.IndexFunc(count(0, len(a)), func(i int) bool {
		return math.Float64bits(a[i]) != math.Float64bits(b[i])
	})
}
