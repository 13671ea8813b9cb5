package optim

import (
	"math"
	"testing"

	"kith/backends/ref"
	"kith/nn"
	"kith/tensor"
	"kith/tensor/rng"
)

// model has one tensor, a matrix of one row or a vector.
type model struct{ Weight *nn.Param }

// run updates w three times with the gradients and rates of the specification's goldens.
func run(t *testing.T, shape tensor.Shape, start []float64, make func(*tensor.Scope, any) *Optimizer, grads [][]float64, rates []float64) [][]float64 {
	t.Helper()
	root := tensor.Open(ref.New())
	m := model{&nn.Param{Spec: tensor.Of(tensor.F32, shape...), Init: nn.Constant(0)}}
	nn.Init(m, root, rng.New(1))
	tensor.Set(m.Weight.Value, start)
	o := make(root, m)
	g, rate := root.New(m.Weight.Spec), root.New(tensor.Of(tensor.F32))
	var seen [][]float64
	for i := range grads {
		tensor.Set(g, grads[i])
		tensor.Set(rate, rates[i:i+1])
		root.Run(func(s *tensor.Scope) {
			o.Update(s, s.Enter(rate), []*tensor.Tensor{s.Enter(g)})
		})
		w, err := tensor.Data[float64](m.Weight.Value)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, w)
	}
	return seen
}

var (
	goldenGrads = [][]float64{{.6, -.8}, {.1, .2}, {-.3, .4}}
	goldenRates = []float64{.5, 1, .8}
)

func lars(o LARS) func(*tensor.Scope, any) *Optimizer {
	o.Decay, o.Momentum, o.Adapted = .1, .9, Matrices
	if o.Ratio == 0 {
		o.Ratio = .001
	}
	return func(root *tensor.Scope, m any) *Optimizer {
		opt, err := o.New(root, m)
		if err != nil {
			panic(err)
		}
		return opt
	}
}

func near(t *testing.T, name string, got []float64, want [2]float64, tolerance float64) {
	t.Helper()
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= tolerance) {
			t.Errorf("%s: got %.12f, want %.12f", name, got, want)
			return
		}
	}
}

func TestLARS(t *testing.T) {
	type steps [3][2]float64
	for _, c := range []struct {
		name string
		o    LARS
		want steps // a zero first entry: not recorded
	}{
		{"classic", LARS{}, steps{{2.997715471128, 4.001015346165}, {2.992887625258, 3.997768422978}, {2.988546116847, 3.990851034322}}},
		{"classic nesterov", LARS{Variant: "classic", Nesterov: true},
			steps{{2.995659395144, 4.001929157714}, {2.988545523357, 3.994845365074}, {2.984647094651, 3.984631721402}}},
		{"popular", LARS{Variant: "popular"}, steps{{2.997715471128, 4.001015346165}, {2.992811675813, 4.000042097304}, {2.989890703373, 3.997314357314}}},
		{"popular nesterov", LARS{Variant: "popular", Nesterov: true}, steps{2: {2.991350606587, 3.995141504437}}},
		{"byol", LARS{Variant: "byol"}, steps{{2.997715471128, 4.001015346165}, {2.990831549273, 3.998682234526}, {2.985879704508, 3.993007637567}}},
		{"you", LARS{Variant: "you"}, steps{{2.9985, 4.000666666667}, {2.994387167022, 3.997120401878}, {2.990687861201, 3.990731730381}}},
		{"bolts", LARS{Variant: "bolts"}, steps{{2.998500000010, 4.000666666662}, {2.993037167088, 3.997720401923}, {2.989106710846, 3.992401923663}}},
		{"solo", LARS{Variant: "solo", Clip: true, Ratio: .02}, steps{{2.940000000400, 4.026666666489}, {2.777598609061, 3.991453707768}, {2.662862681667, 3.887297577589}}},
		{"larc", LARS{Variant: "larc", Ratio: .02}, steps{2: {2.662862681667, 3.887297577589}}},
	} {
		got := run(t, tensor.Shape{1, 2}, []float64{3, 4}, lars(c.o), goldenGrads, goldenRates)
		for i, want := range c.want {
			if want != [2]float64{} {
				near(t, c.name, got[i], want, 1e-11)
			}
		}
	}
}

// A vector is neither decayed nor adapted.
func TestExcluded(t *testing.T) {
	for name, want := range map[string][2]float64{"classic": {2.237, 4.384}, "byol": {1.8392, 4.9744}} {
		got := run(t, tensor.Shape{2}, []float64{3, 4}, lars(LARS{Variant: name}), goldenGrads, goldenRates)
		near(t, name, got[2], want, 1e-12)
	}
}

func TestSGD(t *testing.T) {
	sgd := func(root *tensor.Scope, m any) *Optimizer {
		return SGD{Decay: .1, Momentum: .9, Decayed: All}.New(root, m)
	}
	got := run(t, tensor.Shape{1, 2}, []float64{3, 4}, sgd, goldenGrads, goldenRates)
	near(t, "sgd", got[2], [2]float64{0.6754, 3.1176}, 1e-12)
}

func TestZeroNorm(t *testing.T) {
	grads, rates := goldenGrads[:2], []float64{.5, 1}
	for zero, want := range map[ZeroNorm][2][2]float64{
		ZeroEta:  {{-.0003, .0004}, {-.000570223517360, .000759552741697}},
		ZeroOne:  {{-.3, .4}, {-.57014, .75952}},
		ZeroSkip: {},
	} {
		got := run(t, tensor.Shape{1, 2}, []float64{0, 0}, lars(LARS{Zero: zero}), grads, rates)
		near(t, string(zero), got[0], want[0], 1e-15)
		near(t, string(zero), got[1], want[1], 1e-5*math.Abs(want[1][0]))
	}
}

func TestUnknownVariant(t *testing.T) {
	if _, err := (LARS{Variant: "lamb"}).New(tensor.Open(ref.New()), model{}); err == nil {
		t.Error("no error for an unknown variant")
	}
}
