// Package nn gives layers: structs of parameters whose Forward applies ops.
//
// A model is any struct of layers. Its parameters and states are found by walking its exported
// fields, and named by the path: "Layer1.0.Conv2.Weight". Layers keep no values from one call to
// the next, and there is no mode to forget: whether a step trains stands in its [Ctx].
package nn

import "kith/tensor"

// A Ctx is what layers need of the step they run in.
type Ctx struct {
	Scope   *tensor.Scope
	Train   bool         // batch statistics, tracked; else running ones
	Compute tensor.DType // of activations and of the inputs of products
}

// Train is a context for a training step.
func Train(s *tensor.Scope, compute tensor.DType) *Ctx {
	return &Ctx{Scope: s, Train: true, Compute: compute}
}

// Eval is a context for a step that changes no state.
func Eval(s *tensor.Scope, compute tensor.DType) *Ctx {
	return &Ctx{Scope: s, Compute: compute}
}

// Use is p in this step, in the compute dtype: for weights and biases.
func (c *Ctx) Use(p *Param) *tensor.Tensor { return c.UseWide(p).Cast(c.Compute) }

// UseWide is p in this step as it is stored: for scale and shift of BatchNorm.
func (c *Ctx) UseWide(p *Param) *tensor.Tensor { return c.Scope.Enter(p.Value) }

// See is state s as the step began.
func (c *Ctx) See(s *State) *tensor.Tensor { return c.Scope.Enter(s.Value) }

// Track moves state s towards v: keep·s + (1-keep)·v. Called twice in a step, it folds in both
// values, in order.
func (c *Ctx) Track(s *State, v *tensor.Tensor, keep float64) {
	old := c.Scope.Pending(s.Value)
	c.Scope.Assign(s.Value, old.Scale(keep).Add(v.Scale(1-keep)))
}

// A Layer maps a batch.
type Layer interface {
	Forward(c *Ctx, x *tensor.Tensor) *tensor.Tensor
}

// Sequential applies layers one after the other.
type Sequential []Layer

// Forward is the last layer's output.
func (s Sequential) Forward(c *Ctx, x *tensor.Tensor) *tensor.Tensor {
	for _, l := range s {
		x = l.Forward(c, x)
	}
	return x
}
