package train

import (
	"context"
	"errors"
	"math"
	"testing"

	"kith/internal/testflag"
	"kith/nn"
	"kith/nnclr"
	"kith/nnclr/data"
	"kith/optim"
	"kith/tensor"
	"kith/tensor/rng"
)

// broken pulls each view towards the other, without negatives and without stopping the gradient:
// nothing holds embeddings apart.
type broken struct {
	Encoder, Projector, Predictor nn.Layer
}

func (m *broken) Loss(c *nn.Ctx, b nnclr.Batch) (*tensor.Tensor, nnclr.Metrics) {
	z1 := m.Projector.Forward(c, m.Encoder.Forward(c, b.Views[0]))
	z2 := m.Projector.Forward(c, m.Encoder.Forward(c, b.Views[1]))
	p1, p2 := z1, z2
	if m.Predictor != nil {
		p1, p2 = m.Predictor.Forward(c, z1), m.Predictor.Forward(c, z2)
	}
	u1, u2 := z1.Unit(), z2.Unit()
	cos := p1.Unit().RowDot(u2).Add(p2.Unit().RowDot(u1))
	_, variance, _ := u1.Detach().Moments()
	return cos.Mean().Scale(-.5).Shift(1), nnclr.Metrics{"unit": u1.Detach(), "emb_std": variance.Sqrt().Mean()}
}

// collapsing is a job on photographs whose method is one that collapses, or one that does not.
func collapsing(t *testing.T, steps int, method func(encoder *nn.ResNet) nnclr.Method) *Job {
	t.Helper()
	patches, err := data.Patches("train")
	if err != nil {
		t.Fatal(err)
	}
	return newJob(t, t.TempDir(), func(j *Job) {
		encoder, err := nn.NewResNet("resnet-tiny", nn.Cifar, false)
		if err != nil {
			t.Fatal(err)
		}
		views, err := data.Preset("demo", 32)
		if err != nil {
			t.Fatal(err)
		}
		j.Encoder, j.Method = encoder, method(encoder)
		nn.Init(j.Method, j.Root, rng.New(1).Fold("init"))
		j.Optimizer = optim.SGD{Decay: 5e-4, Momentum: .9, Decayed: optim.All}.New(j.Root, j.Method)
		j.Loader = &data.Loader{Data: patches, Views: views, Size: 64, Workers: 1, Key: rng.New(1)}
		j.Rate = func(step int, _ float64) float64 { return .1 * math.Min(1, float64(step)/30) }
		j.Score, j.Look, j.Checkpoints = nil, nil, Checkpoints{}
		j.Steps, j.StopOnCollapse = steps, true
	})
}

func head(in int, widths []int, norm bool) nn.Layer {
	return nn.NewMLP(nn.MLP{In: in, Widths: widths, NormLast: norm})
}

// Models with nothing that holds embeddings apart raise the alarm within 100 steps: with a final
// batch norm only the rank sees it, without only the deviation.
func TestCollapseIsSeen(t *testing.T) {
	cases := map[string]func(e *nn.ResNet) nnclr.Method{
		"without negatives, predictor": func(e *nn.ResNet) nnclr.Method {
			return &broken{e, head(64, []int{256, 128}, true), head(128, []int{256, 128}, false)}
		},
		"without negatives": func(e *nn.ResNet) nnclr.Method {
			return &broken{e, head(64, []int{256, 128}, true), nil}
		},
		"without negatives and batch norm": func(e *nn.ResNet) nnclr.Method {
			return &broken{e, head(64, []int{256, 128}, false), nil}
		},
	}
	for name, method := range cases {
		if name != "without negatives and batch norm" && !testflag.Long() {
			continue // 100 steps each; one will do in short form
		}
		_, err := Run(context.Background(), collapsing(t, 100, method), New())
		var c *CollapsedError
		if !errors.As(err, &c) {
			t.Errorf("%s: no alarm (%v)", name, err)
		}
	}
}

// A projector of zeros gives one point: seen at the second check, though nothing moves.
func TestZeroProjectorIsSeen(t *testing.T) {
	j := collapsing(t, 60, func(e *nn.ResNet) nnclr.Method { return nnclrMethod(t, e, .1) })
	j.Rate = func(int, float64) float64 { return 0 }
	for name, p := range nn.Params(j.Method) {
		if len(p.Spec.Shape) == 2 && name[:9] == "Projector" {
			tensor.Set(p.Value, make([]float32, p.Spec.Shape.Size()))
		}
	}
	_, err := Run(context.Background(), j, New())
	var c *CollapsedError
	if !errors.As(err, &c) || c.Step > 40 {
		t.Errorf("no alarm by step 40: %v", err)
	}
}

// A healthy run raises none, and neither does τ = 100, which learns nothing but does not collapse.
func TestNoFalseAlarm(t *testing.T) {
	steps := 60
	if testflag.Long() {
		steps = 200
	}
	for _, tau := range []float64{.1, 100} {
		if _, err := Run(context.Background(), collapsing(t, steps, func(e *nn.ResNet) nnclr.Method { return nnclrMethod(t, e, tau) }), New()); err != nil {
			t.Errorf("τ %v: %v", tau, err)
		}
	}
}

func nnclrMethod(t *testing.T, e *nn.ResNet, tau float64) nnclr.Method {
	t.Helper()
	m, err := nnclr.NewNNCLR(nnclr.Config{
		Features: e.Features, Projector: []int{256, 128}, Predictor: []int{256, 128}, Temperature: tau,
		Search: nnclr.Search{Size: 1024},
	}, e)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
