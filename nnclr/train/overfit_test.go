package train

import (
	"math"
	"testing"

	"kith/autograd"
	"kith/backends/cpu"
	"kith/nn"
	"kith/nnclr"
	"kith/nnclr/data"
	"kith/optim"
	"kith/tensor"
	"kith/tensor/rng"
)

// overfit trains on one batch of fixed views and gives the last loss and metrics.
func overfit(t *testing.T, excludeSelf bool) map[string][]float64 {
	t.Helper()
	b, err := cpu.Open("")
	if err != nil {
		t.Fatal(err)
	}
	root := tensor.Open(b)
	defer root.Close()
	encoder, err := nn.NewResNet("resnet-tiny", nn.Cifar, false)
	if err != nil {
		t.Fatal(err)
	}
	method, err := nnclr.NewNNCLR(nnclr.Config{
		Features: encoder.Features, Projector: []int{128, 64}, Predictor: []int{128, 64}, Temperature: .1,
		Search: nnclr.Search{Size: 512, ExcludeSelf: excludeSelf},
	}, encoder)
	if err != nil {
		t.Fatal(err)
	}
	nn.Init(method, root, rng.New(3).Fold("init"))
	views, err := data.Preset("demo", 16)
	if err != nil {
		t.Fatal(err)
	}
	patches, err := data.Patches("train")
	if err != nil {
		t.Fatal(err)
	}
	var index []int
	for i := range 32 {
		index = append(index, i*263)
	}
	loader := &data.Loader{Data: data.Subset(patches, index), Views: views, Size: 32, Key: rng.New(4)}
	spec := tensor.Of(tensor.F32, 32, 16, 16, 3)
	in, out := nnclr.NewInputs(root, []tensor.Spec{spec, spec}), nnclr.NewOutputs(root)
	opt := optim.SGD{Momentum: .9, Decayed: optim.All}.New(root, method)
	label := make([]int32, 32)
	for i := range label {
		label[i] = int32(i)
	}
	for batch, err := range loader.Epoch(0, 0) {
		if err != nil {
			t.Fatal(err)
		}
		for step := range 200 {
			in.Set(batch.Views, batch.Index, label, nnclr.Now{Step: step, Rate: .1 * math.Min(1, float64(step)/20)})
			root.Run(func(s *tensor.Scope) {
				tape := autograd.Record(s)
				loss, metrics := method.Loss(nn.Train(s, tensor.F32), in.Batch(s))
				update := opt.Update(s, in.Rate(s), tape.Grad(loss, opt.Params(s)...))
				out.Report(s, loss, metrics, update)
			})
		}
	}
	read, err := out.Read()
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// On one batch with fixed views the loss must vanish, and every image find itself: an un-normalized
// queue or a lost gradient shows here.
func TestOverfit(t *testing.T) {
	got := overfit(t, false)
	if !(got["loss"][0] < .25) || got["nn_self"][0] != 1 {
		t.Errorf("loss %.3f, want below 0.25; nn_self %v, want 1", got["loss"][0], got["nn_self"][0])
	}
}

// Where an image may not find itself, two images may share a neighbor: the loss cannot vanish.
func TestOverfitExcludeSelf(t *testing.T) {
	got := overfit(t, true)
	if !(got["loss"][0] > .5) || got["nn_self"][0] != 0 {
		t.Errorf("loss %.3f, want above 0.5; nn_self %v, want 0", got["loss"][0], got["nn_self"][0])
	}
}
