package train

import (
	"context"
	"math"
)

// before scores the start of a new run, and pays what a resumed one owes.
func (r *loop) before(ctx context.Context) error {
	if err := r.between(ctx, r.progress().share); err != nil {
		return err
	}
	if r.scorer == nil || r.state.Scores.Done {
		return nil
	}
	return r.aside(func() error {
		s, err := r.scorer.floors(ctx)
		if err != nil {
			return err
		}
		r.state.Scores = s
		r.tell("eval", "floors", Field{"pixels", s.Pixels}, Field{"pixels_centered", s.PixelsCentered},
			Field{"start", s.Start}, Field{"few_start", s.FewStart})
		return nil
	})
}

// evaluate scores the encoder as it is.
func (r *loop) evaluate(ctx context.Context, last bool) error {
	if r.scorer == nil {
		return nil
	}
	return r.aside(func() error {
		top1, few, err := r.scorer.score(ctx, last)
		if err != nil {
			return err
		}
		s := &r.state.Scores
		s.Last, s.Best = top1, math.Max(s.Best, top1)
		fields := []Field{{"k", r.Score.KNN.K}, {"top1", top1}, {"pixels", s.Pixels}, {"pixels_centered", s.PixelsCentered},
			{"untrained", s.Start}, {"n_train", r.Score.Bank.Len()}, {"n_test", r.Score.Queries.Len()}}
		if last && r.Score.Few > 0 {
			s.Few = few
			fields = append(fields, Field{"few", few})
		}
		r.tell("eval", "knn", fields...)
		return nil
	})
}

// aside runs f without counting its time as training.
func (r *loop) aside(f func() error) error {
	from := r.Clock()
	err := f()
	took := r.Clock() - from
	r.idle += took
	r.logged.at += took
	return err
}

// look tells the neighbors of the followed images where a snapshot is due.
func (r *loop) look(share float64) error {
	if r.looker == nil || !r.looker.due(&r.state.Looks, share) {
		return nil
	}
	return r.aside(func() error {
		id, score, err := r.looker.look()
		if err != nil {
			return err
		}
		r.tell("neighbors", "", Field{"queries", r.looker.ids}, Field{"nearest", r.Look.Nearest}, Field{"ids", id}, Field{"scores", score})
		return nil
	})
}
