package truth

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"kith/autograd"
	"kith/nn"
	"kith/nnclr"
	"kith/tensor"
)

// fill is Fill of spec/nnclr.md, appendix A: numbers in [-1, 1) from one integer hash.
func fill(k uint32, r, c int) []float64 {
	out := make([]float64, r*c)
	for i := range out {
		h := uint32(i)*0x9E3779B1 + k*0x85EBCA77
		h ^= h >> 16
		h *= 0x7FEB352D
		h ^= h >> 15
		h *= 0x846CA68B
		out[i] = float64((h^h>>16)>>16)/32768 - 1
	}
	return out
}

// lossOf is the symmetric loss of views z1, z2 and predictions p1, p2 (Fill 1 to 4) against a
// support set (Fill 5), with its gradients in p1 and p2, by kith's own queue and losses.
func lossOf(t *testing.T, backend string, n, d, m int, tau float64, ntxent bool) (loss float64, grads [2][]float64) {
	t.Helper()
	root := open(t, backend)
	queue, err := nnclr.NewQueue(nnclr.Search{Size: m, Width: d})
	if err != nil {
		t.Fatal(err)
	}
	model := struct{ Support *nnclr.Queue }{queue}
	nn.Init(model, root, stepsKey)
	tensor.Set(queue.Rows.Value, unitRows(fill(5, m, d), d))
	var in [4]*tensor.Tensor
	for i := range in {
		in[i] = root.New(tensor.Of(tensor.F32, n, d))
		tensor.Set(in[i], fill(uint32(i+1), n, d))
	}
	id, now := root.New(tensor.Of(tensor.I32, n)), root.New(tensor.Of(tensor.I32))
	tensor.Set(id, slices.Repeat([]int32{-1}, n))
	tensor.Set(now, []int32{0})
	root.Run(func(s *tensor.Scope) {
		tape, c := autograd.Record(s), nn.Train(s, tensor.F32)
		b := nnclr.Batch{ID: s.Enter(id), Label: s.Enter(id), Epoch: s.Enter(now), Step: s.Enter(now)}
		p := [2]*tensor.Tensor{s.Enter(in[2]), s.Enter(in[3])}
		half := func(z, p *tensor.Tensor) *tensor.Tensor {
			a := queue.Nearest(c, s.Enter(z).Unit(), b)
			if ntxent {
				return nnclr.NTXent(c, a.Row, p.Unit(), tau)
			}
			return nnclr.InfoNCE(c, a.Row, p.Unit(), tau)
		}
		l := half(in[0], p[1]).Add(half(in[1], p[0])).Scale(0.5)
		loss = values(t, l)[0]
		for i, g := range tape.Grad(l, p[0], p[1]) {
			grads[i] = values(t, g)
		}
	})
	return loss, grads
}

// TestPairedLosses compares with solo-learn's loss (rows) and lightly's (2n-1 terms), both with
// lightly's search: float64 at 1e-11 in the loss and 1e-9 in gradients, float32 at 1e-5.
func TestPairedLosses(t *testing.T) {
	g, ran := openGolden(t, "paired.safetensors"), 0
	for _, info := range g.Tensors() {
		key, ok := strings.CutSuffix(info.Name, "/loss")
		if !ok {
			continue
		}
		var whose string
		var n, d, m int
		var tau float64
		parts := strings.Split(key, "/")
		whose = parts[0]
		if _, err := fmt.Sscanf(parts[1]+" "+parts[2], "%dx%dx%d %g", &n, &d, &m, &tau); err != nil {
			t.Fatal(err)
		}
		ran++
		want := g.floats(info.Name)[0]
		for i, backend := range []string{"ref", "cpu"} {
			loss, grads := lossOf(t, backend, n, d, m, tau, whose == "lightly")
			if bound := []float64{1e-11, 1e-5 * want}[i]; !(math.Abs(loss-want) <= bound) {
				t.Errorf("%s on %s: loss %.15g, want %.15g", key, backend, loss, want)
			}
			for k, grad := range grads {
				name := fmt.Sprintf("%s/grad_p%d", key, k+1)
				if d, bound := relL2(grad, g.floats(name)), []float64{1e-9, 2e-5}[i]; !(d <= bound) {
					t.Errorf("%s on %s is off by %.2g", name, backend, d)
				}
			}
		}
	}
	t.Logf("%d outside losses ran", ran)
	if ran != 30 {
		t.Errorf("%d losses, golden has 30", ran)
	}
}

// TestPairedOptimizers follows lightly's and solo-learn's LARS for 20 updates, and lightly's
// schedule for whole runs.
func TestPairedOptimizers(t *testing.T) {
	g, inputs, ran := openGolden(t, "paired.safetensors"), openGolden(t, "optim.safetensors"), 0
	for _, name := range slices.Sorted(maps.Keys(g.Metadata)) {
		switch {
		case strings.HasPrefix(name, "schedule/"):
			scheduleOf(t, g, name, g.floats(name), nil)
		case strings.Contains(name, "/lars-"):
			var c settings
			g.decode(g.Metadata[name], &c)
			for i, b := range []string{"ref", "cpu"} {
				if d, bound := follow(t, b, c, inputs, g, name), []float64{1e-9, 1e-5}[i]; !(d <= bound) {
					t.Errorf("%s on %s is off by %.2g after 20 steps", name, b, d)
				}
			}
		default:
			continue
		}
		ran++
	}
	t.Logf("%d outside optimizers and schedules ran", ran)
	if ran != 9 {
		t.Errorf("%d ran, golden has 9", ran)
	}
}
