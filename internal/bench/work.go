// Package bench times a training step, its instructions, and shows its plan. The step is the one that kith's peers
// are timed with: two views of random images through encoder, projector and predictor, the search of the support
// set, the symmetric loss, backward, LARS and the push.
package bench

import (
	"fmt"
	"strings"
	"time"

	"kith/autograd"
	"kith/nn"
	"kith/nnclr"
	"kith/optim"
	"kith/tensor"
	"kith/tensor/rng"
)

// Work says what is timed.
type Work struct {
	Model   string // a ResNet; -cifar behind the name means its 3×3 stem and 32 px, else 224 px
	Batch   int    // images; views are twice that
	Queue   int    // rows of the support set
	Compute tensor.DType
	Eager   bool
	Clock   func() time.Duration // monotonic
	Await   func()               // called once when the measuring begins, if not nil
}

// Size is the side of a view.
func (w Work) Size() int {
	if strings.HasSuffix(w.Model, "-cifar") || w.Model == "resnet-tiny" {
		return 32
	}
	return 224
}

// A step is a training step with all it needs in root.
type step struct {
	root    *tensor.Scope
	program func(*tensor.Scope)
	in      *nnclr.Inputs
	out     *nnclr.Outputs
	set     func(step int)
}

// build makes the model in root. Images are noise: speed does not depend on what is seen.
func (w Work) build(root *tensor.Scope) (*step, error) {
	name, cifar := strings.CutSuffix(w.Model, "-cifar")
	stem := nn.ImageNet
	if cifar {
		stem = nn.Cifar
	}
	encoder, err := nn.NewResNet(name, stem, false)
	if err != nil {
		return nil, err
	}
	key := rng.New(0)
	method, err := nnclr.NewNNCLR(nnclr.Config{
		Features: encoder.Features, Projector: []int{2048, 2048, 256}, Predictor: []int{4096, 256}, Temperature: 0.1,
		Search: nnclr.Search{Size: w.Queue},
	}, encoder)
	if err != nil {
		return nil, err
	}
	nn.Init(method, root, key.Fold("init"))
	opt, err := optim.LARS{Ratio: 1e-3, Decay: 1e-6, Momentum: 0.9, Adapted: optim.Matrices}.New(root, method)
	if err != nil {
		return nil, err
	}
	view := tensor.Of(tensor.F32, w.Batch, w.Size(), w.Size(), 3)
	st := &step{root: root, in: nnclr.NewInputs(root, []tensor.Spec{view, view}), out: nnclr.NewOutputs(root)}
	st.program = func(s *tensor.Scope) {
		tape := autograd.Record(s)
		loss, metrics := method.Loss(nn.Train(s, w.Compute), st.in.Batch(s))
		update := opt.Update(s, st.in.Rate(s), tape.Grad(loss, opt.Params(s)...))
		st.out.Report(s, loss, metrics, update, nnclr.Guard(s, loss, update))
	}
	st.set = setter(st.in, view, key)
	return st, root.Sync()
}

// setter gives the same noise for every step.
func setter(in *nnclr.Inputs, view tensor.Spec, key rng.Key) func(step int) {
	n := view.Shape[0]
	views, id, label := make([][]float32, 2), make([]int32, n), make([]int32, n)
	for v := range views {
		views[v] = make([]float32, view.Shape.Size())
		key.Fold("bench").At(uint64(v)).Stream().Normal(views[v])
	}
	for i := range id {
		id[i], label[i] = int32(i), -1
	}
	return func(step int) { in.Set(views, id, label, nnclr.Now{Step: step, Rate: 0.1}) }
}

func (w Work) await() {
	if w.Await != nil {
		w.Await()
	}
}

func (w Work) check() error {
	if w.Batch < 2 || w.Queue < 2 {
		return fmt.Errorf("batch %d and queue %d: both need 2 at least", w.Batch, w.Queue)
	}
	return nil
}
