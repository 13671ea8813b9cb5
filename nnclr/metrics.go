package nnclr

import (
	"kith/nn"
	"kith/tensor"
)

// Metrics tells how the support set serves queries u [n,d] that found f. All are scalars but
// "unit" (u itself) and "neighbor" (f.Index), from which the host computes ranks and distinct
// rows. "nn_purity" is over rows with a label, whose share is "labeled"; "nn_age" is in steps.
func (q *Queue) Metrics(c *nn.Ctx, f Found, u *tensor.Tensor, b Batch) Metrics {
	u = u.Detach()
	n := float64(u.Shape[0])
	count := func(mask *tensor.Tensor) *tensor.Tensor { return mask.Cast(u.DType).Sum(0) }
	of := func(s *nn.State) *tensor.Tensor { // of each query's nearest row; 0 where there is none
		column := c.See(s).Reshape(q.search.Size, 1)
		return column.Gather(f.Index).Reshape(u.Shape[0])
	}
	found := atLeastZero(f.Index, u.DType)
	both := func(a, b *tensor.Tensor) *tensor.Tensor { return a.Select(b, b) }

	labeled := atLeastZero(b.Label, u.DType)
	same := both(both(of(q.Label).Equal(b.Label), labeled), found)
	step := of(q.Step)
	dated := both(atLeastZero(step, u.DType), found)
	age := b.Step.Spread(step).Cast(u.DType).Sub(step.Cast(u.DType)).Mul(dated.Cast(u.DType)).Sum(0)
	best, second := f.Score.Permute(1, 0).Row(0), f.Score.Permute(1, 0).Row(1)
	_, variance, _ := u.Moments()
	return Metrics{
		"nn_purity":    count(same).Div(count(labeled).AtLeast(1)),
		"labeled":      count(labeled).Scale(1 / n),
		"nn_self":      count(both(of(q.ID).Equal(b.ID), found)).Div(count(found).AtLeast(1)),
		"nn_sim":       best.Mul(found.Cast(u.DType)).Sum(0).Div(count(found).AtLeast(1)),
		"nn_gap":       best.Sub(second).Mul(found.Cast(u.DType)).Sum(0).Div(count(found).AtLeast(1)),
		"nn_age":       age.Div(count(dated).AtLeast(1)),
		"nn_init":      count(found).Sub(count(dated)).Scale(1 / n),
		"nn_fallback":  count(found).Scale(-1 / n).Shift(1),
		"support_fill": c.See(q.Filled).Cast(u.DType).Scale(1 / float64(q.search.Size)),
		"emb_std":      variance.Sqrt().Mean(),
		"unit":         u,
		"neighbor":     f.Index,
	}
}

// atLeastZero is 1 where v (I32) is not negative, as U8.
func atLeastZero(v *tensor.Tensor, as tensor.DType) *tensor.Tensor {
	return v.Cast(as).Shift(0.5).Positive()
}
