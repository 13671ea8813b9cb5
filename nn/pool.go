package nn

import "kith/tensor"

// ReLU is the positive part.
type ReLU struct{}

// Forward applies it.
func (ReLU) Forward(_ *Ctx, x *tensor.Tensor) *tensor.Tensor { return x.ReLU() }

// AvgPool is the mean over each map: [n,h,w,c] → [n,c].
type AvgPool struct{}

// Forward applies it.
func (AvgPool) Forward(_ *Ctx, x *tensor.Tensor) *tensor.Tensor { return x.AvgPool() }
