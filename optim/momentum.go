package optim

import "kith/tensor"

// Momentum keeps v ← Keep·v + u, and gives v; with Nesterov, u + Keep·v of the new v.
type Momentum struct {
	Keep     float64
	Nesterov bool
}

// Slots is one, v.
func (Momentum) Slots() int { return 1 }

// Apply gives the smoothed update.
func (t Momentum) Apply(s *Step, u []*tensor.Tensor) []*tensor.Tensor {
	return each(u, func(i int, u *tensor.Tensor) *tensor.Tensor {
		v := u.Add(s.Slot(i).Scale(t.Keep))
		s.SetSlot(i, v)
		if t.Nesterov {
			return u.Add(v.Scale(t.Keep))
		}
		return v
	})
}
