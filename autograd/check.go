package autograd

import (
	"fmt"
	"math"

	"kith/tensor"
	"kith/tensor/rng"
)

// Tolerances of Check against central differences in float64 (step 1e-6·max(1, |x|)).
const (
	diffStep = 1e-6
	diffAbs  = 1e-7
	diffRel  = 1e-5
)

// Check compares c's gradient rule, run on b, with central differences of its definition under a
// random upstream gradient. An input without a gradient must not be a float, or its op must pass
// none at all. On backends other than an exact one, use CheckWithin.
func Check(b tensor.Backend, c tensor.Case) error { return CheckWithin(b, c, diffRel, diffAbs) }

// CheckWithin is Check with other relative and absolute tolerances.
func CheckWithin(b tensor.Backend, c tensor.Case, rel, abs float64) error {
	up, err := upstream(c)
	if err != nil {
		return err
	}
	grads, err := gradients(b, c, up)
	if err != nil {
		return err
	}
	differentiable := false
	for _, g := range grads {
		differentiable = differentiable || g != nil
	}
	if !differentiable {
		return nil
	}
	for i, in := range c.In {
		if !in.DType.Float() {
			if grads[i] != nil {
				return fmt.Errorf("%v: integer input %d has a gradient", c, i)
			}
			continue
		}
		for j := range in.Data {
			want := difference(c, up, i, j)
			got := 0.0
			if grads[i] != nil {
				got = grads[i][j]
			}
			if !(math.Abs(got-want) <= abs+rel*math.Abs(want)) {
				return fmt.Errorf("%v: gradient of input %d at %d is %v, differences give %v", c, i, j, got, want)
			}
		}
	}
	return nil
}

// upstream draws a random gradient for each output that carries one: never all ones, which would
// hide a transposed Jacobian.
func upstream(c tensor.Case) ([]tensor.Array, error) {
	specs := make([]tensor.Spec, len(c.In))
	for i, a := range c.In {
		specs[i] = a.Spec
	}
	outs, err := c.Op.Infer(specs)
	if err != nil {
		return nil, err
	}
	up := make([]tensor.Array, len(outs))
	for i, s := range outs {
		up[i] = tensor.NewArray(s)
		if !s.DType.Float() || i > 0 && onlyFirst(c.Op) {
			continue
		}
		x := make([]float32, len(up[i].Data))
		rng.New(2).Fold("upstream").At(uint64(i)).Stream().Normal(x)
		for j, v := range x {
			up[i].Data[j] = float64(v)
		}
	}
	return up, nil
}

// onlyFirst tells whether only an op's first output has a gradient; the others are for itself.
func onlyFirst(op tensor.Op) bool {
	switch op.(type) {
	case tensor.BatchNorm, tensor.CrossEntropy, tensor.MaxPool:
		return true
	}
	return false
}

// gradients runs the op and its rule on b.
func gradients(b tensor.Backend, c tensor.Case, up []tensor.Array) (grads [][]float64, err error) {
	defer tensor.Catch(&err)
	root := tensor.Open(b)
	leaves := make([]*tensor.Tensor, 0, len(c.In)+len(up))
	for _, a := range append(c.In[:len(c.In):len(c.In)], up...) {
		t := root.New(a.Spec)
		tensor.Set(t, a.Data)
		leaves = append(leaves, t)
	}
	grads = make([][]float64, len(c.In))
	root.Run(func(s *tensor.Scope) {
		names := make([]*tensor.Tensor, len(leaves))
		for i, t := range leaves {
			names[i] = s.Enter(t)
		}
		in, upstream := names[:len(c.In)], names[len(c.In):]
		tape := Record(s)
		out := tensor.Apply(c.Op, in...)
		var outs, ups []*tensor.Tensor
		for i, o := range out {
			if o.DType.Float() && (i == 0 || !onlyFirst(c.Op)) {
				outs, ups = append(outs, o), append(ups, upstream[i])
			}
		}
		for i, g := range tape.Pull(outs, ups, in...) {
			if g != nil && err == nil {
				grads[i], err = tensor.Data[float64](g)
			}
		}
	})
	return grads, err
}

// difference is the central difference of Σ up·op(in) in element j of input i.
func difference(c tensor.Case, up []tensor.Array, i, j int) float64 {
	x := c.In[i].Data[j]
	h := diffStep * math.Max(1, math.Abs(x))
	at := func(v float64) float64 {
		c.In[i].Data[j] = v
		defer func() { c.In[i].Data[j] = x }()
		return project(c, up)
	}
	return (at(x+h) - at(x-h)) / (2 * h)
}

// project evaluates the op in float64 and weighs its outputs.
func project(c tensor.Case, up []tensor.Array) float64 {
	out := make([]tensor.Array, len(up))
	for i, u := range up {
		s := u.Spec
		if s.DType.Float() {
			s.DType = tensor.F64
		}
		out[i] = tensor.NewArray(s)
	}
	in := make([]tensor.Array, len(c.In))
	for i, a := range c.In {
		in[i] = a
		if a.DType.Float() {
			in[i].DType = tensor.F64
		}
	}
	c.Op.Eval(out, in)
	sum := 0.0
	for i, o := range out {
		for j, v := range o.Data {
			if up[i].Data[j] != 0 {
				sum += v * up[i].Data[j]
			}
		}
	}
	return sum
}
