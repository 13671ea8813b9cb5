package backendtest

import (
	"testing"

	"kith/autograd"
	"kith/tensor"
)

// gradients runs each op's gradient rule on the backend and compares it with central differences
// of the definition.
func gradients(t *testing.T, g *guard) {
	byOp(t, registered(), func(t *testing.T, s *sample) {
		if s.Big || s.Kink {
			return
		}
		rel, abs := gradientRel, gradientAbs
		if o, ok := s.Op.(tensor.Cast); ok && o.To == tensor.BF16 {
			rel = 1.0 / 256 // the gradient passes through BF16 too
		}
		var err error
		if g.exact() {
			err = autograd.Check(g, s.Case)
		} else {
			err = autograd.CheckWithin(g, s.Case, rel, abs)
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// inPlace lets each pointwise op write over an input of its size: element i of the output depends
// on element i of that input alone, so the result must be the same.
func inPlace(t *testing.T, g *guard) {
	byOp(t, append(registered()[:len(registered()):len(registered())], swept()...), func(t *testing.T, s *sample) {
		outs, err := s.Op.Infer(s.specs())
		if _, ok := s.Op.(tensor.Pointwise); !ok || err != nil || len(outs) != 1 {
			return
		}
		for k, a := range s.In {
			if a.Spec.Equal(outs[0]) {
				g.overwrite(t, s, k)
			}
		}
	})
}

// overwrite compares the result in a buffer of its own with that in the buffer of input k.
func (g *guard) overwrite(t *testing.T, s *sample, k int) {
	root := tensor.Open(g)
	defer root.Close()
	leaves := enter(root, s.In)
	out := root.New(s.In[k].Spec)
	if !g.Run(s.Op, []*tensor.Tensor{out}, leaves) {
		return // no kernel that could go wrong
	}
	want, err := tensor.Data[float64](out)
	if err != nil {
		t.Fatal(err)
	}
	g.Run(s.Op, leaves[k:k+1], leaves)
	got, err := tensor.Data[float64](leaves[k])
	if err != nil {
		t.Fatal(err)
	}
	if !sameBits(got, want) {
		t.Errorf("%v: another result in the memory of input %d", s, k)
	}
}

// again runs each case twice: equal bits, or something depends on timing or on what was before.
func again(t *testing.T, g *guard) {
	byOp(t, registered(), func(t *testing.T, s *sample) {
		first, err := g.apply(s.Op, s.In)
		if err != nil {
			t.Fatal(err)
		}
		g.poison = 0x11
		second, err := g.apply(s.Op, s.In)
		if err != nil {
			t.Fatal(err)
		}
		g.poison = 0xff
		for o := range first {
			if !sameBits(first[o].Data, second[o].Data) {
				t.Errorf("%v: output %d has other bits the second time", s, o)
			}
		}
	})
}
