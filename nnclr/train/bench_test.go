package train

import (
	"context"
	"testing"
	"time"

	"kith/nn"
	"kith/nnclr"
	"kith/nnclr/data"
	"kith/optim"
	"kith/tensor"
	"kith/tensor/rng"
)

// The demo's step: resnet-tiny, 256 pictures, views included.
func BenchmarkDemo(b *testing.B) {
	j := newJob(b, b.TempDir(), func(j *Job) {
		encoder, err := nn.NewResNet("resnet-tiny", nn.Cifar, false)
		if err != nil {
			b.Fatal(err)
		}
		method, err := nnclr.NewNNCLR(nnclr.Config{
			Features: encoder.Features, Projector: []int{256, 128}, Predictor: []int{256, 128}, Temperature: .1,
			Search: nnclr.Search{Size: 4096},
		}, encoder)
		if err != nil {
			b.Fatal(err)
		}
		nn.Init(method, j.Root, rng.New(1))
		views, err := data.Preset("demo", 32)
		if err != nil {
			b.Fatal(err)
		}
		j.Method, j.Encoder, j.Score, j.Look, j.Checkpoints = method, encoder, nil, nil, Checkpoints{}
		j.Optimizer = optim.SGD{Decay: 5e-4, Momentum: .9, Decayed: optim.All}.New(j.Root, method)
		j.Loader = &data.Loader{Data: blobs{2048}, Views: views, Size: 256, Workers: 2, Key: rng.New(1)}
		j.Rate = func(int, float64) float64 { return .05 }
		j.Steps = b.N + 3
	})
	begun := time.Now()
	steps := 0
	j.Events = func(e Event) { steps = e.Step }
	s, err := Run(context.Background(), j, New())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(s.ViewsPerSecond, "views/s")
	b.ReportMetric(time.Since(begun).Seconds()/float64(s.Steps)*1e3, "ms/step")
	_ = tensor.F32
	_ = steps
}
