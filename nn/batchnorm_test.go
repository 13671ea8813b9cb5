package nn

import (
	"math"
	"testing"

	"kith/backends/ref"
	"kith/tensor"
	"kith/tensor/rng"
)

// Two views in one step: r ← 0.81·r + 0.09·b₁ + 0.1·b₂, with the unbiased variance.
func TestRunningStatistics(t *testing.T) {
	l := NewBatchNorm(1)
	root := tensor.Open(ref.New())
	Init(l, root, rng.New(1))
	views := [][]float64{{1, 3}, {10, 16}} // means 2, 13; unbiased variances 2, 18
	var in []*tensor.Tensor
	for _, v := range views {
		x := root.New(tensor.Of(tensor.F32, 2, 1))
		tensor.Set(x, v)
		in = append(in, x)
	}
	root.Run(func(s *tensor.Scope) {
		c := Train(s, tensor.F32)
		for _, x := range in {
			l.Forward(c, s.Enter(x))
		}
	})
	for _, c := range []struct {
		state *State
		want  float64
	}{{l.Mean, 0.09*2 + 0.1*13}, {l.Var, 0.81 + 0.09*2 + 0.1*18}} {
		got, err := tensor.Data[float64](c.state.Value)
		if err != nil || math.Abs(got[0]-c.want) > 1e-12 {
			t.Errorf("got %v, %v; want %v", got, err, c.want)
		}
	}
}

// Evaluation uses the running statistics and changes none.
func TestEvaluation(t *testing.T) {
	l := NewBatchNorm(1)
	root := tensor.Open(ref.New())
	Init(l, root, rng.New(1))
	tensor.Set(l.Mean.Value, []float64{3})
	tensor.Set(l.Var.Value, []float64{4})
	tensor.Set(l.Weight.Value, []float64{5})
	tensor.Set(l.Bias.Value, []float64{7})
	x := root.New(tensor.Of(tensor.F32, 1, 1))
	tensor.Set(x, []float64{11})
	root.Run(func(s *tensor.Scope) {
		got, err := tensor.Data[float64](l.Forward(Eval(s, tensor.F32), s.Enter(x)))
		if want := (11-3)/math.Sqrt(4+1e-5)*5 + 7; err != nil || math.Abs(got[0]-want) > 1e-12 {
			t.Errorf("got %v, %v; want %v", got, err, want)
		}
	})
	if mean, _ := tensor.Data[float64](l.Mean.Value); mean[0] != 3 {
		t.Errorf("evaluation moved the mean to %v", mean)
	}
}
