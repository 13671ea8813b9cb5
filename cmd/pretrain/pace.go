package main

import (
	"fmt"
	"strings"

	"kith/cmd/pretrain/internal/settings"
)

// What a recipe says of warm-up and scores is meant for a run of its own length. A first try of a few steps would be
// nothing but warm-up, and spend an hour on scores: here they are cut to the length of the run.

const (
	leastBank    = 2000 // images among which neighbors vote, however short the run
	leastQueries = 400  // images that are scored then
	voters       = 5    // images of the bank to one that is scored, at least
)

// pace fits warm-up and scores to the run's length, unless the user named them, and notes what it chose.
func (p *parts) pace(s *settings.Settings) error {
	steps := s.Steps
	if s.Epochs > 0 {
		steps = s.Epochs * p.loader.Steps()
	}
	if steps == 0 {
		return nil // a run by time: warm-up is short, and scores are shares of it
	}
	warm := s.Warmup.N
	if s.Warmup.Epochs {
		warm *= p.loader.Steps()
	}
	if 2*warm > steps {
		if err := p.choose(s, "warmup", steps/10); err != nil {
			return err
		}
	}
	if p.sets.Score == nil {
		return nil
	}
	if seen := steps * int(s.Batch); p.sets.Bank.Len() > max(seen, leastBank) && s.Bank > max(seen, leastBank) {
		if err := p.choose(s, "knn_bank", max(seen, leastBank)); err != nil {
			return err
		}
	}
	// A step costs as much as six passes forward over its images: two views, and backward twice as much as forward.
	bank := min(s.Bank, p.sets.Bank.Len())
	scored := bank + min(p.sets.Score.Len(), max(s.Bank/voters, leastQueries))
	if least := ceil(scored, 6*int(s.Batch)); float64(least) > s.EvalEvery.Share*float64(steps) && s.EvalEvery.Share > 0 {
		return p.choose(s, "eval_every", least)
	}
	return nil
}

// choose sets what the user left open, and notes it as a flag.
func (p *parts) choose(s *settings.Settings, key string, n int) error {
	if err := s.Choose(key, fmt.Sprint(n)); err != nil || s.Origin(key) != "chosen" {
		return err
	}
	p.chosen = append(p.chosen, fmt.Sprintf("--%s %d", strings.ReplaceAll(key, "_", "-"), n))
	return nil
}

// ceil is a/b rounded up.
func ceil(a, b int) int { return (a + b - 1) / b }
