package backendtest

import (
	"fmt"
	"slices"
	"testing"

	"kith/tensor"
	"kith/tensor/rng"
)

// A body is a fused op in the making. Inputs are numbered -1, -2, … until it is finished, since
// parts may be added before the last input.
type body struct {
	in    []tensor.Spec
	parts []tensor.Part
	specs []tensor.Spec // of the parts' results
	out   []int
}

// input adds an input.
func (b *body) input(s tensor.Spec) int {
	b.in = append(b.in, s)
	return -len(b.in)
}

func (b *body) spec(v int) tensor.Spec {
	if v < 0 {
		return b.in[-v-1]
	}
	return b.specs[v]
}

// try adds a part and returns its first result; false if it does not fit.
func (b *body) try(op tensor.Op, args ...int) (v int, ok bool) {
	in := make([]tensor.Spec, len(args))
	for i, a := range args {
		in[i] = b.spec(a)
	}
	outs, err := op.Infer(in)
	if err != nil {
		return 0, false
	}
	v = len(b.specs)
	b.specs = append(b.specs, outs...)
	b.parts = append(b.parts, tensor.Part{Op: op, In: args})
	return v, true
}

func (b *body) add(op tensor.Op, args ...int) int {
	v, ok := b.try(op, args...)
	if !ok {
		panic(fmt.Sprintf("part %T does not fit", op))
	}
	return v
}

// leave lets values leave.
func (b *body) leave(v ...int) { b.out = append(b.out, v...) }

// finish numbers the values as Fused does.
func (b *body) finish() *tensor.Fused {
	number := func(v int) int {
		if v < 0 {
			return -v - 1
		}
		return v + len(b.in)
	}
	f := &tensor.Fused{}
	for _, p := range b.parts {
		in := make([]int, len(p.In))
		for i, v := range p.In {
			in[i] = number(v)
		}
		f.Body = append(f.Body, tensor.Part{Op: p.Op, In: in})
	}
	for _, v := range b.out {
		f.Out = append(f.Out, number(v))
	}
	return f
}

// reduced tells of each output whether it lies behind a column sum.
func (b *body) reduced() []bool {
	behind := make([]bool, len(b.specs))
	next := 0
	for i, p := range b.parts {
		_, columns := p.Op.(tensor.Columns)
		for _, v := range p.In {
			columns = columns || v >= 0 && behind[v]
		}
		end := len(b.specs)
		if i+1 < len(b.parts) {
			end = next + b.results(i)
		}
		for ; next < end; next++ {
			behind[next] = columns
		}
	}
	out := make([]bool, len(b.out))
	for i, v := range b.out {
		out[i] = v >= 0 && behind[v]
	}
	return out
}

// results is how many values part i gives.
func (b *body) results(i int) int {
	if _, ok := b.parts[i].Op.(tensor.Moments); ok {
		return 3
	}
	return 1
}

// draw makes inputs: floats from a normal distribution, masks of 0 and 1.
func (b *body) draw(k rng.Key) []tensor.Array {
	in := make([]tensor.Array, len(b.in))
	for i, spec := range b.in {
		in[i] = tensor.NewArray(spec)
		if !spec.DType.Float() {
			stream := k.At(uint64(i)).Stream()
			for j := range in[i].Data {
				in[i].Data[j] = float64(stream.IntN(2))
			}
			continue
		}
		drawNormal(k.At(uint64(i)), &in[i], 1)
		for j, v := range in[i].Data {
			in[i].Data[j] = round(spec.DType, v)
		}
	}
	return in
}

// A tester is a *testing.T or a *rapid.T.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
}

// fused runs the body as one op and part by part, and reports whether the backend has a kernel for
// the whole. The bits must agree; but a core may hand its rows to column sums in another order than
// memory has them, so what lies behind those agrees within the bound of sums.
func (g *guard) fused(t tester, b *body, in []tensor.Array) bool {
	t.Helper()
	f := b.finish()
	root := tensor.Open(g)
	defer root.Close()
	leaves := enter(root, in)
	specs, err := f.Infer(specsOf(leaves))
	if err != nil {
		return false // an exact root has no casts
	}
	outs := make([]*tensor.Tensor, len(specs))
	for i, s := range specs {
		outs[i] = root.New(s)
	}
	kernel := g.Run(f, outs, leaves)
	if !kernel {
		if !g.definitions() {
			return false
		}
		tensor.Exec(g, f, outs, leaves)
	}
	root.Run(func(s *tensor.Scope) {
		parts := f.Decompose(entered(s, leaves))
		got, e1 := values(outs)
		want, e2 := values(parts)
		if e1 != nil || e2 != nil {
			t.Errorf("%v %v", e1, e2)
			return
		}
		if text := b.difference(f, got, want); text != "" {
			t.Errorf("%s: %s", opText(f, b.in), text)
		}
	})
	return kernel
}

func values(ts []*tensor.Tensor) ([][]float64, error) {
	all := make([][]float64, len(ts))
	for i, t := range ts {
		var err error
		if all[i], err = tensor.Data[float64](t); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// difference says what differs between the outputs of f and those of its parts, if anything.
func (b *body) difference(f *tensor.Fused, got, want [][]float64) string {
	_, core := f.Core()
	behind := b.reduced()
	for i := range got {
		if sameBits(got[i], want[i]) {
			continue
		}
		if !core || !behind[i] {
			return fmt.Sprintf("output %d: %s", i, firstDifference(got[i], want[i]))
		}
		x, y := got[i], want[i]
		if m := b.meanOf(i); m >= 0 { // a rest is nothing without its mean
			x, y = plus(x, got[m]), plus(y, want[m])
		}
		if !near(x, y, columnSums) {
			return fmt.Sprintf("output %d beyond the bound of sums: %s", i, firstDifference(x, y))
		}
	}
	return ""
}

// meanOf is the output with the mean that output i is the rest of, or -1.
func (b *body) meanOf(i int) int {
	first := 0
	for k, p := range b.parts {
		if _, ok := p.Op.(tensor.Moments); ok && b.out[i] == first+2 {
			return slices.Index(b.out, first)
		}
		first += b.results(k)
	}
	return -1
}

func plus(x, y []float64) []float64 {
	sum := make([]float64, len(x))
	for i := range x {
		sum[i] = x[i] + y[i]
	}
	return sum
}

// definitions tells whether the backend has no kernels at all, so that the definition of a fused
// op meets those of its parts.
func (g *guard) definitions() bool {
	_, prober := tensor.As[tensor.Prober](g.Backend)
	return !prober || g.exact() || g.Name() == "ref:round"
}

// near compares vectors, each element against the largest.
func near(got, want []float64, rel float64) bool {
	size := 0.0
	for _, v := range want {
		size = max(size, v, -v)
	}
	for i, v := range want {
		if d := got[i] - v; !(d <= rel*size && -d <= rel*size) {
			return false
		}
	}
	return true
}

func firstDifference(got, want []float64) string {
	n := 0
	text := ""
	for i := range want {
		if !sameBits(got[i:i+1], want[i:i+1]) {
			if n++; n == 1 {
				text = fmt.Sprintf("element %d is %v fused, %v in parts", i, got[i], want[i])
			}
		}
	}
	return fmt.Sprintf("%s; %d of %d differ", text, n, len(want))
}

// forms runs the fused ops that the planner makes of a ResNet step.
func forms(t *testing.T, g *guard) {
	for _, f := range formTable {
		for _, d := range []tensor.DType{tensor.F32, tensor.BF16} {
			for k, c := range formShapes {
				t.Run(fmt.Sprintf("%s/%v/%d", f.name, d, k), func(t *testing.T) {
					defer func(outer *testing.T) { g.t = outer }(g.t)
					g.t = t
					b := &body{}
					f.make(&former{body: b, d: d, c: c})
					in := b.draw(rng.New(6).Fold(f.name))
					if !g.fused(t, b, in) && !g.definitions() {
						t.Logf("no kernel for %s", b.finish().Form())
					}
				})
			}
		}
	}
}
