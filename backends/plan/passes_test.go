package plan

import (
	"strings"
	"testing"

	"kith/backends/ref"
	"kith/tensor"
)

// A bench is root tensors for small steps.
type bench struct {
	root       *tensor.Scope
	x, y, z    *tensor.Tensor // [4, 6]
	v, u       *tensor.Tensor // [6]
	w          *tensor.Tensor // [6, 6]
	sums, more *tensor.Tensor // [6]
	count      *tensor.Tensor // I32 []
}

func newBench() *bench {
	b := &bench{root: tensor.Open(willing{ref.Round()})}
	for _, t := range []**tensor.Tensor{&b.x, &b.y, &b.z} {
		*t = b.root.New(tensor.Of(tensor.F32, 4, 6))
	}
	for _, t := range []**tensor.Tensor{&b.v, &b.u, &b.sums, &b.more} {
		*t = b.root.New(tensor.Of(tensor.F32, 6))
	}
	b.w = b.root.New(tensor.Of(tensor.F32, 6, 6))
	b.count = b.root.New(tensor.Of(tensor.I32))
	return b
}

// show is a program in one line: names of ops, parts of a fused op joined by dots.
func show(p []tensor.Instr) string {
	return strings.Join(apply(p, func(i tensor.Instr) string {
		names := apply(bodyOf(i).parts, func(p tensor.Part) string { return tensor.OpName(p.Op) })
		return strings.Join(names, ".")
	}), " ")
}

// TestEachPass runs small steps through one pass, or a few.
func TestEachPass(t *testing.T) {
	pass := map[string][]Pass{}
	for _, p := range Passes {
		pass[p.Name] = []Pass{p}
	}
	both := append(append([]Pass{}, pass["remat"]...), pass["fuse"]...)
	for _, c := range []struct {
		name string
		step func(b *bench, s *tensor.Scope)
		set  []Pass
		want string
	}{
		{"dead: only what is written", func(b *bench, s *tensor.Scope) {
			x := s.Enter(b.x)
			x.Exp().Sum(1)
			x.Moments()
			s.Assign(b.y, x.ReLU())
		}, pass["dead"], "ReLU Write"},
		{"dead: an op stays for one of its outputs", func(b *bench, s *tensor.Scope) {
			_, variance, _ := s.Enter(b.x).Moments()
			s.Assign(b.v, variance)
		}, pass["dead"], "Moments Write"},
		{"cse: equal ops on equal values", func(b *bench, s *tensor.Scope) {
			x := s.Enter(b.x)
			s.Assign(b.y, x.Sub(s.Enter(b.v)).Mul(x.Sub(s.Enter(b.v)).Exp()))
		}, pass["cse"], "Sub Exp Mul Write"},
		{"cse: other attributes", func(b *bench, s *tensor.Scope) {
			x := s.Enter(b.x)
			s.Assign(b.y, x.Scale(2).Add(x.Scale(3)))
		}, pass["cse"], "Scale Scale Add Write"},
		{"cse: other elements of one buffer", func(b *bench, s *tensor.Scope) {
			x := s.Enter(b.x)
			s.Assign(b.y, tensor.Apply(tensor.Concat{}, x.Slice(0, 2).Exp(), x.Slice(2, 4).Exp())[0])
		}, pass["cse"], "Exp Exp Concat Write"},
		{"cse: other shapes of one value", func(b *bench, s *tensor.Scope) {
			x := s.Enter(b.x)
			s.Assign(b.v, x.Sum(1).Add(x.Reshape(2, 2, 6).Sum(1)).Add(x.Reshape(4, 6).Sum(1)))
		}, pass["cse"], "Sum Sum Add Add Write"},
		{"remat: each reader has its copy", func(b *bench, s *tensor.Scope) {
			c := s.Enter(b.x).Sub(s.Enter(b.v))
			s.Assign(b.y, c.MatMulT(s.Enter(b.w)))
			s.Assign(b.sums, c.Sum(1))
		}, pass["remat"], "Sub MatMul Sub Sum Write Write"},
		{"remat: not from two values", func(b *bench, s *tensor.Scope) {
			c := s.Enter(b.x).Sub(s.Enter(b.y))
			s.Assign(b.z, c.MatMulT(s.Enter(b.w)))
			s.Assign(b.sums, c.Sum(1))
		}, pass["remat"], "Sub MatMul Sum Write Write"},
		{"remat: from the narrow one", func(b *bench, s *tensor.Scope) {
			c := s.Enter(b.x).Sub(s.Enter(b.y)).Cast(tensor.BF16).Cast(tensor.F32)
			s.Assign(b.z, c.MatMulT(s.Enter(b.w)))
			s.Assign(b.sums, c.Sum(1))
		}, pass["remat"], "Sub Cast Cast MatMul Cast Sum Write Write"},
		{"remat: no vectors", func(b *bench, s *tensor.Scope) {
			a := s.Enter(b.v).Exp()
			s.Assign(b.y, s.Enter(b.x).Mul(a))
			s.Assign(b.z, s.Enter(b.y).Mul(a))
		}, pass["remat"], "Exp Mul Mul Write Write"},
		{"fuse i: a chain", func(b *bench, s *tensor.Scope) {
			s.Assign(b.y, s.Enter(b.x).Sub(s.Enter(b.v)).Mul(s.Enter(b.u)).ReLU())
		}, pass["fuse"], "Sub.Mul.ReLU Write"},
		{"fuse i: a reshape is a barrier", func(b *bench, s *tensor.Scope) {
			s.Assign(b.y, s.Enter(b.x).Exp().Reshape(2, 2, 6).ReLU().Reshape(4, 6))
		}, pass["fuse"], "Exp ReLU Write"},
		{"fuse i: a slice is a barrier", func(b *bench, s *tensor.Scope) {
			s.Assign(b.v, s.Enter(b.x).Exp().Slice(1, 2).Reshape(6).Add(s.Enter(b.u)))
		}, pass["fuse"], "Exp Add Write"},
		{"fuse i: no vector into what is larger", func(b *bench, s *tensor.Scope) {
			s.Assign(b.y, s.Enter(b.x).Mul(s.Enter(b.v).Exp()))
		}, pass["fuse"], "Exp Mul Write"},
		{"fuse i: several results", func(b *bench, s *tensor.Scope) {
			m := s.Enter(b.y).Scale(0.9).Add(s.Enter(b.x))
			s.Assign(b.y, m)
			s.Assign(b.z, s.Enter(b.z).Sub(m))
		}, pass["fuse"], "Scale.Add.Sub Write Write"},
		{"fuse ii: into a reduction", func(b *bench, s *tensor.Scope) {
			s.Assign(b.sums, s.Enter(b.x).Exp().Sum(1))
		}, pass["fuse"], "Exp.Sum Write"},
		{"fuse iii: behind a product", func(b *bench, s *tensor.Scope) {
			y := s.Enter(b.x).MatMulT(s.Enter(b.w)).Add(s.Enter(b.v)).ReLU()
			s.Assign(b.y, y)
			s.Assign(b.sums, y.Sum(1))
		}, pass["fuse"], "MatMul.Add.ReLU.Sum Write Write"},
		{"fuse iv: on the way into a product", func(b *bench, s *tensor.Scope) {
			s.Assign(b.y, s.Enter(b.x).Sub(s.Enter(b.v)).ReLU().MatMulT(s.Enter(b.w)))
		}, pass["fuse"], "Sub.ReLU.MatMul Write"},
		{"fuse: one core", func(b *bench, s *tensor.Scope) {
			s.Assign(b.y, s.Enter(b.x).MatMulT(s.Enter(b.w)).ReLU().MatMulT(s.Enter(b.w)))
		}, pass["fuse"], "MatMul ReLU.MatMul Write"},
		{"fuse: sums come last", func(b *bench, s *tensor.Scope) {
			s.Assign(b.y, s.Enter(b.x).Sub(s.Enter(b.x).Exp().Sum(1)).MatMulT(s.Enter(b.w)))
		}, pass["fuse"], "Exp.Sum Sub.MatMul Write"},
		{"remat, fuse: nothing is stored for two", func(b *bench, s *tensor.Scope) {
			c := s.Enter(b.x).Sub(s.Enter(b.v)).ReLU()
			s.Assign(b.y, c.MatMulT(s.Enter(b.w)))
			s.Assign(b.sums, c.Sum(1))
		}, both, "Sub.ReLU.MatMul Sub.ReLU.Sum Write Write"},
		{"direct: over what is read for the last time", func(b *bench, s *tensor.Scope) {
			s.Assign(b.y, s.Enter(b.y).Add(s.Enter(b.x)))
		}, pass["direct"], "Add"},
		{"direct: not over a product's operand", func(b *bench, s *tensor.Scope) {
			s.Assign(b.y, s.Enter(b.y).MatMulT(s.Enter(b.w)))
		}, pass["direct"], "MatMul Write"},
		{"direct: not over what is read later", func(b *bench, s *tensor.Scope) {
			next := s.Enter(b.x).Add(s.Enter(b.y))
			s.Assign(b.sums, s.Enter(b.y).Sum(1))
			s.Assign(b.y, next)
		}, pass["direct"], "Add Sum Write"},
		{"direct: not what has another reader", func(b *bench, s *tensor.Scope) {
			next := s.Enter(b.x).Exp()
			s.Assign(b.y, next)
			s.Assign(b.sums, next.Sum(1))
		}, pass["direct"], "Exp Sum Write"},
		{"direct: a swap stays a swap", func(b *bench, s *tensor.Scope) {
			s.Assign(b.x, s.Enter(b.y))
			s.Assign(b.y, s.Enter(b.x))
		}, pass["direct"], "Permute Permute Write"},
	} {
		b := newBench()
		p := CompileWith(b.root, func(s *tensor.Scope) { c.step(b, s) }, c.set)
		if got := show(p.Program()); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestLimits builds chains at the limits of a fused op, and one longer.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		ops  int
		want string
	}{{12, "12 0"}, {13, "12 1"}, {30, "12 12 6 0"}} {
		b := newBench()
		p := CompileWith(b.root, func(s *tensor.Scope) {
			x := s.Enter(b.x)
			for i := range c.ops {
				x = x.Shift(float64(i))
			}
			s.Assign(b.y, x)
		}, Passes[3:4])
		for _, i := range p.Program() {
			if body := bodyOf(i); len(body.parts) > mostParts {
				t.Errorf("%d ops: a body of %d parts", c.ops, len(body.parts))
			}
		}
		if want := (c.ops+mostParts-1)/mostParts + 1; len(p.Program()) != want {
			t.Errorf("%d ops: %d instructions, want %d", c.ops, len(p.Program()), want)
		}
	}
	b := newBench()
	var many []*tensor.Tensor
	for range 20 {
		many = append(many, b.root.New(b.x.Spec))
	}
	p := CompileWith(b.root, func(s *tensor.Scope) {
		sum := s.Enter(b.x)
		for _, t := range many[:11] { // 12 inputs, 11 parts
			sum = sum.Add(s.Enter(t))
		}
		s.Assign(b.y, sum)
	}, Passes[3:4])
	if got := show(p.Program()); got != strings.TrimSuffix(strings.Repeat("Add.", 11), ".")+" Write" {
		t.Errorf("12 inputs: %s", got)
	}
}

// TestForm gives equal bodies equal forms, whatever the order in which they were put together.
func TestForm(t *testing.T) {
	b := newBench()
	p := CompileWith(b.root, func(s *tensor.Scope) {
		x, w, v, u := s.Enter(b.x), s.Enter(b.w), s.Enter(b.v), s.Enter(b.u)
		one := x.MatMulT(w).Add(v).ReLU()
		s.Assign(b.sums, one.Sum(1))
		s.Assign(b.y, one)
		two := s.Enter(b.y).MatMulT(w).Add(u).ReLU()
		s.Assign(b.z, two)
		s.Assign(b.more, two.Sum(1))
	}, Passes[3:4])
	want := "MatMul(0 1) Add(3 2) ReLU(4) Sum(5) > 5 6"
	for _, i := range p.Program()[:2] {
		f, ok := i.Op.(*tensor.Fused)
		if !ok || f.Form() != want {
			t.Errorf("%v, want %s", i.Op, want)
		}
	}
}

// lowering is a backend with a last pass of its own.
type lowering struct{ willing }

// Lower copies every product's second operand first, as if to pack it.
func (lowering) Lower(p []tensor.Instr, fresh func(tensor.Spec) *tensor.Tensor) (q []tensor.Instr) {
	for _, i := range p {
		if m, ok := i.Op.(tensor.MatMul); ok && m.TransB {
			packed := fresh(i.In[1].Spec)
			q = append(q, tensor.Instr{Op: tensor.Scale{By: 1}, Out: []*tensor.Tensor{packed}, In: []*tensor.Tensor{rename(i.In[1])}})
			i.In[1] = rename(packed)
		}
		q = append(q, i)
	}
	return q
}

// TestLower packs the weights of two products once.
func TestLower(t *testing.T) {
	b := newBench()
	b.root = tensor.Open(lowering{willing{ref.Round()}})
	x, w := b.root.New(b.x.Spec), b.root.New(b.w.Spec)
	p := CompileWith(b.root, func(s *tensor.Scope) {
		s.Assign(x, s.Enter(x).MatMulT(s.Enter(w)).MatMulT(s.Enter(w)))
	}, Passes[4:5])
	if got, want := show(p.Program()), "Scale MatMul MatMul Write"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestFar keeps a convolution with its inputs, not with an update at the end of the step.
func TestFar(t *testing.T) {
	b := newBench()
	p := CompileWith(b.root, func(s *tensor.Scope) {
		w := s.Enter(b.w)
		x := s.Enter(b.x)
		first := tensor.Apply(tensor.MatMul{TransA: true}, x.Exp(), x.Exp().ReLU())[0] // [6, 6]
		for range 4 {
			x = x.MatMulT(w)
		}
		s.Assign(b.y, x)
		s.Assign(b.w, first.Add(w))
	}, Passes[:4])
	if got, want := show(p.Program()), "Exp.ReLU.MatMul.Add"; !strings.HasPrefix(got, want) {
		t.Errorf("%s, want %s first", got, want)
	}
}

// TestRelease computes a sum of products again for readers that are eight products away, if one of them
// stands where the products' results are read in any case; not if all would have to be read for it.
func TestRelease(t *testing.T) {
	for _, c := range []struct {
		near bool
		want int
	}{{true, 3}, {false, 1}} {
		b := newBench()
		p := CompileWith(b.root, func(s *tensor.Scope) {
			w := s.Enter(b.w)
			left, right := s.Enter(b.x).MatMulT(w), s.Enter(b.y).MatMulT(w)
			v := left.Add(right).ReLU()
			g := v.MatMulT(w)
			for range 8 {
				g = g.MatMulT(w)
			}
			s.Assign(b.w, tensor.Apply(tensor.MatMul{TransA: true}, g, v)[0]) // [6, 6]
			h := tensor.Apply(tensor.ReLUGrad{}, g, v)[0]
			if c.near {
				s.Assign(b.sums, h.Mul(left).Sum(1))
				s.Assign(b.more, h.Mul(right).Sum(1))
			} else {
				s.Assign(b.sums, h.Sum(1))
			}
			s.Assign(b.z, left.MatMulT(w).Add(right.MatMulT(w)))
		}, Passes[2:3])
		if got := strings.Count(show(p.Program()), "Add ReLU"); got != c.want {
			t.Errorf("near %v: %d sums, want %d in %s", c.near, got, c.want, show(p.Program()))
		}
	}
}
