package optim

import (
	"math"
	"testing"
)

var at = []int{0, 1, 5, 9, 10, 11, 55, 98, 99}

func TestSchedules(t *testing.T) {
	for name, want := range map[string][]float64{
		"cosine":  {0, .1, .5, .9, 1, .9996954135, .5, .0012179749, .0003045865},
		"solo":    {.00003, .1111377778, .5555688889, 1, 1, .9996954135, .5, .0012179749, .0003045865},
		"lightly": {.1, .2, .6, 1, 1, .9996888426, .4916845839, .0013111574, .001},
		"barlow":  {0, .1, .5, .9, 1, .9996957181, .5005, .0022167569, .0013042819},
	} {
		rate, err := Plan{Rate: 1, WarmUp: 10, Steps: 100}.Schedule(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range at {
			if got := rate(s); math.Abs(got-want[i]) > 1e-10 {
				t.Errorf("%s(%d) = %.10f, want %.10f", name, s, got, want[i])
			}
		}
	}
}

// The rates of real runs: the paper's and solo-learn's on CIFAR.
func TestPublishedRates(t *testing.T) {
	for _, c := range []struct {
		name string
		plan Plan
		want map[int]float64
	}{
		{"cosine", Plan{Rate: 4.8, WarmUp: 3120, Steps: 312000},
			map[int]float64{1: .0015384615, 3119: 4.7984615385, 3120: 4.8, 156000: 2.4380783132}},
		{"solo", Plan{Rate: .4, WarmUp: 1950, Steps: 195000},
			map[int]float64{0: .00003, 1: .0002352181, 974: .1999123910, 1949: .4, 1950: .4, 97500: .2031731928}},
	} {
		rate, _ := c.plan.Schedule(c.name)
		for s, want := range c.want {
			if got := rate(s); math.Abs(got-want) > 1e-10 {
				t.Errorf("%s(%d) = %.10f, want %.10f", c.name, s, got, want)
			}
		}
	}
}

func TestEpochCosine(t *testing.T) {
	rate, err := Plan{Rate: 2, Steps: 40, ByEpoch: 10}.Schedule("epoch-cosine")
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[int]float64{0: 2, 9: 2, 10: 1 + math.Sqrt2/2, 20: 1, 39: 1 - math.Sqrt2/2} {
		if got := rate(s); math.Abs(got-want) > 1e-12 {
			t.Errorf("step %d: %v, want %v", s, got, want)
		}
	}
}

func TestByTime(t *testing.T) {
	p := Plan{Rate: .1, WarmUp: 30}
	for _, c := range []struct {
		step        int
		share, want float64
	}{{0, 0, 0}, {15, 0, .05}, {30, 0, .1}, {500, .5, .05}, {900, 1, 0}, {901, 1.2, 0}} {
		if got := p.ByTime(c.step, c.share); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("step %d, share %v: %v, want %v", c.step, c.share, got, c.want)
		}
	}
}

func TestScaleRate(t *testing.T) {
	for _, c := range []struct {
		rule  string
		base  float64
		batch int
		want  float64
	}{{"linear", .3, 4096, 4.8}, {"sqrt", .075, 4096, 4.8}, {"sqrt", .075, 256, 1.2}, {"none", .3, 17, .3}} {
		if got, err := ScaleRate(c.rule, c.base, c.batch); err != nil || math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s of %v at %d: %v, %v; want %v", c.rule, c.base, c.batch, got, err, c.want)
		}
	}
	if _, err := ScaleRate("cubic", 1, 1); err == nil {
		t.Error("no error for an unknown rule")
	}
	if _, err := (Plan{}).Schedule("step"); err == nil {
		t.Error("no error for an unknown schedule")
	}
}
