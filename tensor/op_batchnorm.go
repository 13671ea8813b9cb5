package tensor

import (
	"fmt"
	"math"
	"slices"
)

// BatchNorm normalizes columns over a batch: x [...,c], γ, β [c] → y of x's spec, mean μ, biased
// variance σ², rest ρ [c] (see Moments). y = (x-μ)·a + (β - ρ·a) with a = γ·(σ²+Eps)^-½.
//
// Ioffe and Szegedy 2015. The form matters: a·x + (β - μ·a) loses all digits at large means.
type BatchNorm struct{ Eps float64 }

// Infer wants x and, in the wide dtype, γ and β.
func (o BatchNorm) Infer(in []Spec) ([]Spec, error) {
	if err := count(3, in); err != nil {
		return nil, err
	}
	stats, err := Moments{}.Infer(in[:1])
	if err != nil {
		return nil, err
	}
	for _, s := range in[1:] {
		if s.DType != in[0].DType.Wide() || !slices.Equal(s.Shape, stats[0].Shape) {
			return nil, fmt.Errorf("scale and shift are %v and %v, want %v", in[1], in[2], stats[0])
		}
	}
	return append([]Spec{in[0]}, stats...), nil
}

// Eval normalizes with the mean in full.
func (o BatchNorm) Eval(out, in []Array) {
	Moments{}.Eval(out[1:], in[:1])
	c := len(in[1].Data)
	mean, variance, rest := out[1].Data, out[2].Data, out[3].Data
	for i, x := range in[0].Data {
		j := i % c
		out[0].Data[i] = (x-mean[j]-rest[j])/math.Sqrt(variance[j]+o.Eps)*in[1].Data[j] + in[2].Data[j]
	}
}

// Decompose is the formula in the wide dtype.
func (o BatchNorm) Decompose(in []*Tensor) []*Tensor {
	x, gamma, beta := in[0], in[1], in[2]
	mean, variance, rest := x.Moments()
	a := gamma.Mul(variance.Shift(o.Eps).Rsqrt())
	y := x.Wide().Sub(mean).Mul(a).Add(beta.Sub(rest.Mul(a)))
	return []*Tensor{y.Cast(x.DType), mean, variance, rest}
}

// VJP: two column sums are enough. With c = x-μ, r = (σ²+Eps)^-½, s = Σdy, t = Σdy·c:
// dβ = s, dγ = r(t - ρs), k = r·dγ/n, dx = γr·(dy - c·k - (s/n - ρk)).
// The statistics are outputs for tracking; a gradient that reaches them is a caller's bug.
func (o BatchNorm) VJP(in, out, grad []*Tensor) []*Tensor {
	if grad[0] == nil || grad[1] != nil || grad[2] != nil || grad[3] != nil {
		misuse("no gradient passes through the statistics that BatchNorm returns; use Moments")
	}
	x, gamma, dy := in[0], in[1], grad[0].Wide()
	rest := out[3]
	n := float64(x.Shape.Size() / gamma.Shape.Size())
	r := out[2].Shift(o.Eps).Rsqrt()
	c := x.Wide().Sub(out[1])
	s, t := dy.Sum(1), dy.Mul(c).Sum(1)
	dGamma := t.Sub(rest.Mul(s)).Mul(r)
	k := dGamma.Mul(r).Scale(1 / n)
	dx := dy.Sub(c.Mul(k)).Sub(s.Scale(1 / n).Sub(rest.Mul(k))).Mul(gamma.Mul(r))
	return []*Tensor{dx.Cast(x.DType), dGamma, s}
}

// BatchNorm normalizes the columns of t; it also returns the batch's mean and biased variance.
func (t *Tensor) BatchNorm(gamma, beta *Tensor, eps float64) (y, mean, variance *Tensor) {
	out := Apply(BatchNorm{eps}, t, gamma, beta)
	return out[0], out[1], out[2]
}

func init() {
	Register(func() []Case {
		return []Case{
			{Op: BatchNorm{1e-5}, In: Draw(Normal(7, 17), Normal(17), Normal(17))},
			{Op: BatchNorm{1e-5}, In: Draw(Normal(2, 3, 4, 5), Normal(5), Normal(5))},
			{Op: BatchNorm{0.6}, In: Draw(Normal(33, 1), Normal(1), Normal(1))},
			{Op: BatchNorm{1e-3}, In: Draw(Normal(2, 2, 2, 3), Normal(3), Normal(3))},
			{Op: BatchNorm{1e-5}, In: Draw(Normal(65, 3), Normal(3), Normal(3))},
			{Op: BatchNorm{1e-5}, In: Draw(Normal(5, 3), Normal(3), Normal(4)), Err: "want F32[3]"},
		}
	})
}
