package truth

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"kith/autograd"
	"kith/nn"
	"kith/tensor"
)

// A layerCase is one case of golden/modules: inputs, output, upstream and gradients of a layer of
// PyTorch's, and its settings.
type layerCase struct {
	golden
	key      string
	kind     string
	Momentum float64
	Eps      float64
	Size     int
	Stride   int
	Pad      int
}

func (l layerCase) has(name string) bool {
	_, ok := l.Lookup(l.key + "/" + name)
	return ok
}

// get is a tensor of the case as kith lays it out.
func (l layerCase) get(name string) value {
	v := read(l.t.(*testing.T), l.File, l.key+"/"+name)
	if len(v.shape) == 4 {
		s := v.shape
		return value{[]int{s[0], s[2], s[3], s[1]}, swap(v.data, s), v.whole}
	}
	return v
}

// layers applies the layer of a kind to the entered inputs.
var layers = map[string]func(l layerCase, b board, in map[string]*tensor.Tensor) *tensor.Tensor{
	"conv": func(l layerCase, b board, in map[string]*tensor.Tensor) *tensor.Tensor {
		return apply(tensor.Conv2D{Stride: l.Stride, Pad: l.Pad}, in["x"], in["weight"])
	},
	"linear": func(l layerCase, b board, in map[string]*tensor.Tensor) *tensor.Tensor {
		return apply(tensor.MatMul{TransB: true}, in["x"], in["weight"]).Add(in["bias"])
	},
	"maxpool": func(l layerCase, b board, in map[string]*tensor.Tensor) *tensor.Tensor {
		return apply(tensor.MaxPool{Size: l.Size, Stride: l.Stride, Pad: l.Pad}, in["x"])
	},
	"meanpool":  func(l layerCase, b board, in map[string]*tensor.Tensor) *tensor.Tensor { return in["x"].AvgPool() },
	"normalize": func(l layerCase, b board, in map[string]*tensor.Tensor) *tensor.Tensor { return in["x"].Unit() },
	"crossentropy": func(l layerCase, b board, in map[string]*tensor.Tensor) *tensor.Tensor {
		return apply(tensor.CrossEntropy{}, in["x"], in["label"])
	},
	"batchnorm": func(l layerCase, b board, in map[string]*tensor.Tensor) *tensor.Tensor {
		return apply(tensor.BatchNorm{Eps: l.Eps}, in["x"], in["weight"], in["bias"])
	},
	"batchnorm_eval": func(l layerCase, b board, in map[string]*tensor.Tensor) *tensor.Tensor {
		mean, variance := l.get("mean"), l.get("variance")
		a := in["weight"].Mul(b.enter(variance).Shift(l.Eps).Rsqrt())
		return in["x"].Sub(b.enter(mean)).Mul(a).Add(in["bias"])
	},
}

// TestModules compares single layers with odd settings: float64 at 1e-9, float32 at the bounds of
// PyTorch for sums, 1.3e-6 relative and 1e-5 absolute, scaled with the inputs' size.
func TestModules(t *testing.T) {
	g, ran := openGolden(t, "modules.safetensors"), 0
	exact, cpu := open(t, "ref"), open(t, "cpu")
	var wide, narrow worst
	for _, key := range slices.Sorted(maps.Keys(g.Metadata)) {
		kind, _, ok := strings.Cut(key, "/")
		if !ok {
			continue
		}
		l := layerCase{golden: g, key: key, kind: kind}
		g.decode(g.Metadata[key], &l)
		if layers[kind] == nil {
			t.Errorf("golden kind %s has no layer here", kind)
			continue
		}
		ran++
		l.check(exact, &wide, 1e-9, 1e-12)
		l.check(cpu, &narrow, 1.3e-6, 1e-5)
	}
	t.Logf("%d outside layers ran; worst float64 error %.1e of bound 1 (%s), float32 %.2f (%s)",
		ran, wide.share, wide.where, narrow.share, narrow.where)
	if ran != 78 {
		t.Errorf("%d layers, golden has 78", ran)
	}
}

// check runs the layer forward and backward and compares.
func (l layerCase) check(root *tensor.Scope, w *worst, rtol, atol float64) {
	t := l.t.(*testing.T)
	t.Helper()
	names := []string{"x", "weight", "bias", "label"}
	names = slices.DeleteFunc(names, func(n string) bool { return !l.has(n) })
	on := l.key + " on " + root.Backend().Name()
	root.Run(func(s *tensor.Scope) {
		b := newBoard(root, s)
		in, wrt := map[string]*tensor.Tensor{}, []*tensor.Tensor{}
		for _, n := range names {
			in[n] = b.enter(l.get(n))
			if n != "label" {
				wrt = append(wrt, in[n])
			}
		}
		tape := autograd.Record(s)
		y := layers[l.kind](l, b, in)
		w.close(t, on+" out", value{shape: y.Shape, data: values(t, y)}, l.get("out"), rtol, atol*l.scale("out"))
		for i, d := range tape.Pull([]*tensor.Tensor{y}, []*tensor.Tensor{b.enter(l.get("up"))}, wrt...) {
			n := "grad_" + names[i]
			w.close(t, on+" "+n, value{shape: d.Shape, data: values(t, d)}, l.get(n), rtol, atol*l.scale(n))
		}
	})
}

// scale is the largest element of a tensor, at least 1: sums are as exact as their largest terms.
func (l layerCase) scale(name string) float64 {
	top := 1.0
	for _, x := range l.get(name).data {
		top = max(top, x, -x)
	}
	return top
}

// TestTracking runs nn.BatchNorm and nn.Ctx.Track over three batches: every momentum of the golden
// through Track, PyTorch's default through the layer.
func TestTracking(t *testing.T) {
	g, ran := openGolden(t, "modules.safetensors"), 0
	for key, text := range g.Metadata {
		if !strings.HasPrefix(key, "batchnorm/") {
			continue
		}
		ran++
		l := layerCase{golden: g, key: key}
		g.decode(text, &l)
		for i, backend := range []string{"ref", "cpu"} {
			root := open(t, backend)
			layer := &nn.BatchNorm{Mean: l.state(root, "mean0"), Var: l.state(root, "variance0"),
				Weight: (*nn.Param)(l.state(root, "weight")), Bias: (*nn.Param)(l.state(root, "bias"))}
			for _, x := range []string{"x0", "x1", "x"} {
				root.Run(func(s *tensor.Scope) { l.track(newBoard(root, s), l.get(x), layer) })
			}
			bound := []float64{1e-9, 2e-6}[i]
			for name, s := range map[string]*nn.State{"mean": layer.Mean, "variance": layer.Var} {
				if d := relL2(values(t, s.Value), l.get(name).data); !(d <= bound) {
					t.Errorf("%s on %s: running %s is off by %.2g", key, backend, name, d)
				}
			}
		}
	}
	t.Logf("%d outside statistics ran", ran)
	if ran != 20 {
		t.Errorf("%d ran, golden has 20", ran)
	}
}

func (l layerCase) state(root *tensor.Scope, name string) *nn.State {
	v := l.get(name)
	s := &nn.State{Spec: tensor.Of(tensor.F32, v.shape...)}
	s.Value = root.New(s.Spec)
	tensor.Set(s.Value, v.data)
	return s
}

// track is one batch, by the layer itself where its momentum and ε are the layer's own.
func (l layerCase) track(b board, x value, layer *nn.BatchNorm) {
	c, in := nn.Train(b.step, tensor.F32), b.enter(x)
	if l.Momentum == 0.1 && l.Eps == 1e-5 {
		layer.Forward(c, in)
		return
	}
	n := float64(in.Shape.Size() / layer.Mean.Value.Shape.Size())
	m := tensor.Apply(tensor.Moments{}, in)
	c.Track(layer.Mean, m[0], 1-l.Momentum)
	c.Track(layer.Var, m[1].Scale(n/(n-1)), 1-l.Momentum)
}
