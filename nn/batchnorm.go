package nn

import "kith/tensor"

// BatchNorm normalizes columns: by the batch when training, which it also tracks, and by what it
// tracked in evaluation. Ioffe and Szegedy 2015.
type BatchNorm struct {
	Weight, Bias *Param // γ, β [c]
	Mean, Var    *State // running mean and unbiased variance [c]
}

const (
	bnEps  = 1e-5
	bnKeep = 0.9 // of the running statistics; torch calls 0.1 the momentum
)

// NewBatchNorm makes a layer for c channels that starts as the identity.
func NewBatchNorm(c int) *BatchNorm {
	spec := tensor.Of(tensor.F32, c)
	return &BatchNorm{
		Weight: &Param{Spec: spec, Init: Constant(1)},
		Bias:   &Param{Spec: spec, Init: Constant(0)},
		Mean:   &State{Spec: spec, Init: Constant(0)},
		Var:    &State{Spec: spec, Init: Constant(1)},
	}
}

// Forward normalizes x [..., c]. A second call in the same step chains on the first one's
// statistics, so two views make two updates.
func (l *BatchNorm) Forward(c *Ctx, x *tensor.Tensor) *tensor.Tensor {
	gamma, beta := c.UseWide(l.Weight), c.UseWide(l.Bias)
	if !c.Train {
		a := gamma.Mul(c.See(l.Var).Shift(bnEps).Rsqrt())
		return x.Wide().Sub(c.See(l.Mean)).Mul(a).Add(beta).Cast(x.DType)
	}
	y, mean, variance := x.BatchNorm(gamma, beta, bnEps)
	n := float64(x.Shape.Size() / gamma.Shape.Size())
	c.Track(l.Mean, mean, bnKeep)
	c.Track(l.Var, variance.Scale(n/max(n-1, 1)), bnKeep)
	return y
}
