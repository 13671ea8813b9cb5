package optim

import "kith/tensor"

// Rate multiplies by the learning rate. Before Momentum it stands inside the buffer, so that a
// changing rate does not rescale past updates; after it, outside.
type Rate struct{}

// Slots is none.
func (Rate) Slots() int { return 0 }

// Apply is rate·u.
func (Rate) Apply(s *Step, u []*tensor.Tensor) []*tensor.Tensor {
	return each(u, func(_ int, u *tensor.Tensor) *tensor.Tensor { return u.Mul(s.Rate) })
}
