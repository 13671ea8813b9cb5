package optim

import (
	"fmt"

	"kith/nn"
	"kith/tensor"
)

// LARS adapts the step of each tensor to its norm. You et al. 2017, arXiv 1708.03888. Its
// implementations differ; Variant chooses one.
type LARS struct {
	Variant                string // of Variants; "" is "classic"
	Ratio, Decay, Momentum float64
	Nesterov               bool
	Clip                   bool     // of variant "solo"; "larc" always clips
	Zero                   ZeroNorm // "" is ZeroEta
	Adapted                func(name string, p *nn.Param) bool
}

// Variants of LARS: with u = g + λw, rate γ and the buffer v,
//
//	classic  t = η‖w‖/‖u‖;              v ← μv + γtu;  w ← w - v       SimCLR
//	popular  v ← μv + u;                t = η‖w‖/‖v‖;  w ← w - γtv     SimCLR, classic_momentum=False
//	byol     t = η‖w‖/‖u‖;              v ← μv + tu;   w ← w - γv      BYOL, Barlow Twins
//	you      t = η‖w‖/(‖g‖ + λ‖w‖);     v ← μv + γtu;  w ← w - v       the paper
//	bolts    t = η‖w‖/(‖g‖ + λ‖w‖ + ε); v ← μv + tu;   w ← w - γv      lightly, Lightning Bolts
//	solo     as bolts; with Clip t ← min(t/γ, 1)                       solo-learn
//	larc     solo with Clip, every tensor adapted                      apex
var Variants = []string{"classic", "popular", "byol", "you", "bolts", "solo", "larc"}

const boltsEps = 1e-8

// New makes the optimizer for model.
func (o LARS) New(root *tensor.Scope, model any) (*Optimizer, error) {
	chain, err := o.chain()
	if err != nil {
		return nil, err
	}
	return New(root, model, chain...), nil
}

func (o LARS) chain() ([]Transform, error) {
	adapted := o.Adapted
	if o.Variant == "larc" {
		adapted = All
	}
	on := func(t Transform) Transform { return Only(adapted, t) }
	decay, trust := on(Decay{o.Decay}), on(TrustRatio{o.Ratio, o.Zero})
	momentum := Momentum{o.Momentum, o.Nesterov}
	apart := DecayedTrust{Ratio: o.Ratio, Weight: o.Decay, Zero: o.Zero}
	switch o.Variant {
	case "", "classic":
		return []Transform{decay, trust, Rate{}, momentum}, nil
	case "popular":
		return []Transform{decay, momentum, trust, Rate{}}, nil
	case "byol":
		return []Transform{decay, trust, momentum, Rate{}}, nil
	case "you":
		return []Transform{on(apart), Rate{}, momentum}, nil
	case "bolts", "solo", "larc":
		apart.Eps = boltsEps
		apart.Clip = o.Variant == "larc" || o.Variant == "solo" && o.Clip
		return []Transform{on(apart), momentum, Rate{}}, nil
	}
	return nil, fmt.Errorf("no LARS variant %q; there are %v", o.Variant, Variants)
}
