package truth

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"kith/nn"
	"kith/optim"
	"kith/tensor"
	"kith/tensor/rng"
)

// A bag is a model of the tensors that optimizer goldens update; zero starts at 0.
type bag struct{ Matrix, Filter, Bias, Gamma, Zero *nn.Param }

// settings of an optimizer golden.
type settings struct {
	Variant              string
	Momentum, Decay, Eta float64
	Nesterov, Clip       bool
}

func (c settings) build(root *tensor.Scope, m any) (*optim.Optimizer, error) {
	if c.Variant == "" {
		return optim.SGD{Decay: c.Decay, Momentum: c.Momentum, Nesterov: c.Nesterov, Decayed: optim.All}.New(root, m), nil
	}
	return optim.LARS{Variant: c.Variant, Ratio: c.Eta, Decay: c.Decay, Momentum: c.Momentum,
		Nesterov: c.Nesterov, Clip: c.Clip, Adapted: optim.Matrices}.New(root, m)
}

// keptSteps are the updates after which goldens hold the tensors.
var keptSteps = []int{1, 2, 5, 10, 20}

// follow runs the 20 updates of inputs (golden/optim) with one optimizer on one backend, and
// returns the largest relative distance from the values that want holds under name.
func follow(t *testing.T, backend string, c settings, inputs, want golden, name string) (worst float64) {
	t.Helper()
	root := open(t, backend)
	m := &bag{}
	params := map[string]**nn.Param{"matrix": &m.Matrix, "filter": &m.Filter, "bias": &m.Bias, "gamma": &m.Gamma, "zero": &m.Zero}
	for k, p := range params {
		*p = &nn.Param{Spec: tensor.Of(tensor.F32, inputs.shape("start/"+k)...), Init: nn.Constant(0)}
	}
	nn.Init(m, root, rng.New(1))
	for k, p := range params {
		tensor.Set((*p).Value, inputs.floats("start/"+k))
	}
	opt, err := c.build(root, m)
	if err != nil {
		t.Fatal(err)
	}
	rate := root.New(tensor.Of(tensor.F32))
	grads := map[string]*tensor.Tensor{}
	var names []string
	for name, p := range nn.Params(m) {
		names = append(names, strings.ToLower(name))
		grads[strings.ToLower(name)] = root.New(p.Spec)
	}
	for s, r := range inputs.floats("rates") {
		tensor.Set(rate, []float64{r})
		for k, g := range grads {
			tensor.Set(g, inputs.row("gradients/"+k, s))
		}
		root.Run(func(s *tensor.Scope) {
			var in []*tensor.Tensor
			for _, k := range names {
				in = append(in, s.Enter(grads[k]))
			}
			opt.Update(s, s.Enter(rate), in)
		})
		if !slices.Contains(keptSteps, s+1) {
			continue
		}
		for k, p := range params {
			key := fmt.Sprintf("%s/%02d/%s", name, s+1, k)
			if _, ok := want.Lookup(key); ok { // another implementation may have no zero tensor
				worst = max(worst, relL2(values(t, (*p).Value), want.floats(key)))
			}
		}
	}
	return worst
}

// TestOptimizers follows torch.optim.SGD and the published definitions of LARS for 20 updates
// under changing rates: float64 at 1e-9, float32 at 1e-5.
func TestOptimizers(t *testing.T) {
	g := openGolden(t, "optim.safetensors")
	ran, worst := 0, [2]float64{}
	for _, name := range slices.Sorted(maps.Keys(g.Metadata)) {
		if !strings.HasPrefix(name, "sgd-") && !strings.HasPrefix(name, "lars-") {
			continue
		}
		ran++
		var c settings
		g.decode(g.Metadata[name], &c)
		for i, b := range []string{"ref", "cpu"} {
			d := follow(t, b, c, g, g, name)
			worst[i] = max(worst[i], d)
			if bound := []float64{1e-9, 1e-5}[i]; !(d <= bound) {
				t.Errorf("%s on %s is off by %.2g after 20 steps, bound %.0e", name, b, d, bound)
			}
		}
	}
	t.Logf("%d outside optimizers ran; worst distance %.1e in float64, %.1e in float32", ran, worst[0], worst[1])
	if ran != 27 {
		t.Errorf("%d optimizers, golden has 27", ran)
	}
}

// scheduleOf compares one schedule of a golden, at the steps it names or at all.
func scheduleOf(t *testing.T, g golden, name string, rates []float64, steps []int32) {
	t.Helper()
	var c struct {
		Kind   string
		WarmUp int `json:"warmup"`
		Steps  int
		Base   float64
	}
	g.decode(g.Metadata[name], &c)
	rate, err := optim.Plan{Rate: c.Base, WarmUp: c.WarmUp, Steps: c.Steps}.Schedule(c.Kind)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range rates {
		s := i
		if steps != nil {
			s = int(steps[i])
		}
		if got := rate(s); !(math.Abs(got-want) <= 1e-12*max(1, c.Base)) {
			t.Errorf("%s: rate of step %d is %.15g, want %.15g", name, s, got, want)
		}
	}
}

func TestSchedules(t *testing.T) {
	g, ran := openGolden(t, "optim.safetensors"), 0
	for name := range g.Metadata {
		if strings.HasPrefix(name, "schedule/") {
			scheduleOf(t, g, name, g.floats(name+"/rate"), g.ints(name+"/step"))
			ran++
		}
	}
	t.Logf("%d outside schedules ran", ran)
	if ran != 16 {
		t.Errorf("%d schedules, golden has 16", ran)
	}
}
