package autograd_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"kith/autograd"
	"kith/backends/ref"
	"kith/tensor"
)

// Every op's rule against central differences of its definition.
func TestGradients(t *testing.T) {
	var names []string
	cases := map[string][]tensor.Case{}
	for c := range tensor.Cases() {
		if c.Err == "" && !c.Big && !c.Kink {
			name := tensor.OpName(c.Op)
			if cases[name] == nil {
				names = append(names, name)
			}
			cases[name] = append(cases[name], c)
		}
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			for _, c := range cases[name] {
				if err := autograd.Check(ref.New(), c); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// An op passes no gradient only where that is meant: these, and no others. A rule that returns nil
// by mistake would pass every difference check.
func TestWithoutGradient(t *testing.T) {
	want := strings.Fields("Advance ArgMax Conv2DGradW Conv2DGradX CrossEntropyGrad Detach Equal Fill Finite Gather Iota" +
		" MaxPoolGrad NearestRow Positive ReLUGrad SumSq Uniform Write WriteRows")
	with := map[string]bool{}
	all := map[string]bool{}
	for c := range tensor.Cases() {
		if c.Err != "" || c.Big {
			continue
		}
		name := tensor.OpName(c.Op)
		all[name] = true
		if with[name] || strings.HasPrefix(name, "Write") { // they run at commit only
			continue
		}
		root := tensor.Open(ref.New())
		leaves := make([]*tensor.Tensor, len(c.In))
		for i, a := range c.In {
			leaves[i] = root.New(a.Spec)
			tensor.Set(leaves[i], a.Data)
		}
		root.Run(func(s *tensor.Scope) {
			in := make([]*tensor.Tensor, len(leaves))
			for i, l := range leaves {
				in[i] = s.Enter(l)
			}
			tape := autograd.Record(s)
			y := tensor.Apply(c.Op, in...)[0]
			if !y.DType.Float() {
				return
			}
			for _, g := range tape.Grad(y.Sum(0), in...) {
				with[name] = with[name] || g != nil
			}
		})
	}
	var got []string
	for name := range all {
		if !with[name] {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("without a gradient are\n%v\nwant\n%v", got, want)
	}
}

// wrong is Mul with a rule that is wrong in a way of its own.
type wrong struct {
	tensor.Mul
	how string
}

func (w wrong) VJP(in, out, grad []*tensor.Tensor) []*tensor.Tensor {
	g := w.Mul.VJP(in, out, grad)
	switch w.how {
	case "sign":
		g[0] = g[0].Scale(-1)
	case "factor":
		g[1] = g[1].Scale(1.0001)
	case "missing":
		g[1] = nil
	case "swapped":
		g[0], g[1] = g[1], g[0]
	}
	return g
}

// Check finds wrong rules, and says where.
func TestCheckFinds(t *testing.T) {
	in := func() []tensor.Array { return tensor.Draw(tensor.Normal(2, 3), tensor.Normal(2, 3)) }
	if err := autograd.Check(ref.New(), tensor.Case{Op: wrong{}, In: in()}); err != nil {
		t.Errorf("a right rule: %v", err)
	}
	for how, where := range map[string]string{
		"sign": "gradient of input 0 at 0", "factor": "gradient of input 1 at 0", "missing": "gradient of input 1 at 0", "swapped": "gradient of input 0 at 0",
	} {
		err := autograd.Check(ref.New(), tensor.Case{Op: wrong{how: how}, In: in()})
		if err == nil || !strings.Contains(err.Error(), where) {
			t.Errorf("%s: got %v, want %s", how, err, where)
		}
	}
	bad := tensor.Case{Op: tensor.Mul{}, In: tensor.Draw(tensor.Normal(2), tensor.Normal(3))}
	if err := autograd.Check(ref.New(), bad); err == nil {
		t.Error("shapes that do not fit pass")
	}
}

// rough gives gradients in another dtype: within a wide tolerance on a backend that rounds, but not
// within the narrow one.
func TestCheckWithin(t *testing.T) {
	c := tensor.Case{Op: tensor.Exp{}, In: tensor.Draw(tensor.Normal(40))}
	if err := autograd.CheckWithin(ref.Round(), c, 1e-5, 1e-5); err != nil {
		t.Error(err)
	}
	if err := autograd.CheckWithin(ref.Round(), c, 1e-11, math.SmallestNonzeroFloat64); err == nil {
		t.Error("float32 agrees with differences to 11 digits")
	}
}
