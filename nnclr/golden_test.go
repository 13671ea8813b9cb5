package nnclr

import (
	"math"
	"slices"
	"testing"

	"kith/autograd"
	"kith/backends/ref"
	"kith/nn"
	"kith/tensor"
	"kith/tensor/rng"
)

// fill is the reproducible matrix of the specification, entries in [-1, 1).
func fill(k uint32, r, c int) []float64 {
	x := make([]float64, r*c)
	for i := range x {
		x[i] = float64(hash(k, uint32(i))>>16)/32768 - 1
	}
	return x
}

func hash(k, n uint32) uint32 {
	h := n*0x9E3779B1 + k*0x85EBCA77
	h ^= h >> 16
	h *= 0x7FEB352D
	h ^= h >> 15
	h *= 0x846CA68B
	return h ^ h>>16
}

func TestFill(t *testing.T) {
	want := []float64{.5361328125, -.981781005859375, -.50823974609375, .24365234375, .262725830078125, .224365234375}
	if got := fill(1, 2, 3); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := fill(5, 40, 16)[39*16+15]; got != -.75897216796875 {
		t.Errorf("got %v", got)
	}
}

// rig is a method's parts with given embeddings instead of networks.
type rig struct {
	n, d   int
	root   *tensor.Scope
	m      *NNCLR
	z1, z2 *tensor.Tensor
	p1, p2 *tensor.Tensor
	ids    []*tensor.Tensor // id, label, epoch, step
}

// newRig makes a support set that holds the rows of queue, normalized.
func newRig(t *testing.T, c Config, n, d, m int, z1, z2, p1, p2, queue []float64) *rig {
	t.Helper()
	c.Features, c.Projector, c.NoPredictor, c.Search.Size = d, []int{d}, true, m
	if c.Temperature == 0 {
		c.Temperature = .1
	}
	method, err := NewNNCLR(c, nn.AvgPool{})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{n: n, d: d, root: tensor.Open(ref.New()), m: method}
	nn.Init(method, r.root, rng.New(1))
	rows := slices.Clone(queue)
	for i := range m {
		length := 0.0
		for _, v := range rows[i*d:][:d] {
			length += v * v
		}
		for j := range rows[i*d:][:d] {
			rows[i*d+j] /= math.Sqrt(length)
		}
	}
	tensor.Set(method.Support.Rows.Value, rows)
	put := func(v []float64) *tensor.Tensor {
		x := r.root.New(tensor.Of(tensor.F32, n, d))
		tensor.Set(x, v)
		return x
	}
	r.z1, r.z2, r.p1, r.p2 = put(z1), put(z2), put(p1), put(p2)
	for _, spec := range []tensor.Spec{tensor.Of(tensor.I32, n), tensor.Of(tensor.I32, n), tensor.Of(tensor.I32), tensor.Of(tensor.I32)} {
		x := r.root.New(spec)
		v := make([]int32, spec.Shape.Size())
		for i := range v {
			v[i] = int32(i)
		}
		tensor.Set(x, v)
		r.ids = append(r.ids, x)
	}
	return r
}

func (r *rig) batch(s *tensor.Scope) Batch {
	return Batch{ID: s.Enter(r.ids[0]), Label: s.Enter(r.ids[1]), Epoch: s.Enter(r.ids[2]), Step: s.Enter(r.ids[3])}
}

// result is what a step of the rig gives.
type result struct {
	one, two, loss, prob float64
	index1, index2       []int32
	dp1, dp2, dz1        []float64
	metrics              map[string]float64
}

// run searches with z1, z2 and compares with p2, p1.
func (r *rig) run(t *testing.T) (out result) {
	t.Helper()
	r.root.Run(func(s *tensor.Scope) {
		tape := autograd.Record(s)
		c, b := nn.Train(s, tensor.F32), r.batch(s)
		z1, p1, p2 := s.Enter(r.z1), s.Enter(r.p1), s.Enter(r.p2)
		u1, u2 := z1.Unit(), s.Enter(r.z2).Unit()
		a1, a2 := r.m.Support.Nearest(c, u1, b), r.m.Support.Nearest(c, u2, b)
		one, prob := r.m.compare(c, a1.Row, u1, p2.Unit())
		two, _ := r.m.compare(c, a2.Row, u2, p1.Unit())
		loss := one.Add(two).Scale(.5)
		grads := tape.Grad(loss, p1, p2, z1)
		if grads[2] != nil {
			out.dz1 = number(t, grads[2])
		}
		out.one, out.two, out.loss, out.prob = number(t, one)[0], number(t, two)[0], number(t, loss)[0], number(t, prob)[0]
		out.dp1, out.dp2 = number(t, grads[0]), number(t, grads[1])
		out.index1, _ = tensor.Data[int32](a1.Index)
		out.index2, _ = tensor.Data[int32](a2.Index)
		out.metrics = map[string]float64{"align": number(t, alignment(u1, u2))[0]}
		for name, v := range r.m.Support.Metrics(c, a1, u1, b) {
			out.metrics[name] = number(t, v)[0]
		}
	})
	return out
}

func number(t *testing.T, x *tensor.Tensor) []float64 {
	t.Helper()
	v, err := tensor.Data[float64](x)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func close11(t *testing.T, name string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-11) {
		t.Errorf("%s = %.12f, want %.12f", name, got, want)
	}
}

func g1(t *testing.T, c Config) *rig {
	return newRig(t, c, 3, 3, 5,
		[]float64{2, .5, -1, .3, -.2, .9, -.4, 1.5, .2}, []float64{1, .2, -.3, .1, -.9, 1.1, .5, 1, 0},
		[]float64{1, 2, .5, .2, -1, 1.5, .7, .1, -.3}, []float64{.5, .4, -.2, -.3, .6, 1.2, .1, 1.1, .9},
		[]float64{1, 0, 0, 0, 1, 0, 0, 0, 1, .6, .8, 0, 0, -.6, .8})
}

// G1: three rows, by hand.
func TestGoldenByHand(t *testing.T) {
	for _, c := range []struct {
		config         Config
		one, two, loss float64
	}{
		{Config{Temperature: .1}, 0.091830907436, 2.631456275256, 1.361643591346},
		{Config{Temperature: .1, Columns: true}, 0.237230450064, 5.270738024583, 2.753984237323},
		{Config{Temperature: .2}, 0.258922220084, 1.407479721798, 0.833200970941},
		{Config{Temperature: .2, Columns: true}, 0.567293713076, 2.823186227690, 1.695239970383},
	} {
		got := g1(t, c.config).run(t)
		close11(t, "CE(a1,p2)", got.one, c.one)
		close11(t, "CE(a2,p1)", got.two, c.two)
		close11(t, "loss", got.loss, c.loss)
		if !slices.Equal(got.index1, []int32{0, 2, 1}) || !slices.Equal(got.index2, []int32{0, 4, 3}) {
			t.Errorf("neighbors %v, %v", got.index1, got.index2)
		}
	}
}

func TestGoldenGradient(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   []float64
	}{
		{Config{}, []float64{-.3181668250, .4601355262, .1248539899, -.0311763803, .1326980790, -.0741431346, .0159545553, -.2562909502, .3114717663}},
		{Config{Columns: true}, []float64{-1.1300702933, 1.4547589870, .0843422408, -.0340440478, .1689810503, -.0930015371, .0222598472, -.6681769588, .8141874110}},
	} {
		got := g1(t, c.config).run(t)
		for i, want := range c.want {
			if math.Abs(2*got.dp2[i]-want) > 1e-10 { // the ½ sum has half of it
				t.Errorf("columns %v: gradient %d is %.10f, want %.10f", c.config.Columns, i, 2*got.dp2[i], want)
			}
		}
	}
}

func g2(t *testing.T, c Config) *rig {
	return newRig(t, c, 8, 16, 40, fill(1, 8, 16), fill(2, 8, 16), fill(3, 8, 16), fill(4, 8, 16), fill(5, 40, 16))
}

// G2: eight rows of sixteen, every switch of the loss.
func TestGoldenLosses(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		want   float64
	}{
		{"rows .1", Config{}, 4.488569805236},
		{"rows .2", Config{Temperature: .2}, 2.876853639404},
		{"rows .5", Config{Temperature: .5}, 2.246417132163},
		{"both .1", Config{Columns: true}, 8.652044502780},
		{"both .2", Config{Temperature: .2, Columns: true}, 2.876853639404 + 2.791562030027},
		{"group", Config{Group: 4}, 3.107530609623},
		{"kept", Config{KeepNegatives: true}, 4.323037649301},
		{"view", Config{Search: Search{Positive: "view"}}, 4.012099958215},
		{"mean", Config{Search: Search{Positive: "mean", TopK: 3}}, 4.144678791910},
		{"soft", Config{Search: Search{Positive: "soft", TopK: 40}}, 4.275497463551},
		{"ntxent .1", Config{Form: "ntxent"}, 6.074028966347},
		{"ntxent .5", Config{Form: "ntxent", Temperature: .5}, 2.957312387784},
	} {
		close11(t, c.name, g2(t, c.config).run(t).loss, c.want)
	}
}

func TestGoldenStep(t *testing.T) {
	got := g2(t, Config{}).run(t)
	if !slices.Equal(got.index1, []int32{5, 0, 2, 16, 3, 17, 28, 39}) || !slices.Equal(got.index2, []int32{14, 1, 9, 29, 14, 1, 14, 16}) {
		t.Errorf("neighbors %v, %v", got.index1, got.index2)
	}
	close11(t, "CE(a1,p2)", got.one, 4.238681863759)
	close11(t, "CE(a2,p1)", got.two, 4.738457746714)
	close11(t, "norm of dp2", norm(got.dp2), 0.797119157694)
	close11(t, "norm of dp1", norm(got.dp1), 0.972592857867)
	for i, want := range []float64{0.099278354295, 0.129264383427, -0.005876203230, -0.016723825667} {
		close11(t, "dp2", got.dp2[i], want)
	}
	for i, want := range []float64{0.044824778000, 0.022727160357, 0.108156738913, 0.091694129552} {
		close11(t, "dp1", got.dp1[i], want)
	}
	close11(t, "pos_prob", got.prob, 0.137245591194)
	close11(t, "nn_sim", got.metrics["nn_sim"], 0.528101679530)
	close11(t, "nn_gap", got.metrics["nn_gap"], 0.070527422612)
	close11(t, "emb_std", got.metrics["emb_std"], 0.236965435675)
	close11(t, "align", got.metrics["align"], 2.081864613317)
	if norm(got.dz1) != 0 {
		t.Errorf("gradient %v reaches the query", got.dz1)
	}
}

func norm(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum)
}

// With exclude-self no query finds a row of its own image.
func TestGoldenExcludeSelf(t *testing.T) {
	r := g2(t, Config{Search: Search{ExcludeSelf: true}})
	id := make([]int32, 40)
	for j := range id {
		id[j] = int32(j % 8)
	}
	tensor.Set(r.m.Support.ID.Value, id)
	got := r.run(t)
	if !slices.Equal(got.index1, []int32{5, 0, 11, 16, 3, 17, 28, 4}) || !slices.Equal(got.index2, []int32{14, 26, 9, 29, 14, 1, 24, 16}) {
		t.Errorf("neighbors %v, %v", got.index1, got.index2)
	}
	close11(t, "loss", got.loss, 3.963396293698)
	if got.metrics["nn_self"] != 0 {
		t.Errorf("nn_self is %v", got.metrics["nn_self"])
	}
}
