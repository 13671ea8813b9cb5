package autograd_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"kith/autograd"
	"kith/backends/ref"
	"kith/tensor"
)

// leaf makes a root tensor with the given elements.
func leaf(root *tensor.Scope, d tensor.DType, v []float64, shape ...int) *tensor.Tensor {
	t := root.New(tensor.Of(d, shape...))
	tensor.Set(t, v)
	return t
}

func values(t *testing.T, x *tensor.Tensor) []float64 {
	t.Helper()
	v, err := tensor.Data[float64](x)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A tensor that is used along several paths gets the sum of their gradients.
func TestGradAccumulates(t *testing.T) {
	root := tensor.Open(ref.New())
	x := leaf(root, tensor.F32, []float64{2, 3}, 2)
	root.Run(func(s *tensor.Scope) {
		e := s.Enter(x)
		tape := autograd.Record(s)
		loss := e.Mul(e).Mul(e).Add(e).Add(e.Scale(4)).Sum(0) // x³ + 5x
		if got, want := values(t, tape.Grad(loss, e)[0]), []float64{17, 32}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// What the loss does not depend on has no gradient; the loss has 1 by itself.
func TestGradOfOthers(t *testing.T) {
	root := tensor.Open(ref.New())
	x, y := leaf(root, tensor.F32, []float64{2}), leaf(root, tensor.F32, []float64{3})
	root.Run(func(s *tensor.Scope) {
		a, b := s.Enter(x), s.Enter(y)
		tape := autograd.Record(s)
		loss := a.Scale(5)
		b.Scale(7)
		grads := tape.Grad(loss, a, b, loss)
		if grads[1] != nil {
			t.Errorf("y has gradient %v", values(t, grads[1]))
		}
		if got := values(t, grads[0]); got[0] != 5 {
			t.Errorf("dx is %v, want 5", got)
		}
		if got := values(t, grads[2]); got[0] != 1 {
			t.Errorf("dloss is %v, want 1", got)
		}
	})
}

// Nothing passes through Detach, integers and masks: exactly nothing.
func TestStopGradient(t *testing.T) {
	root := tensor.Open(ref.New())
	x := leaf(root, tensor.F32, []float64{0.3, 0.4, -0.5, 0.6}, 2, 2)
	index := leaf(root, tensor.I32, []float64{1, 0}, 2)
	root.Run(func(s *tensor.Scope) {
		e := s.Enter(x)
		tape := autograd.Record(s)
		for name, y := range map[string]*tensor.Tensor{
			"Detach":      e.Detach(),
			"Detach deep": e.Unit().Detach().Exp(),
			"Cast":        e.Scale(9).Cast(tensor.I32).Cast(tensor.F32),
			"Positive":    e.Positive().Cast(tensor.F32),
			"Gather":      e.Gather(s.Enter(index)),
			"Fill":        e.Fill(3),
		} {
			if g := tape.Grad(y.Sum(0), e)[0]; g != nil {
				t.Errorf("%s passes %v", name, values(t, g))
			}
		}
		half := e.Mul(e.Detach()) // one of two paths is open
		if got := values(t, tape.Grad(half.Sum(0), e)[0]); !slices.Equal(got, values(t, e)) {
			t.Errorf("x·stop(x) has gradient %v, want x", got)
		}
	})
}

// A gradient with respect to something in the middle stops there.
func TestGradOfMiddle(t *testing.T) {
	root := tensor.Open(ref.New())
	x := leaf(root, tensor.F32, []float64{1, 2}, 2)
	root.Run(func(s *tensor.Scope) {
		e := s.Enter(x)
		tape := autograd.Record(s)
		h := e.Scale(3)
		loss := h.Mul(h).Sum(0)
		grads := tape.Grad(loss, h, e)
		if got := values(t, grads[0]); !slices.Equal(got, []float64{6, 12}) {
			t.Errorf("dh is %v, want 6 12", got)
		}
		if got := values(t, grads[1]); !slices.Equal(got, []float64{18, 36}) {
			t.Errorf("dx is %v, want 18 36", got)
		}
	})
}

// Pull takes upstream gradients of several outputs; a pull is linear in them.
func TestPull(t *testing.T) {
	root := tensor.Open(ref.New())
	x := leaf(root, tensor.F32, []float64{1, 2, 3, 4}, 2, 2)
	u := leaf(root, tensor.F32, []float64{10, 0, 0, 1}, 2, 2)
	v := leaf(root, tensor.F32, []float64{1, -1}, 2)
	root.Run(func(s *tensor.Scope) {
		e := s.Enter(x)
		tape := autograd.Record(s)
		a, b := e.Mul(e), e.Sum(1)
		both := tape.Pull([]*tensor.Tensor{a, b}, []*tensor.Tensor{s.Enter(u), s.Enter(v)}, e)[0]
		if got, want := values(t, both), []float64{21, -1, 1, 7}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		first := tape.Pull([]*tensor.Tensor{a}, []*tensor.Tensor{s.Enter(u)}, e)[0]
		second := tape.Pull([]*tensor.Tensor{b}, []*tensor.Tensor{s.Enter(v)}, e)[0]
		if got := values(t, first.Add(second)); !slices.Equal(got, values(t, both)) {
			t.Errorf("one after the other: %v, together %v", got, values(t, both))
		}
	})
}

// Gradients have their tensor's shape, and its dtype or a wider one, where tensors are half wide.
func TestWideGradients(t *testing.T) {
	root := tensor.Open(ref.Round())
	x := leaf(root, tensor.BF16, tensor.Draw(tensor.Normal(4, 3))[0].Data, 4, 3)
	w := leaf(root, tensor.F32, tensor.Draw(tensor.Normal(2, 3))[0].Data, 2, 3)
	root.Run(func(s *tensor.Scope) {
		e, master := s.Enter(x), s.Enter(w)
		tape := autograd.Record(s)
		h := e.MatMulT(master.Cast(tensor.BF16))
		loss := h.Wide().Unit().Sum(0).Add(e.Sum(0)) // x also reaches the loss by a wide path
		grads := tape.Grad(loss, e, master)
		for i, want := range []tensor.Spec{e.Spec, master.Spec} {
			if g := grads[i].Spec; !slices.Equal(g.Shape, want.Shape) || g.DType != want.DType && g.DType != want.DType.Wide() {
				t.Errorf("gradient of %v is %v", want, g)
			}
		}
		if grads[1].DType != tensor.F32 {
			t.Errorf("the master weight's gradient is %v", grads[1].Spec)
		}
	})
}

// Two paths of different width meet in the wider.
func TestMixedWidths(t *testing.T) {
	root := tensor.Open(ref.Round())
	x := leaf(root, tensor.BF16, []float64{1, 2}, 2)
	dy := leaf(root, tensor.F32, []float64{1.0 / 3, 1}, 2)
	root.Run(func(s *tensor.Scope) {
		e := s.Enter(x)
		tape := autograd.Record(s)
		y := e.Scale(1)
		half, wide := s.Enter(dy).Cast(tensor.BF16), s.Enter(dy)
		g := tape.Pull([]*tensor.Tensor{e, y}, []*tensor.Tensor{half, wide}, e)[0]
		if g.DType != tensor.F32 {
			t.Fatalf("got %v, want F32", g.Spec)
		}
		if got, least := values(t, g)[0], 2.0/3-1.0/256; math.Abs(got-2.0/3) > 1.0/256 || got < least {
			t.Errorf("got %v, want about 2/3", got)
		}
	})
}

// The rules run as ops, but are not recorded: a second Grad gives the same.
func TestNotRecorded(t *testing.T) {
	root := tensor.Open(ref.New())
	x := leaf(root, tensor.F32, []float64{2})
	root.Run(func(s *tensor.Scope) {
		e := s.Enter(x)
		tape := autograd.Record(s)
		loss := e.Mul(e)
		first := tape.Grad(loss, e)[0]
		second := tape.Grad(loss, e)[0]
		if a, b := values(t, first), values(t, second); a[0] != 4 || b[0] != 4 {
			t.Errorf("got %v, then %v; want 4", a, b)
		}
		if g := tape.Grad(first, e)[0]; g != nil {
			t.Errorf("the gradient has a gradient: %v", values(t, g))
		}
		more := loss.Scale(3) // recording goes on
		if got := values(t, tape.Grad(more, e)[0]); got[0] != 12 {
			t.Errorf("after a Grad: %v, want 12", got)
		}
	})
}

// A loss must be one number, and statistics of a batch have no gradient.
func TestTapeMisuse(t *testing.T) {
	root := tensor.Open(ref.New())
	x := leaf(root, tensor.F32, []float64{1, 2, 3, 4}, 2, 2)
	c := leaf(root, tensor.F32, []float64{1, 1}, 2)
	label := leaf(root, tensor.I32, []float64{0, 1}, 2)
	for want, f := range map[string]func(s *tensor.Scope, tape *autograd.Tape){
		"gradient of F64[2 2]: want a scalar loss": func(s *tensor.Scope, tape *autograd.Tape) {
			tape.Grad(s.Enter(x).Exp(), s.Enter(x))
		},
		"no gradient passes through the statistics": func(s *tensor.Scope, tape *autograd.Tape) {
			_, mean, _ := s.Enter(x).BatchNorm(s.Enter(c), s.Enter(c), 1e-5)
			tape.Grad(mean.Sum(0), s.Enter(x))
		},
		"no gradient passes through the log-sum-exp": func(s *tensor.Scope, tape *autograd.Tape) {
			lse := tensor.Apply(tensor.CrossEntropy{}, s.Enter(x), s.Enter(label))[1]
			tape.Grad(lse.Sum(0), s.Enter(x))
		},
	} {
		err := func() (err error) {
			defer tensor.Catch(&err)
			root.Run(func(s *tensor.Scope) { f(s, autograd.Record(s)) })
			return nil
		}()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A network of all kinds of layers: convolution, BatchNorm, ReLU, pool, product, unit rows and cross
// entropy. Its whole gradient along random directions against differences of the loss. The batch's
// statistics couple everything, so this is worth more than the sum of its parts.
func TestWholeGraph(t *testing.T) {
	net := newNetwork()
	grads := net.gradients(t)
	const h = 1e-7
	for dir := range 20 {
		directions := make([][]float64, len(net.params))
		want := 0.0
		for i, p := range net.params {
			directions[i] = tensor.Draw(tensor.Normal(dir+1, p.Shape.Size()))[0].Data[dir*p.Shape.Size():]
			for j, d := range directions[i] {
				want += d * grads[i][j]
			}
		}
		got := (net.lossAt(t, directions, h) - net.lossAt(t, directions, -h)) / (2 * h)
		if math.Abs(got-want) > 1e-6*math.Abs(want)+1e-7 {
			t.Errorf("direction %d: differences give %v, the gradient %v", dir, got, want)
		}
	}
}

// A network is root tensors and a loss over them.
type network struct {
	root   *tensor.Scope
	params []*tensor.Tensor
	start  [][]float64
	label  *tensor.Tensor
	out    *tensor.Tensor
}

func newNetwork() *network {
	n := &network{root: tensor.Open(ref.New())}
	for i, shape := range []tensor.Shape{
		{4, 6, 6, 3},           // images
		{5, 3, 3, 3}, {5}, {5}, // convolution, scale and shift
		{5, 3, 3, 5}, {7, 5}, {7}, // second convolution, head
	} {
		v := slices.Clone(tensor.Draw(tensor.Normal(append(tensor.Shape{i + 1}, shape...)...))[0].Data[i*shape.Size():][:shape.Size()])
		n.start = append(n.start, v)
		n.params = append(n.params, leaf(n.root, tensor.F32, v, shape...))
	}
	n.label = leaf(n.root, tensor.I32, []float64{1, 0, 6, -1}, 4)
	n.out = n.root.New(tensor.Of(tensor.F32))
	return n
}

func (n *network) loss(s *tensor.Scope) (loss *tensor.Tensor, params []*tensor.Tensor) {
	for _, p := range n.params {
		params = append(params, s.Enter(p))
	}
	x, w1, gamma, beta, w2, head, bias := params[0], params[1], params[2], params[3], params[4], params[5], params[6]
	h, _, _ := x.Conv2D(w1, tensor.Conv2D{Pad: 1}).BatchNorm(gamma, beta, 1e-5) // [4, 6, 6, 5]
	h = h.ReLU().MaxPool(tensor.MaxPool{Size: 3, Stride: 2, Pad: 1})            // [4, 3, 3, 5]
	h = h.Conv2D(w2, tensor.Conv2D{Pad: 1}).Add(h).AvgPool()                    // [4, 5]
	logits := h.Unit().MatMulT(head).Add(bias).Scale(3)                         // [4, 7]
	return logits.CrossEntropy(s.Enter(n.label)).Sum(0), params
}

func (n *network) gradients(t *testing.T) (grads [][]float64) {
	t.Helper()
	n.root.Run(func(s *tensor.Scope) {
		tape := autograd.Record(s)
		loss, params := n.loss(s)
		for i, g := range tape.Grad(loss, params...) {
			if g == nil {
				t.Fatalf("parameter %d has no gradient", i)
			}
			grads = append(grads, values(t, g))
		}
	})
	return grads
}

// lossAt is the loss h along the given directions.
func (n *network) lossAt(t *testing.T, directions [][]float64, h float64) float64 {
	t.Helper()
	for i, p := range n.params {
		v := slices.Clone(n.start[i])
		for j := range v {
			v[j] += h * directions[i][j]
		}
		tensor.Set(p, v)
	}
	n.root.Run(func(s *tensor.Scope) {
		loss, _ := n.loss(s)
		s.Report(n.out, loss)
	})
	return values(t, n.out)[0]
}

// One step of gradient descent on the distance to a point.
func ExampleTape() {
	root := tensor.Open(ref.New())
	w := leaf(root, tensor.F32, []float64{0, 0}, 2)
	goal := leaf(root, tensor.F32, []float64{3, -1}, 2)
	for range 3 {
		root.Run(func(s *tensor.Scope) {
			tape := autograd.Record(s)
			p := s.Enter(w)
			d := p.Sub(s.Enter(goal))
			grad := tape.Grad(d.Mul(d).Sum(0), p)[0]
			s.Assign(w, p.Sub(grad.Scale(0.25)))
		})
	}
	v, _ := tensor.Data[float64](w)
	fmt.Println(v)
	// Output: [2.625 -0.875]
}
