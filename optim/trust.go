package optim

import "kith/tensor"

// ZeroNorm says what the trust ratio is where the weight or its update has norm 0.
type ZeroNorm string

// With ZeroEta the ratio is the coefficient, so that a zero tensor leaves zero in steps of the
// usual order. ZeroOne, a raw step, is what the references do. ZeroSkip leaves it alone.
const (
	ZeroEta  ZeroNorm = "eta"
	ZeroOne  ZeroNorm = "one"
	ZeroSkip ZeroNorm = "skip"
)

// fallback is the ratio for a zero norm.
func (z ZeroNorm) fallback(ratio float64) float64 {
	switch z {
	case ZeroOne:
		return 1
	case ZeroSkip:
		return 0
	}
	return ratio
}

// TrustRatio scales each update u by Ratio·‖w‖/‖u‖. You et al. 2017; SimCLR's form.
type TrustRatio struct {
	Ratio float64
	Zero  ZeroNorm
}

// Slots is none.
func (TrustRatio) Slots() int { return 0 }

// Apply scales each update.
func (t TrustRatio) Apply(s *Step, u []*tensor.Tensor) []*tensor.Tensor {
	w2, u2 := tensor.SquareSums(s.Params...), tensor.SquareSums(u...) // [k]
	r := w2.Div(u2).Sqrt().Scale(t.Ratio)
	r = r.Select(w2.Mul(u2).Positive(), r.Fill(t.Zero.fallback(t.Ratio)))
	return s.scale(u, r)
}

// scale multiplies each update by its element of r [k], and tells r.
func (s *Step) scale(u []*tensor.Tensor, r *tensor.Tensor) []*tensor.Tensor {
	s.Metrics["trust"] = r
	return each(u, func(i int, u *tensor.Tensor) *tensor.Tensor { return u.Mul(r.Row(i)) })
}

// DecayedTrust adds Weight·w to each gradient g and scales the sum by
// Ratio·‖w‖/(‖g‖ + Weight·‖w‖ + Eps): the norms apart, where TrustRatio takes that of the sum.
// With Clip the ratio is at most the rate, which multiplies it later. You et al. 2017; lightly
// and solo-learn.
type DecayedTrust struct {
	Ratio, Weight, Eps float64
	Clip               bool
	Zero               ZeroNorm
}

// Slots is none.
func (DecayedTrust) Slots() int { return 0 }

// Apply decays and scales each gradient.
func (t DecayedTrust) Apply(s *Step, u []*tensor.Tensor) []*tensor.Tensor {
	w2, g2 := tensor.SquareSums(s.Params...), tensor.SquareSums(u...) // [k]
	w, g := w2.Sqrt(), g2.Sqrt()
	r := w.Scale(t.Ratio).Div(g.Add(w.Scale(t.Weight)).Shift(t.Eps))
	if t.Clip {
		r = r.Div(s.Rate)
		r = r.Select(r.Shift(-1).Scale(-1).Positive(), r.Fill(1)) // min(r, 1)
	}
	r = r.Select(w2.Mul(g2).Positive(), r.Fill(t.Zero.fallback(t.Ratio)))
	return s.scale(Decay{t.Weight}.Apply(s, u), r)
}
