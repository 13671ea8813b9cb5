package main

import (
	"runtime"
	"slices"
	"strings"

	"kith/cmd/pretrain/internal/settings"
	"kith/nn"
	"kith/nnclr"
	"kith/nnclr/data"
	"kith/optim"
	"kith/tensor"
	"kith/tensor/rng"
)

// This file turns settings into parts, one small function each. Parts know nothing of settings.

// seedOf names all randomness of a run.
func seedOf(s *settings.Settings) rng.Key { return rng.New(uint64(s.Seed)) }

// cores is how many threads an auto setting stands for.
func cores(n settings.Auto) int {
	if n == 0 {
		return runtime.GOMAXPROCS(0)
	}
	return int(n)
}

// decoders is the same for the threads that decode, of which there may be none.
func decoders(n settings.Extra) int {
	if n < 0 {
		return runtime.GOMAXPROCS(0)
	}
	return int(n)
}

func dataOptions(s *settings.Settings) data.Options {
	return data.Options{
		IgnoreEXIF: s.EXIF == "ignore", TIFF: s.TIFF, Tolerant: s.Tolerant, FollowLinks: s.Links, Labels: s.Labels,
		JPEG: s.JPEG, MaxPixels: int64(s.MaxPixels), MaxBytes: int64(s.MaxBytes), RAM: int64(s.RAM), Order: s.Order, Reindex: s.Reindex,
		Seed: uint64(s.Seed),
	}
}

// buildViews are the two views of an image: the preset and what the settings change about it.
func buildViews(s *settings.Settings) ([]data.View, error) {
	views, err := data.Preset(s.Aug.Preset, int(s.Size))
	if err != nil {
		return nil, usage("pretrain help settings  lists aug.preset", "--aug.preset: %v", err)
	}
	for i := range views {
		v := &views[i]
		v.Crop.Area[0] = s.Aug.CropMin.Or(v.Crop.Area[0])
		v.Jitter = v.Jitter.Times(s.Aug.Strength.Or(1))
		blur, solarize := s.Aug.Blur1, s.Aug.Solarize1
		if i == 1 {
			blur, solarize = s.Aug.Blur2, s.Aug.Solarize2
		}
		v.Blur.P = blur.Or(v.Blur.P)
		v.Solarize = solarize.Or(v.Solarize)
		if f, ok := filters[s.Aug.Filter]; ok {
			v.Crop.Filter = f
		}
		if n, ok := norms[s.Aug.Normalize]; ok {
			v.Norm = n
		}
	}
	return views, nil
}

// The words that take the place of a preset's choice.
var (
	filters = map[string]data.Filter{"bicubic": data.Bicubic, "bilinear": data.Bilinear}
	norms   = map[string]data.Norm{"imagenet": data.ImageNet, "cifar10": data.CIFAR10, "cifar100": data.CIFAR100, "cifar10-jpeg": data.CIFAR10JPEG, "none": {Std: [3]float32{1, 1, 1}}}
)

func buildLoader(s *settings.Settings, images data.Dataset, views []data.View, bad *data.Bad) *data.Loader {
	return &data.Loader{
		Data: images, Views: views, Size: int(s.Batch), Workers: decoders(s.Workers), Key: seedOf(s), Bad: bad,
	}
}

func buildEncoder(s *settings.Settings) (*nn.ResNet, error) {
	return nn.NewResNet(s.Model, nn.Stem(s.Stem), s.ZeroGamma)
}

// buildMethod makes what turns views into a loss, around the encoder.
func buildMethod(s *settings.Settings, encoder *nn.ResNet) (nnclr.Method, error) {
	if names := nnclr.Methods(); !slices.Contains(names, s.Method) {
		return nil, usage("methods: "+strings.Join(names, ", "), "no method %q%s", s.Method, settings.DidYouMean(s.Method, names, ""))
	}
	var projector []int
	for range s.Head.Layers - 1 {
		projector = append(projector, s.Head.Hidden)
	}
	return nnclr.Build(s.Method, func(c *nnclr.Config) error {
		c.Features = encoder.Features
		c.Projector = append(projector, s.Head.Out)
		c.Predictor = []int{s.Head.Predictor, s.Head.Out}
		c.HeadBias = s.Head.Bias
		c.Temperature = s.Tau
		c.Search = nnclr.Search{
			Size: int(s.Queue), Positive: s.Loss.Positive, TopK: s.TopK, SoftTau: s.Loss.SoftTau,
			ExcludeSelf: s.Exclude == "on", Empty: s.Support.Init == "empty", Key: seedOf(s).Fold("queue"),
		}
		c.Push = s.Support.Push
		c.Form, c.Columns, c.OneSided = s.Loss.Form, s.Loss.Columns, !s.Loss.Symmetric
		c.KeepNegatives, c.NoPredictor, c.Group = s.Loss.Negatives == "kept", !s.Loss.Predictor, s.Loss.Group
		return nil
	}, encoder)
}

func buildOptimizer(s *settings.Settings, root *tensor.Scope, model any) (*optim.Optimizer, error) {
	chosen := optim.Matrices
	if s.Spared == "none" {
		chosen = optim.All
	}
	if s.Optim == "sgd" {
		return optim.SGD{Decay: s.Decay, Momentum: s.Momentum, Nesterov: s.Nesterov, Decayed: chosen}.New(root, model), nil
	}
	return optim.LARS{
		Variant: s.LARS.Variant, Ratio: s.LARS.Eta, Decay: s.Decay, Momentum: s.Momentum, Nesterov: s.Nesterov,
		Clip: s.LARS.Clip, Zero: optim.ZeroNorm(s.LARS.Zero), Adapted: chosen,
	}.New(root, model)
}

// A course is the length of a run and its learning rate.
type course struct {
	plan  optim.Plan
	rate  optim.Schedule // nil for a run by time
	steps int            // 0 for a run by time
}

// buildCourse needs the steps of an epoch, since warm-up and length may be given in epochs.
func buildCourse(s *settings.Settings, perEpoch int) (course, error) {
	top, err := optim.ScaleRate(s.Scale, s.LR, int(s.Batch))
	if err != nil {
		return course{}, err
	}
	c := course{plan: optim.Plan{Rate: top, WarmUp: s.Warmup.N, ByEpoch: perEpoch}}
	if s.Warmup.Epochs {
		c.plan.WarmUp *= perEpoch
	}
	if s.Budget > 0 {
		if s.Schedule != "cosine" {
			return c, usage("--schedule cosine, or --steps N in place of --budget", "schedule %s does not follow the time: only cosine does", s.Schedule)
		}
		return c, nil
	}
	c.steps = s.Steps
	if s.Epochs > 0 {
		c.steps = s.Epochs * perEpoch
	}
	c.plan.Steps = c.steps
	if c.plan.WarmUp >= c.steps {
		return c, usage("lower --warmup, or train longer", "warm-up of %d steps leaves nothing of a run of %d", c.plan.WarmUp, c.steps)
	}
	c.rate, err = c.plan.Schedule(s.Schedule)
	return c, err
}
