package optim

import "kith/tensor"

// Decay adds Weight·w to the update of each parameter w.
type Decay struct{ Weight float64 }

// Slots is none.
func (Decay) Slots() int { return 0 }

// Apply is u + Weight·w.
func (t Decay) Apply(s *Step, u []*tensor.Tensor) []*tensor.Tensor {
	return each(u, func(i int, u *tensor.Tensor) *tensor.Tensor { return u.Add(s.Params[i].Scale(t.Weight)) })
}

// each maps updates one by one.
func each(u []*tensor.Tensor, f func(i int, u *tensor.Tensor) *tensor.Tensor) []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(u))
	for i, v := range u {
		out[i] = f(i, v)
	}
	return out
}
