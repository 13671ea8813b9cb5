package train

import (
	"context"

	"kith/nnclr/data"
	"kith/nnclr/eval"
)

// fewK is the number of voters where labels are few.
const fewK = 5

// scorer evaluates the encoder on the score's images.
type scorer struct {
	*Score
	features *eval.Extractor
	finder   *eval.Finder
}

func newScorer(j *Job) *scorer {
	e := eval.NewExtractor(j.Root, j.Encoder, j.Score.View, j.Score.Batch, j.Compute, j.Eager)
	e.Workers = j.Score.Workers
	return &scorer{j.Score, e, eval.NewFinder(j.Root)}
}

// policy is what to do about the bad images of one data set.
func (s *scorer) policy() *data.Bad {
	if s.Bad == nil {
		return nil
	}
	return s.Bad()
}

// floors scores raw pixels, and the encoder as it starts.
func (s *scorer) floors(ctx context.Context) (out Scores, err error) {
	bank, err := eval.Pixels(ctx, s.Bank, s.View, s.Workers, s.policy())
	if err != nil {
		return out, err
	}
	queries, err := eval.Pixels(ctx, s.Queries, s.View, s.Workers, s.policy())
	if err != nil {
		return out, err
	}
	if out.Pixels, err = s.KNN.Accuracy(s.finder, bank, queries); err != nil {
		return out, err
	}
	mean := bank.Mean()
	if out.PixelsCentered, err = s.KNN.Accuracy(s.finder, bank.Centered(mean), queries.Centered(mean)); err != nil {
		return out, err
	}
	out.Start, out.FewStart, err = s.score(ctx, true)
	out.Done = true
	return out, err
}

// score is the accuracy of the encoder's features, and with few labels too, centered.
func (s *scorer) score(ctx context.Context, few bool) (top1, fewTop1 float64, err error) {
	bank, err := s.features.Features(ctx, s.Bank, s.policy())
	if err != nil {
		return 0, 0, err
	}
	queries, err := s.features.Features(ctx, s.Queries, s.policy())
	if err != nil {
		return 0, 0, err
	}
	if top1, err = s.KNN.Accuracy(s.finder, bank, queries); err != nil || !few || s.Few == 0 {
		return top1, 0, err
	}
	mean := bank.Mean()
	labeled := eval.FewLabels(bank, s.Few, s.Key)
	fewTop1, err = eval.KNN{K: fewK, T: s.KNN.T}.Accuracy(s.finder, labeled.Centered(mean), queries.Centered(mean))
	return top1, fewTop1, err
}
