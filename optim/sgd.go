package optim

import (
	"kith/nn"
	"kith/tensor"
)

// SGD is torch's: decay, momentum, and the rate outside of it. Decay touches the parameters that
// decayed chooses: Matrices (nil) or All.
type SGD struct {
	Decay, Momentum float64
	Nesterov        bool
	Decayed         func(name string, p *nn.Param) bool
}

// New makes the optimizer for model.
func (o SGD) New(root *tensor.Scope, model any) *Optimizer {
	return New(root, model,
		Only(o.Decayed, Decay{o.Decay}),
		Momentum{o.Momentum, o.Nesterov},
		Rate{})
}
