package optim

import (
	"fmt"
	"math"
)

// A Schedule is the learning rate of each step, counted from 0.
type Schedule func(step int) float64

// A Plan is what schedules are made of, in steps.
type Plan struct {
	Rate    float64 // the highest
	WarmUp  int
	Steps   int // in all
	ByEpoch int // steps of an epoch, for "epoch-cosine"
}

// Schedules are the names that Plan.Schedule knows.
var Schedules = []string{"cosine", "solo", "lightly", "barlow", "epoch-cosine"}

const (
	soloStart = 3e-5 // solo-learn's first rate
	endShare  = 1e-3 // of the rate, where lightly and Barlow Twins end
)

// Schedule is the schedule called name. "cosine" is SimCLR's: step 0 trains with rate 0.
func (p Plan) Schedule(name string) (Schedule, error) {
	warm := func(ramp, after Schedule) Schedule {
		return func(s int) float64 {
			if s < p.WarmUp {
				return ramp(s)
			}
			return after(s)
		}
	}
	ramp := func(s int) float64 { return p.Rate * float64(s) / float64(p.WarmUp) }
	cosine := func(s int) float64 { return p.Rate * half(p.share(s, p.Steps)) }
	switch name {
	case "cosine":
		return warm(ramp, cosine), nil
	case "solo":
		return warm(func(s int) float64 {
			return soloStart + float64(s)*(p.Rate-soloStart)/float64(max(p.WarmUp-1, 1))
		}, cosine), nil
	case "lightly":
		return warm(func(s int) float64 { return p.Rate * float64(s+1) / float64(p.WarmUp) }, func(s int) float64 {
			return p.Rate * (endShare + (1-endShare)*half(p.share(s, p.Steps-1)))
		}), nil
	case "barlow":
		return warm(ramp, func(s int) float64 {
			h := half(p.share(s, p.Steps))
			return p.Rate * (h + endShare*(1-h))
		}), nil
	case "epoch-cosine":
		if p.ByEpoch < 1 {
			return nil, fmt.Errorf("epoch-cosine wants the steps of an epoch, got %d", p.ByEpoch)
		}
		return func(s int) float64 {
			epochs := max(p.Steps/p.ByEpoch, 1)
			return p.Rate * half(math.Min(float64(s/p.ByEpoch)/float64(epochs), 1))
		}, nil
	}
	return nil, fmt.Errorf("no schedule %q; there are %v", name, Schedules)
}

// share is how much of the way from warm-up to end lies behind step s, 0 to 1.
func (p Plan) share(s, end int) float64 {
	return math.Min(float64(s-p.WarmUp)/float64(max(end-p.WarmUp, 1)), 1)
}

// half is half a cosine: 1 at share 0, 0 at share 1.
func half(share float64) float64 { return 0.5 * (1 + math.Cos(math.Pi*share)) }

// ByTime is the rate of a run with a budget of time: a ramp over warm-up steps, times half a
// cosine over the share of the budget that has passed.
func (p Plan) ByTime(step int, share float64) float64 {
	return p.Rate * math.Min(1, float64(step)/float64(max(p.WarmUp, 1))) * half(math.Min(share, 1))
}

// ScaleRate is the rate for a batch: base·batch/256 for rule "linear", base·√batch for "sqrt",
// base for "none".
func ScaleRate(rule string, base float64, batch int) (float64, error) {
	switch rule {
	case "linear":
		return base * float64(batch) / 256, nil
	case "sqrt":
		return base * math.Sqrt(float64(batch)), nil
	case "none":
		return base, nil
	}
	return 0, fmt.Errorf("no rate scaling %q; there are linear, sqrt and none", rule)
}
