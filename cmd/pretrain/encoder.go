package main

import (
	"errors"
	"os"
	"path/filepath"

	"kith/cmd/pretrain/internal/settings"
	"kith/nn"
	"kith/nnclr/data"
	"kith/nnclr/eval"
	"kith/nnclr/train"
	"kith/tensor"
)

// A trained is the encoder of a run, ready to give features.
type trained struct {
	s       *settings.Settings
	root    *tensor.Scope
	encoder *nn.ResNet
	step    int // of the checkpoint it comes from; 0: the export at the run's end
}

// openTrained loads the encoder of a run: its export, or while there is none its newest intact checkpoint. The caller
// closes root. line holds what the command line says about device and threads.
func openTrained(run string, line []settings.Assignment) (t *trained, err error) {
	s, err := readConfig(run, line...)
	if err != nil {
		return nil, err
	}
	backend, _, err := openDevice(s.Device, cores(s.Threads))
	if err != nil {
		return nil, err
	}
	s.Weights = "random" // what the run started from does not matter any more
	p := &parts{root: tensor.Open(backend)}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.root.Close())
		}
	}()
	if err := p.build(s); err != nil {
		return nil, err
	}
	t = &trained{s: s, root: p.root, encoder: p.encoder}
	export := filepath.Join(run, exportedName)
	if _, err := os.Stat(export); err == nil {
		_, err := nn.LoadTorch(export, p.encoder, 1)
		return t, err
	}
	if t.step, err = loadCheckpoint(run, s, p); err != nil {
		return nil, err
	}
	return t, nil
}

// loadCheckpoint gives the parts a run's newest intact checkpoint, and touches nothing there: the run may be under way.
func loadCheckpoint(run string, s *settings.Settings, p *parts) (step int, err error) {
	d, err := readData(run)
	if err != nil {
		return 0, err
	}
	j := &train.Job{Root: p.root, Method: p.method, Optimizer: p.optimizer, Checkpoints: train.Checkpoints{
		Dir: filepath.Join(run, checkpoints), ReadOnly: true, ConfigDigest: s.Digest(), DataDigest: d.Digest,
	}}
	state, err := train.Load(j, nil)
	if err != nil {
		return 0, err
	}
	if state.Step == 0 {
		return 0, usage("pretrain resume "+run+"  goes on with it", "%s has neither an exported encoder nor a checkpoint yet", run)
	}
	return state.Step, nil
}

// extractor gives features of images as the run's own evaluations do.
func (t *trained) extractor(d data.Dataset) (*eval.Extractor, data.View, error) {
	views, err := buildViews(t.s)
	if err != nil {
		return nil, data.View{}, err
	}
	view := data.EvalView(d, int(t.s.Size), views[0].Crop.Filter, views[0].Norm)
	e := eval.NewExtractor(t.root, t.encoder, view, evalBatch, compute(t.s, t.root.Backend()), t.s.Eager)
	e.Workers = decoders(t.s.Workers)
	return e, view, nil
}
