package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"kith/cmd/pretrain/internal/settings"
	"kith/internal/console"
	"kith/nn"
	"kith/nnclr/train"
)

// trialSteps is how many steps a dry run trains to tell how long the run will take.
const trialSteps = 3

// dryRun prints every setting with its origin and what the run would be, and writes nothing.
func dryRun(ctx context.Context, s *settings.Settings, w io.Writer) error {
	p, err := openParts(s)
	if err != nil {
		return err
	}
	defer p.root.Close()
	for _, f := range settings.Fields() {
		if _, err := fmt.Fprintf(w, "%-18s %-24s %s\n", f.Key, f.Text(&s.Train), s.Origin(f.Key)); err != nil {
			return err
		}
	}
	step, err := trial(ctx, s, p)
	if err != nil {
		return err
	}
	length := fmt.Sprintf("%s steps, about %s", console.Count(p.course.steps), console.Clock(time.Duration(p.course.steps)*step))
	if p.course.steps == 0 {
		length = fmt.Sprintf("%v, about %s steps", time.Duration(s.Budget), console.Count(int(time.Duration(s.Budget)/step)))
	}
	_, err = fmt.Fprintf(w, "\nencoder     %s parameters, %s with heads\ndata        %s\ncheckpoint  %.1f MB\nlength      %s at %d ms a step on %s\n",
		console.Count(nn.Count(p.encoder)), console.Count(nn.Count(p.method)), p.describe(s), float64(p.bytes())/1e6, length, step.Milliseconds(), p.device(s))
	return err
}

// trial is the time of a step: the fastest of a few, since the first ones plan and touch new memory.
func trial(ctx context.Context, s *settings.Settings, p *parts) (best time.Duration, err error) {
	j := p.job(s)
	j.Score, j.Look, j.Steps, j.Budget, j.LogEvery = nil, nil, trialSteps, 0, 1
	last := j.Clock()
	j.Events = func(e train.Event) {
		if e.Kind != "train" {
			return // a warning between two steps would look like a fast one
		}
		now := j.Clock()
		if took := now - last; best == 0 || took < best {
			best = took
		}
		last = now
	}
	if _, err := train.Run(ctx, j, train.New()); err != nil {
		return 0, err
	}
	if best <= 0 {
		return 0, errors.New("the trial took no time")
	}
	return best, nil
}

// bytes is the size of a checkpoint.
func (p *parts) bytes() (n int) {
	for _, t := range nn.Tensors(p.method) {
		n += t.Spec.Bytes()
	}
	for _, t := range p.optimizer.States() {
		n += t.Spec.Bytes()
	}
	return n
}
