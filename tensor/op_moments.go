package tensor

import (
	"errors"
	"fmt"
)

// Moments is mean, biased variance and rest of each column: x [..., c] → three [c], wide.
// The rest is what rounding took from the mean, so that mean + rest is the mean to twice the
// digits; it is 0 in float64.
type Moments struct{}

// Infer wants x, a float with at least one axis and one row.
func (Moments) Infer(in []Spec) ([]Spec, error) {
	if _, err := like(1, in); err != nil {
		return nil, err
	}
	c, err := columns(in[0])
	if err != nil {
		return nil, err
	}
	s := Spec{in[0].DType.Wide(), c}
	return []Spec{s, s, s}, nil
}

// columns is the shape of statistics over all axes but the last.
func columns(x Spec) (Shape, error) {
	if len(x.Shape) == 0 {
		return nil, errors.New("a scalar has no columns")
	}
	c := x.Shape[len(x.Shape)-1:]
	if x.Shape.Size() == 0 {
		return nil, fmt.Errorf("shape %v has no rows to average", x.Shape)
	}
	return c, nil
}

// Columns marks a reduction to the last axis.
func (Moments) Columns() {}

// Eval takes two passes: the mean, then the mean square of the distance from it.
func (Moments) Eval(out, in []Array) {
	mean, variance, rest := out[0].Data, out[1].Data, out[2].Data
	c := len(mean)
	n := float64(len(in[0].Data) / c)
	clear(mean)
	for x := in[0].Data; len(x) > 0; x = x[c:] {
		for j, v := range x[:c] {
			mean[j] += v / n
		}
	}
	clear(variance)
	for x := in[0].Data; len(x) > 0; x = x[c:] {
		for j, v := range x[:c] {
			variance[j] += (v - mean[j]) * (v - mean[j]) / n
		}
	}
	stored := round(out[0])
	for j := range rest {
		rest[j] = mean[j] - stored.Data[j]
		mean[j] = stored.Data[j]
	}
}

// VJP: dx = (dμ + 2(x-μ)·dσ²)/n. The rest has no gradient: it stands for no digits of x.
func (Moments) VJP(in, out, grad []*Tensor) []*Tensor {
	x, dMean, dVar := in[0], grad[0], grad[1]
	n := float64(x.Shape.Size() / out[0].Shape.Size())
	wide := x.Wide()
	var dx *Tensor
	if dVar != nil {
		dx = wide.Sub(out[0]).Mul(dVar.Scale(2 / n))
	}
	if dMean != nil {
		dMean = dMean.Scale(1 / n)
		if dx == nil {
			dx = dMean.Spread(wide)
		} else {
			dx = dx.Add(dMean)
		}
	}
	if dx == nil {
		return nil
	}
	return []*Tensor{dx.Cast(x.DType)}
}

// Moments is the mean and biased variance of each column, and what rounding took from the mean.
func (t *Tensor) Moments() (mean, variance, rest *Tensor) {
	out := Apply(Moments{}, t)
	return out[0], out[1], out[2]
}

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Moments{}, In: Draw(Normal(7, 17))},
			{Op: Moments{}, In: Draw(Normal(2, 3, 4, 5))},
			{Op: Moments{}, In: Draw(Normal(33, 1))},
			{Op: Moments{}, In: Draw(Normal(1, 5))},
			{Op: Moments{}, In: Draw(Normal(65, 3))},
			{Op: Moments{}, In: Draw(Normal(64, 16, 16, 64)), Big: true},
			{Op: Moments{}, In: Draw(Normal(0, 5)), Err: "no rows"},
			{Op: Moments{}, In: Draw(Normal()), Err: "no columns"},
		}
	})
}
