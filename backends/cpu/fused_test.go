package cpu

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kith/backends/cpu/internal/simd"
	"kith/tensor"
)

// A body is a Fused op with inputs.
type body struct {
	name string
	f    *tensor.Fused
	in   []tensor.Spec
	// loose is how far column sums may be off the unfused ones, relative to the largest: where a
	// core cuts its rows in another way than a plain reduction. 0: equal bits.
	loose float64
}

func parts(p ...any) (list []tensor.Part) {
	for i := 0; i < len(p); i += 2 {
		list = append(list, tensor.Part{Op: p[i].(tensor.Op), In: p[i+1].([]int)})
	}
	return list
}

func of(d tensor.DType, shape ...int) tensor.Spec { return tensor.Of(d, shape...) }

const (
	f32  = tensor.F32
	half = tensor.BF16
)

// chainBodies is the forms without a core of a training step, and corners.
func chainBodies() []body {
	up, down := tensor.Cast{To: f32}, tensor.Cast{To: half}
	add, sub, mul, relu := tensor.Add{}, tensor.Sub{}, tensor.Mul{}, tensor.ReLU{}
	var all []body
	for _, x := range []tensor.Shape{{2, 5, 7, 33}, {3, 8, 8, 64}, {40, 2048}, {7, 1531}, {300, 3}, {5000, 16}, {1, 1}} {
		c := x[len(x)-1]
		v, h, vec := of(f32, x...), of(half, x...), of(f32, c)
		all = append(all,
			body{"norm", &tensor.Fused{Body: parts(sub, []int{0, 1}, mul, []int{4, 2}, add, []int{5, 3}), Out: []int{6}},
				[]tensor.Spec{v, vec, vec, vec}, 0},
			body{"norm relu", &tensor.Fused{Body: parts(sub, []int{0, 1}, mul, []int{4, 2}, add, []int{5, 3}, relu, []int{6}), Out: []int{7}},
				[]tensor.Spec{v, vec, vec, vec}, 0},
			body{"block output", &tensor.Fused{Body: parts(up, []int{0}, sub, []int{5, 1}, mul, []int{6, 2}, add, []int{7, 3},
				down, []int{8}, add, []int{9, 4}, relu, []int{10}), Out: []int{11}}, []tensor.Spec{h, vec, vec, vec, h}, 0},
			body{"dz", &tensor.Fused{Body: parts(up, []int{0}, sub, []int{0 + 7, 1}, mul, []int{8, 2}, up, []int{3}, sub, []int{10, 9},
				sub, []int{11, 4}, mul, []int{12, 5}, down, []int{13}), Out: []int{14}}, []tensor.Spec{h, vec, vec, h, vec, vec, vec}, 0},
			body{"mask and sums", &tensor.Fused{Body: parts(sub, []int{0, 1}, mul, []int{5, 2}, add, []int{6, 3}, relu, []int{7},
				tensor.ReLUGrad{}, []int{4, 8}, mul, []int{9, 5}, tensor.Sum{Keep: 1}, []int{9}, tensor.Sum{Keep: 1}, []int{10}),
				Out: []int{9, 11, 12}}, []tensor.Spec{v, vec, vec, vec, v}, 0},
			body{"moments and tail", &tensor.Fused{Body: parts(mul, []int{0, 0}, tensor.Moments{}, []int{2}, tensor.Shift{By: 1e-5}, []int{4},
				tensor.Rsqrt{}, []int{6}, mul, []int{7, 1}), Out: []int{2, 3, 4, 5, 8}}, []tensor.Spec{v, vec}, 0},
			body{"vector first", &tensor.Fused{Body: parts(add, []int{1, 2}, mul, []int{0, 3}, tensor.Sum{}, []int{4}), Out: []int{5, 3}},
				[]tensor.Spec{v, vec, of(f32)}, 0},
			body{"gated momentum", &tensor.Fused{Body: parts(tensor.Scale{By: 0.9}, []int{0}, mul, []int{1, 2}, add, []int{5, 6},
				tensor.Select{}, []int{7, 0, 3}, sub, []int{4, 7}, tensor.Select{}, []int{9, 4, 3}), Out: []int{8, 10}},
				[]tensor.Spec{v, v, of(f32), of(tensor.U8), v}, 0},
			body{"halves", &tensor.Fused{Body: parts(mul, []int{0, 1}, add, []int{2, 0}, tensor.Exp{}, []int{3}, tensor.Sum{Keep: 1}, []int{4}),
				Out: []int{4, 5}}, []tensor.Spec{h, of(half, c)}, 0},
			body{"masks", &tensor.Fused{Body: parts(tensor.Positive{}, []int{0}, tensor.Equal{}, []int{0, 1}, tensor.Select{}, []int{2, 3, 2},
				tensor.Cast{To: f32}, []int{4}, add, []int{5, 0}), Out: []int{4, 6}}, []tensor.Spec{v, vec}, 0},
		)
	}
	return all
}

// coreBodies is the forms with a core of a training step, in float32 and bfloat16.
func coreBodies() []body {
	up, down := tensor.Cast{To: f32}, tensor.Cast{To: half}
	add, sub, mul, relu, mask := tensor.Add{}, tensor.Sub{}, tensor.Mul{}, tensor.ReLU{}, tensor.ReLUGrad{}
	sum := tensor.Sum{Keep: 1}
	var all []body
	for _, g := range []struct{ n, h, w, c, k, r, stride, pad int }{
		{2, 7, 7, 64, 96, 1, 1, 0}, {2, 8, 8, 16, 33, 3, 1, 1}, {1, 9, 7, 8, 12, 3, 2, 1}, {2, 16, 16, 64, 64, 3, 1, 1},
		{3, 6, 6, 3, 5, 3, 1, 1}, {2, 14, 14, 32, 1040, 1, 1, 0},
	} {
		conv := tensor.Conv2D{Stride: g.stride, Pad: g.pad}
		p, q := (g.h+2*g.pad-g.r)/g.stride+1, (g.w+2*g.pad-g.r)/g.stride+1
		gradX := tensor.Conv2DGradX{Conv2D: conv, H: g.h, W: g.w}
		gradW := tensor.Conv2DGradW{Conv2D: conv, R: g.r, S: g.r}
		x := func(d tensor.DType) tensor.Spec { return of(d, g.n, g.h, g.w, g.c) }
		y := func(d tensor.DType) tensor.Spec { return of(d, g.n, p, q, g.k) }
		w := func(d tensor.DType) tensor.Spec { return of(d, g.k, g.r, g.r, g.c) }
		c, k := of(f32, g.c), of(f32, g.k)
		loose := 1e-5
		all = append(all,
			body{"apply, conv, statistics", &tensor.Fused{Body: parts(sub, []int{0, 1}, mul, []int{5, 2}, add, []int{6, 3}, relu, []int{7},
				conv, []int{8, 4}, tensor.Moments{}, []int{9}), Out: []int{9, 10, 11, 12}}, []tensor.Spec{x(f32), c, c, c, w(f32)}, loose},
			body{"apply, conv, statistics and tail", &tensor.Fused{Body: parts(up, []int{0}, sub, []int{6, 1}, mul, []int{7, 2}, add, []int{8, 3},
				down, []int{9}, relu, []int{10}, conv, []int{11, 4}, tensor.Moments{}, []int{12}, tensor.Shift{By: 1e-5}, []int{14},
				tensor.Rsqrt{}, []int{16}, mul, []int{17, 5}), Out: []int{12, 13, 14, 15, 18}}, []tensor.Spec{x(half), c, c, c, w(half), k}, loose},
			body{"conv, statistics", &tensor.Fused{Body: parts(down, []int{0}, conv, []int{2, 1}, tensor.Moments{}, []int{3}), Out: []int{3, 4, 5, 6}},
				[]tensor.Spec{x(f32), w(half)}, loose},
			body{"dgrad, mask, sums", &tensor.Fused{Body: parts(gradX, []int{0, 1}, sub, []int{2, 3}, mul, []int{7, 4}, add, []int{8, 5},
				relu, []int{9}, mask, []int{6, 10}, mul, []int{11, 7}, sum, []int{11}, sum, []int{12}), Out: []int{11, 13, 14}},
				[]tensor.Spec{y(f32), w(f32), x(f32), c, c, c}, loose},
			body{"dgrad, mask, sums, halves", &tensor.Fused{Body: parts(gradX, []int{0, 1}, up, []int{2}, sub, []int{7, 3}, mul, []int{8, 4},
				add, []int{9, 5}, down, []int{10}, relu, []int{11}, mask, []int{6, 12}, up, []int{13}, mul, []int{14, 8}, sum, []int{14},
				sum, []int{15}), Out: []int{13, 16, 17}}, []tensor.Spec{y(half), w(half), x(half), c, c, c}, loose},
			body{"dgrad, join", &tensor.Fused{Body: parts(gradX, []int{0, 1}, add, []int{4, 2}, mask, []int{5, 3}, sum, []int{6}), Out: []int{6, 7}},
				[]tensor.Spec{y(f32), w(f32), x(f32), x(f32)}, loose},
			body{"wgrad", &tensor.Fused{Body: parts(up, []int{1}, sub, []int{6, 2}, mul, []int{7, 3}, add, []int{8, 4}, down, []int{9}, relu, []int{10},
				gradW, []int{0, 11}, tensor.Scale{By: 0.1}, []int{5}, add, []int{12, 13}), Out: []int{14}},
				[]tensor.Spec{y(half), x(half), c, c, c, w(f32)}, loose},
			body{"wgrad of dz", &tensor.Fused{Body: parts(sub, []int{0, 1}, mul, []int{4, 2}, gradW, []int{5, 3}), Out: []int{6}},
				[]tensor.Spec{y(f32), k, k, x(f32)}, loose},
		)
	}
	for _, g := range [][3]int{{1, 1, 1}, {64, 40, 96}, {300, 700, 33}} {
		m, k, n := g[0], g[1], g[2]
		all = append(all,
			body{"linear", &tensor.Fused{Body: parts(tensor.MatMul{TransB: true}, []int{0, 1}, add, []int{3, 2}, relu, []int{4}), Out: []int{5}},
				[]tensor.Spec{of(f32, m, k), of(f32, n, k), of(f32, n)}, 1e-5},
			body{"both operands", &tensor.Fused{Body: parts(relu, []int{0}, tensor.Scale{By: 2}, []int{1}, tensor.MatMul{TransA: true, Wide: true}, []int{2, 3},
				tensor.Scale{By: 0.5}, []int{4}), Out: []int{4, 5}}, []tensor.Spec{of(half, k, m), of(half, k, n)}, 1e-5},
			body{"an operand that leaves", &tensor.Fused{Body: parts(relu, []int{0}, tensor.MatMul{}, []int{2, 1}, sum, []int{3}), Out: []int{2, 4}},
				[]tensor.Spec{of(f32, m, k), of(f32, k, n)}, 1e-5},
		)
	}
	return all
}

// A product with chains around it is what its parts are.
func TestCores(t *testing.T) { testBodies(t, coreBodies()) }

func (b body) String() string { return fmt.Sprint(b.name, " ", b.in[0], " ", b.f.Form()) }

// draw makes inputs: numbers around 1, so that nothing overflows however long the body is.
func draw(specs []tensor.Spec, seed uint64) (in []tensor.Array) {
	r := rand.New(rand.NewPCG(seed, 1))
	for _, s := range specs {
		a := tensor.NewArray(s)
		for i := range a.Data {
			if a.Data[i] = r.NormFloat64()/2 + 0.3; s.DType == tensor.U8 {
				a.Data[i] = float64(r.IntN(2))
			}
		}
		in = append(in, a)
	}
	return in
}

// raw returns the bytes of tensors.
func raw(t *testing.T, b *Backend, ts []*tensor.Tensor) [][]byte {
	t.Helper()
	var all [][]byte
	for _, x := range ts {
		r := make([]byte, x.Bytes())
		if err := b.Download(r, x); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// apart runs the parts of f one by one.
func apart(t *testing.T, root *tensor.Scope, f *tensor.Fused, in []*tensor.Tensor) (out []*tensor.Tensor) {
	t.Helper()
	values := in
	for _, p := range f.Body {
		var args []*tensor.Tensor
		var specs []tensor.Spec
		for _, v := range p.In {
			args, specs = append(args, values[v]), append(specs, values[v].Spec)
		}
		outs, err := p.Op.Infer(specs)
		if err != nil {
			t.Fatal(err)
		}
		made := blanks(root, outs)
		if !root.Backend().Run(p.Op, made, args) {
			t.Fatalf("%T has no kernel", p.Op)
		}
		values = append(values[:len(values):len(values)], made...)
	}
	for _, v := range f.Out {
		out = append(out, values[v])
	}
	return out
}

// Fused and unfused give equal bits on every level, for any number of threads, and AVX2 gives
// those of AVX-512 and AMX, but for products of bf16 numbers.
func TestChains(t *testing.T) { testBodies(t, chainBodies()) }

func testBodies(t *testing.T, bodies []body) {
	for _, c := range bodies {
		var vector [][]byte // of the first level with vectors
		levels(t, func(t *testing.T, b *Backend) {
			fused, alone := runBody(t, b, c)
			if c.loose == 0 {
				equalBytes(t, fmt.Sprint(c, ": fused and unfused"), fused, alone)
			} else {
				closeFloats(t, fmt.Sprint(c, ": fused and unfused"), c, fused, alone)
			}
			three, err := New(Options{Level: b.level.String(), Threads: 3})
			if err != nil {
				t.Fatal(err)
			}
			defer three.Close()
			again, _ := runBody(t, three, c)
			equalBytes(t, fmt.Sprint(c, ": 3 threads and 2"), again, fused)
			if b.level.String() == "generic" {
				return
			}
			if vector != nil && !(b.level == simd.AMX && c.sumsHalves()) {
				equalBytes(t, fmt.Sprint(c, ": avx2 and this level"), vector, fused)
			}
			vector = fused
		})
	}
}

// sumsHalves tells whether the body has a product of bf16 numbers, whose order is the instruction's.
func (c body) sumsHalves() bool {
	specs, err := c.f.Values(c.in)
	return err == nil && slices.ContainsFunc(c.f.Body, func(p tensor.Part) bool {
		switch p.Op.(type) {
		case tensor.MatMul, tensor.Conv2D, tensor.Conv2DGradX, tensor.Conv2DGradW:
			return specs[p.In[0]].DType == half
		}
		return false
	})
}

func runBody(t *testing.T, b *Backend, c body) (fused, alone [][]byte) {
	t.Helper()
	root := tensor.Open(b)
	in := tensorsOf(root, draw(c.in, 7))
	specs, err := c.f.Infer(c.in)
	if err != nil {
		t.Fatal(c, err)
	}
	out := blanks(root, specs)
	if !b.Run(c.f, out, in) {
		t.Fatalf("%v: no kernel", c)
	}
	return raw(t, b, out), raw(t, b, apart(t, root, c.f, in))
}

func equalBytes(t *testing.T, what string, a, b [][]byte) {
	t.Helper()
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			t.Fatalf("%s: output %d differs", what, i)
		}
	}
}

// closeFloats compares outputs within c.loose of the largest, or of 1; full-size ones too, since they may
// come from a core.
func closeFloats(t *testing.T, what string, c body, a, b [][]byte) {
	t.Helper()
	specs, _ := c.f.Infer(c.in)
	for i, s := range specs {
		x, y := floatsOf(s, a[i]), floatsOf(s, b[i])
		top := 1.0
		for _, v := range y {
			top = max(top, math.Abs(float64(v)))
		}
		for j := range x {
			if !(math.Abs(float64(x[j])-float64(y[j])) <= c.loose*top) {
				t.Fatalf("%s: output %d, element %d is %v, want %v", what, i, j, x[j], y[j])
			}
		}
	}
}

func floatsOf(s tensor.Spec, raw []byte) []float32 {
	x := make([]float32, s.Shape.Size())
	for i := range x {
		if s.DType == half {
			x[i] = math.Float32frombits(uint32(raw[2*i])<<16 | uint32(raw[2*i+1])<<24)
			continue
		}
		x[i] = math.Float32frombits(uint32(raw[4*i]) | uint32(raw[4*i+1])<<8 | uint32(raw[4*i+2])<<16 | uint32(raw[4*i+3])<<24)
	}
	return x
}

// An output may lie where an input lay, whichever input it is and whatever reads it later; with a
// core, any input but what the product itself reads.
func TestInPlace(t *testing.T) {
	levels(t, func(t *testing.T, b *Backend) {
		for _, c := range append(chainBodies(), coreBodies()...) {
			specs, _ := c.f.Infer(c.in)
			want, _ := runBody(t, b, c)
			for o, s := range specs {
				for k := range c.in {
					if !c.in[k].Equal(s) || c.feedsCore(k) {
						continue
					}
					root := tensor.Open(b)
					in, out := tensorsOf(root, draw(c.in, 7)), blanks(root, specs)
					out[o] = in[k]
					b.Run(c.f, out, in)
					equalBytes(t, fmt.Sprint(c, ": output ", o, " in place of input ", k), raw(t, b, out), want)
				}
			}
		}
	})
}

// feedsCore tells whether the product waits for input k.
func (b body) feedsCore(k int) bool {
	core, ok := b.f.Core()
	if !ok {
		return false
	}
	fed := make([]bool, len(b.in)+4*len(b.f.Body))
	fed[k] = true
	next := len(b.in)
	for i, p := range b.f.Body {
		for _, v := range p.In {
			if fed[v] && i == core {
				return true
			}
			fed[next] = fed[next] || fed[v]
		}
		if next++; tensor.OpName(p.Op) == "Moments" {
			next += 2
		}
	}
	return false
}

// Results that are stored around the caches are the same.
func TestStreamedResults(t *testing.T) {
	levels(t, func(t *testing.T, b *Backend) {
		small := b.stream
		for _, c := range append(chainBodies(), coreBodies()...) {
			b.stream = small
			want, _ := runBody(t, b, c)
			b.stream = 1
			clear(b.alone)
			got, _ := runBody(t, b, body{c.name, &tensor.Fused{Body: c.f.Body, Out: c.f.Out}, c.in, c.loose})
			equalBytes(t, c.String(), got, want)
		}
	})
}

// Once warm, running allocates nothing: neither on the Go heap nor from the system.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	levels(t, func(t *testing.T, b *Backend) {
		root := tensor.Open(b)
		for _, c := range chainBodies() {
			specs, _ := c.f.Infer(c.in)
			in, out := tensorsOf(root, draw(c.in, 7)), blanks(root, specs)
			b.Run(c.f, out, in)
			b.Run(c.f, out, in)
			if got := testing.AllocsPerRun(3, func() { b.Run(c.f, out, in) }); got != 0 {
				t.Errorf("%v: %v allocations a run, want 0", c, got)
			}
		}
		for c := range tensor.Cases() {
			specs, err := c.Op.Infer(specsOf(c.In))
			if err != nil || c.Err != "" || c.Big || !b.Runs(c.Op, specsOf(c.In)) {
				continue
			}
			in, out := tensorsOf(root, c.In), blanks(root, specs)
			b.Run(c.Op, out, in)
			b.Run(c.Op, out, in)
			if got := testing.AllocsPerRun(3, func() { b.Run(c.Op, out, in) }); got != 0 {
				t.Errorf("%v: %v allocations a run, want 0", c, got)
			}
		}
	})
}
