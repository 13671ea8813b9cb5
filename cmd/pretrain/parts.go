package main

import (
	"errors"
	"time"

	"kith/cmd/pretrain/internal/settings"
	"kith/nn"
	"kith/nnclr"
	"kith/nnclr/data"
	"kith/nnclr/eval"
	"kith/nnclr/train"
	"kith/optim"
	"kith/tensor"
	"kith/tensor/rng"
)

// Parts are what a run is made of, from the settings and the images.
type parts struct {
	sets      *data.Sets
	digest    string   // of the list of images
	chosen    []string // what kith chose, as flags
	root      *tensor.Scope
	note      string // on devices that are not used
	loader    *data.Loader
	bad       *badImages
	view      data.View // of evaluations
	encoder   *nn.ResNet
	method    nnclr.Method
	optimizer *optim.Optimizer
	course    course
	loaded    *nn.Match // what the encoder took from --weights
}

// openParts opens images and device and builds the rest. The caller closes root.
func openParts(s *settings.Settings) (p *parts, err error) {
	backend, note, err := openDevice(s.Device, cores(s.Threads))
	if err != nil {
		return nil, err
	}
	root := tensor.Open(backend)
	defer func() {
		if err != nil {
			err = errors.Join(err, root.Close())
		}
	}()
	p = &parts{root: root, note: note}
	if p.sets, err = data.Open(s.Data, dataOptions(s)); err != nil {
		return nil, err
	}
	if p.chosen, err = adapt(s, p.sets.Train, onGPU(backend)); err != nil {
		return nil, err
	}
	p.digest = data.Digest(p.sets.Train, dataOptions(s))
	views, err := buildViews(s)
	if err != nil {
		return nil, err
	}
	p.bad = newBadImages(s)
	p.loader = buildLoader(s, p.sets.Train, views, p.bad.next())
	if p.loader.Steps() == 0 {
		return nil, tooFew(s, p.sets.Train.Len())
	}
	if err := p.pace(s); err != nil {
		return nil, err
	}
	p.view = data.EvalView(p.sets.Train, int(s.Size), views[0].Crop.Filter, views[0].Norm)
	if p.course, err = buildCourse(s, p.loader.Steps()); err != nil {
		return nil, err
	}
	return p, p.build(s)
}

// build makes the model and its optimizer in root.
func (p *parts) build(s *settings.Settings) (err error) {
	if p.encoder, err = buildEncoder(s); err != nil {
		return err
	}
	if p.method, err = buildMethod(s, p.encoder); err != nil {
		return err
	}
	nn.Init(p.method, p.root, seedOf(s).Fold("init"))
	if s.Weights != "random" {
		if p.loaded, err = loadWeights(s.Weights, p.encoder); err != nil {
			return err
		}
	}
	p.optimizer, err = buildOptimizer(s, p.root, p.method)
	return err
}

// job is the parts as the training loop takes them.
func (p *parts) job(s *settings.Settings) *train.Job {
	j := &train.Job{
		Root: p.root, Method: p.method, Encoder: p.encoder, Optimizer: p.optimizer, Loader: p.loader,
		Compute: compute(s, p.root.Backend()), Eager: s.Eager,
		Rate: p.course.at, Steps: p.course.steps, Budget: time.Duration(s.Budget),
		LogEvery: s.LogEvery, EvalEvery: train.Every(s.EvalEvery), SaveEvery: train.Every(s.SaveEvery),
		StopOnCollapse: s.OnCollapse == "stop",
		Clock:          stopwatch(time.Now),
	}
	key := seedOf(s)
	j.Look = &train.Look{Data: p.sets.Train, View: p.view, Queries: followed(p.sets.Train, key), Nearest: nearest}
	if p.sets.Score != nil {
		j.Score = &train.Score{
			Bank: capped(p.sets.Bank, s.Bank, key), Queries: capped(p.sets.Score, max(s.Bank/voters, leastQueries), key),
			View: p.view, Batch: evalBatch, Workers: decoders(s.Workers), Bad: p.bad.next,
			KNN: eval.KNN{K: s.KNNK, T: s.KNNT}, Few: fewLabels, Key: key,
		}
	}
	return j
}

const (
	evalBatch = 128 // images a batch of an evaluation
	fewLabels = 100 // of the few-label score at the end
	queries   = 12  // images whose neighbors are followed
	nearest   = 8   // neighbors of each
)

// at is the learning rate of a step.
func (c course) at(step int, share float64) float64 {
	if c.rate == nil {
		return c.plan.ByTime(step, share)
	}
	return c.rate(step)
}

// stopwatch is a monotonic clock that starts now.
func stopwatch(now func() time.Time) func() time.Duration {
	start := now()
	return func() time.Duration { return now().Sub(start) }
}

// followed are the images whose neighbors are shown over the run, drawn by the seed: of labeled images at most one of
// each class, so that the picture shows many things.
func followed(d data.Dataset, key rng.Key) (ids []int) {
	const tries = 20 * queries
	seen := map[int]bool{}
	var p data.Picture
	for _, i := range key.Fold("followed").Stream().Perm(d.Len())[:min(tries, d.Len())] {
		label, err := data.Read(d, i, &p)
		if err != nil || label >= 0 && seen[label] {
			continue
		}
		seen[label] = true
		if ids = append(ids, i); len(ids) == queries {
			break
		}
	}
	return ids
}

// capped is at most n images of d, drawn by key.
func capped(d data.Dataset, n int, key rng.Key) data.Dataset {
	if d.Len() <= n {
		return d
	}
	return data.Subset(d, key.Fold("bank").Stream().Perm(d.Len())[:n])
}
