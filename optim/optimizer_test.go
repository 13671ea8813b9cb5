package optim

import (
	"math"
	"slices"
	"testing"

	"kith/backends/ref"
	"kith/nn"
	"kith/tensor"
	"kith/tensor/rng"
)

// Every optimizer gets down a bowl and a bent valley.
func TestDescends(t *testing.T) {
	optimizers := map[string]func(*tensor.Scope, any) *Optimizer{
		"sgd": func(r *tensor.Scope, m any) *Optimizer { return SGD{Momentum: .9, Decayed: All}.New(r, m) },
		"nesterov": func(r *tensor.Scope, m any) *Optimizer {
			return SGD{Momentum: .9, Nesterov: true, Decayed: All}.New(r, m)
		},
	}
	for _, v := range Variants {
		optimizers[v] = func(r *tensor.Scope, m any) *Optimizer {
			o, err := LARS{Variant: v, Ratio: 1, Momentum: .5, Adapted: Matrices}.New(r, m)
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
	}
	bowl := func(x, y float64) (f, dx, dy float64) { return x*x + 4*y*y, 2 * x, 8 * y }
	valley := func(x, y float64) (f, dx, dy float64) { // Rosenbrock, gently bent
		return (1-x)*(1-x) + 5*(y-x*x)*(y-x*x), -2*(1-x) - 20*x*(y-x*x), 10 * (y - x*x)
	}
	for name, make := range optimizers {
		for _, f := range []func(x, y float64) (float64, float64, float64){bowl, valley} {
			before, after := descend(t, make, f)
			if !(after < before/5) {
				t.Errorf("%s: from %v to %v", name, before, after)
			}
		}
	}
}

func descend(t *testing.T, make func(*tensor.Scope, any) *Optimizer, f func(x, y float64) (float64, float64, float64)) (before, after float64) {
	root := tensor.Open(ref.New())
	m := model{&nn.Param{Spec: tensor.Of(tensor.F32, 1, 2), Init: nn.Constant(0)}}
	nn.Init(m, root, rng.New(1))
	at := []float64{-1, 1.5}
	tensor.Set(m.Weight.Value, at)
	o, g, rate := make(root, m), root.New(m.Weight.Spec), root.New(tensor.Of(tensor.F32))
	before, _, _ = f(at[0], at[1])
	for step := range 600 {
		_, dx, dy := f(at[0], at[1])
		tensor.Set(g, []float64{dx, dy})
		tensor.Set(rate, []float64{.02 * half(float64(step)/600)})
		root.Run(func(s *tensor.Scope) { o.Update(s, s.Enter(rate), []*tensor.Tensor{s.Enter(g)}) })
		var err error
		if at, err = tensor.Data[float64](m.Weight.Value); err != nil {
			t.Fatal(err)
		}
	}
	after, _, _ = f(at[0], at[1])
	return before, after
}

// Slots are states with names of their own; a nil gradient is zero; the norm is over all.
func TestUpdate(t *testing.T) {
	root := tensor.Open(ref.New())
	m := struct{ A, B *nn.Linear }{nn.NewLinear(2, 1, true), nn.NewLinear(1, 1, false)}
	nn.Init(m, root, rng.New(1))
	o := SGD{Momentum: .9, Decayed: Matrices}.New(root, m)
	var names []string
	for name := range o.States() {
		names = append(names, name)
	}
	if want := []string{"1.0.A.Weight", "1.0.A.Bias", "1.0.B.Weight"}; !slices.Equal(names, want) {
		t.Errorf("slots %v, want %v", names, want)
	}
	before, _ := tensor.Data[float64](m.B.Weight.Value)
	norm := root.New(tensor.Of(tensor.F32))
	root.Run(func(s *tensor.Scope) {
		p := o.Params(s)
		metrics := o.Update(s, p[1].Fill(1).Reshape(), []*tensor.Tensor{p[0].Fill(3), p[1].Fill(4), nil})
		s.Report(norm, metrics["grad_norm"])
	})
	if got, _ := tensor.Data[float64](norm); math.Abs(got[0]-math.Sqrt(34)) > 1e-12 {
		t.Errorf("norm %v, want √34", got)
	}
	if after, _ := tensor.Data[float64](m.B.Weight.Value); !slices.Equal(before, after) {
		t.Errorf("a parameter without gradient moved from %v to %v", before, after)
	}
}
