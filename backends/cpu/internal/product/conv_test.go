package product

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"kith/backends/cpu/internal/simd"
	"kith/internal/par"
)

// convCases are shapes with every kind of edge.
func convCases() []Conv {
	list := []Conv{
		{N: 0, H: 5, W: 5, C: 3, K: 4, R: 3, S: 3, Stride: 1, Pad: 1},
		{N: 2, H: 1, W: 1, C: 3, K: 4, R: 3, S: 3, Stride: 1, Pad: 1},
		{N: 1, H: 2, W: 3, C: 1, K: 1, R: 5, S: 3, Stride: 1, Pad: 2},
		{N: 2, H: 9, W: 7, C: 3, K: 33, R: 7, S: 7, Stride: 2, Pad: 3},
		{N: 2, H: 8, W: 8, C: 64, K: 32, R: 3, S: 3, Stride: 2, Pad: 1},
		{N: 3, H: 19, W: 17, C: 3, K: 64, R: 7, S: 7, Stride: 2, Pad: 3},
		{N: 40, H: 9, W: 8, C: 3, K: 32, R: 3, S: 3, Stride: 1, Pad: 1},
		{N: 1, H: 3, W: 20, C: 2, K: 32, R: 5, S: 5, Stride: 1, Pad: 3},
		{N: 2, H: 20, W: 35, C: 40, K: 33, R: 3, S: 3, Stride: 2, Pad: 1},
		{N: 1, H: 12, W: 9, C: 600, K: 3, R: 3, S: 2, Stride: 1, Pad: 1},
		{N: 1, H: 9, W: 10, C: 200, K: 8, R: 3, S: 4, Stride: 1, Pad: 2},
		{N: 1, H: 7, W: 9, C: 17, K: 31, R: 3, S: 3, Stride: 2, Pad: 1},
		{N: 3, H: 8, W: 6, C: 20, K: 40, R: 1, S: 1, Stride: 2, Pad: 0},
		{N: 2, H: 6, W: 5, C: 33, K: 65, R: 1, S: 1, Stride: 1, Pad: 0},
		{N: 1, H: 6, W: 6, C: 5, K: 7, R: 1, S: 1, Stride: 1, Pad: 1},
		{N: 1, H: 11, W: 13, C: 4, K: 9, R: 2, S: 3, Stride: 3, Pad: 0},
		{N: 1, H: 9, W: 9, C: 4, K: 9, R: 1, S: 2, Stride: 4, Pad: 1},
		{N: 1, H: 10, W: 3, C: 64, K: 64, R: 4, S: 2, Stride: 1, Pad: 1},
		{N: 1, H: 8, W: 8, C: 32, K: 640, R: 3, S: 3, Stride: 2, Pad: 0}, // gradX: phases larger than dy
		{N: 1, H: 6, W: 6, C: 64, K: 64, R: 9, S: 9, Stride: 1, Pad: 4},
	}
	return list
}

// naive computes a pass in float64, with the sums of absolute products beside it. What a and b are
// depends on the pass: x, w; dy, w; dy, x.
func (c Conv) naive(p Pass, a, b []float32) (out, abs []float64) {
	n := [3]int{c.N * c.P() * c.Q() * c.K, c.N * c.H * c.W * c.C, c.K * c.R * c.S * c.C}
	out, abs = make([]float64, n[p]), make([]float64, n[p])
	add := func(o int, x, y float32) {
		out[o] += float64(x) * float64(y)
		abs[o] += math.Abs(float64(x) * float64(y))
	}
	for i := range c.N * c.P() * c.Q() {
		img, oh, ow := i/(c.P()*c.Q()), i/c.Q()%c.P(), i%c.Q()
		for rs := range c.R * c.S {
			h, w := oh*c.Stride-c.Pad+rs/c.S, ow*c.Stride-c.Pad+rs%c.S
			if h < 0 || h >= c.H || w < 0 || w >= c.W {
				continue
			}
			for k := range c.K {
				for ch := range c.C {
					yi, xi, wi := i*c.K+k, ((img*c.H+h)*c.W+w)*c.C+ch, (k*c.R*c.S+rs)*c.C+ch
					switch p {
					case Forward:
						add(yi, a[xi], b[wi])
					case GradX:
						add(xi, a[yi], b[wi])
					case GradW:
						add(wi, a[yi], b[xi])
					}
				}
			}
		}
	}
	return out, abs
}

// depth is the largest number of products in one element of the result.
func (c Conv) depth(p Pass) int {
	return [3]int{c.R * c.S * c.C, c.R * c.S * c.K, c.N * c.P() * c.Q()}[p]
}

// operands returns the lengths of the operands and the result.
func (c Conv) operands(p Pass) (a, b, out int) {
	x, w, y := c.N*c.H*c.W*c.C, c.K*c.R*c.S*c.C, c.N*c.P()*c.Q()*c.K
	switch p {
	case Forward:
		return x, w, y
	case GradX:
		return y, w, x
	}
	return y, x, w
}

// run computes a pass.
func (c Conv) run(e *Engine, p Pass, out Output, a, b Operand, w []float32) {
	switch p {
	case Forward:
		e.Forward(out, a, w, c)
	case GradX:
		e.GradX(out, a, w, c)
	case GradW:
		e.GradW(out, a, b, c)
	}
}

var passNames = [3]string{"forward", "gradX", "gradW"}

func TestConv(t *testing.T) {
	for _, c := range convCases() {
		for p := Forward; p <= GradW; p++ {
			r := rand.New(rand.NewPCG(7, 8))
			na, nb, no := c.operands(p)
			a, b := random(r, na), random(r, nb)
			want, abs := c.naive(p, a, b)
			ai, bi := lattice(r, na, c.depth(p)), lattice(r, nb, c.depth(p))
			exact, _ := c.naive(p, ai, bi)
			var first []float32
			engines(t, Options{Strict: true}, func(name string, e *Engine) {
				t.Run(fmt.Sprintf("%+v/%s/%s", c, passNames[p], name), func(t *testing.T) {
					all, got := guarded(no)
					c.run(e, p, Output{Data: got}, Operand{Data: a}, Operand{Data: b}, b)
					checkGuard(t, all, no)
					gammaK(t, got, want, abs, c.depth(p))
					if e.kern != simd.ProductsOf(simd.Generic) {
						if first == nil {
							first = got
						}
						sameBits(t, got, first)
					}
					// The lattice also goes through loaded operands, tiles and addition.
					old := lattice(r, no, c.depth(p))
					sum, seen := append([]float32(nil), old...), make([]float32, no)
					width := [3]int{c.K, c.C, c.R * c.S * c.C}[p]
					c.run(e, p, Output{Data: sum, Add: true}, loaded(ai), loaded(bi), bi)
					c.run(e, p, Output{Done: func(q Tile) {
						for r := range q.Rows {
							for i, v := range q.Data[r*q.Pitch:][:q.Cols] {
								seen[(q.Row+r)*width+q.Col+i] += v
							}
						}
						if q.Chunk >= e.Chunks(c, p) || q.Rows > 1024 {
							t.Errorf("chunk %d of %d, %d rows", q.Chunk, e.Chunks(c, p), q.Rows)
						}
					}}, Operand{Data: ai}, Operand{Data: bi}, bi)
					for i, w := range exact {
						if float64(seen[i]) != w || float64(sum[i]) != w+float64(old[i]) {
							t.Fatalf("lattice element %d: got %v, and %v added to %v; want %v", i, seen[i], sum[i], old[i], w)
						}
					}
				})
			})
		}
	}
}

// resnetConvs are the convolutions of spec/cpu.md 3.2 by name, with a batch to time them at.
var resnetConvs = []struct {
	name  string
	batch int
	Conv
}{
	{"c18/stem", 128, Conv{H: 32, W: 32, C: 3, K: 64, R: 3, S: 3, Stride: 1, Pad: 1}},
	{"c18/64x32", 128, Conv{H: 32, W: 32, C: 64, K: 64, R: 3, S: 3, Stride: 1, Pad: 1}},
	{"c18/128x16", 128, Conv{H: 16, W: 16, C: 128, K: 128, R: 3, S: 3, Stride: 1, Pad: 1}},
	{"c18/256x8", 128, Conv{H: 8, W: 8, C: 256, K: 256, R: 3, S: 3, Stride: 1, Pad: 1}},
	{"c18/512x4", 128, Conv{H: 4, W: 4, C: 512, K: 512, R: 3, S: 3, Stride: 1, Pad: 1}},
	{"c18/64-128s2", 128, Conv{H: 32, W: 32, C: 64, K: 128, R: 3, S: 3, Stride: 2, Pad: 1}},
	{"c18/128-256s2", 128, Conv{H: 16, W: 16, C: 128, K: 256, R: 3, S: 3, Stride: 2, Pad: 1}},
	{"c18/256-512s2", 128, Conv{H: 8, W: 8, C: 256, K: 512, R: 3, S: 3, Stride: 2, Pad: 1}},
	{"r50/stem", 16, Conv{H: 224, W: 224, C: 3, K: 64, R: 7, S: 7, Stride: 2, Pad: 3}},
	{"r50/64x56", 16, Conv{H: 56, W: 56, C: 64, K: 64, R: 3, S: 3, Stride: 1, Pad: 1}},
	{"r50/128x28", 16, Conv{H: 28, W: 28, C: 128, K: 128, R: 3, S: 3, Stride: 1, Pad: 1}},
	{"r50/256x14", 16, Conv{H: 14, W: 14, C: 256, K: 256, R: 3, S: 3, Stride: 1, Pad: 1}},
	{"r50/512x7", 16, Conv{H: 7, W: 7, C: 512, K: 512, R: 3, S: 3, Stride: 1, Pad: 1}},
	{"r50/128s2", 16, Conv{H: 56, W: 56, C: 128, K: 128, R: 3, S: 3, Stride: 2, Pad: 1}},
	{"r50/256s2", 16, Conv{H: 28, W: 28, C: 256, K: 256, R: 3, S: 3, Stride: 2, Pad: 1}},
	{"r50/512s2", 16, Conv{H: 14, W: 14, C: 512, K: 512, R: 3, S: 3, Stride: 2, Pad: 1}},
	{"r50/64-256", 16, Conv{H: 56, W: 56, C: 64, K: 256, R: 1, S: 1, Stride: 1}},
	{"r50/256-64", 16, Conv{H: 56, W: 56, C: 256, K: 64, R: 1, S: 1, Stride: 1}},
	{"r50/128-512", 16, Conv{H: 28, W: 28, C: 128, K: 512, R: 1, S: 1, Stride: 1}},
	{"r50/512-128", 16, Conv{H: 28, W: 28, C: 512, K: 128, R: 1, S: 1, Stride: 1}},
	{"r50/256-1024", 16, Conv{H: 14, W: 14, C: 256, K: 1024, R: 1, S: 1, Stride: 1}},
	{"r50/1024-256", 16, Conv{H: 14, W: 14, C: 1024, K: 256, R: 1, S: 1, Stride: 1}},
	{"r50/512-2048", 16, Conv{H: 7, W: 7, C: 512, K: 2048, R: 1, S: 1, Stride: 1}},
	{"r50/2048-512", 16, Conv{H: 7, W: 7, C: 2048, K: 512, R: 1, S: 1, Stride: 1}},
	{"r50/64-64", 16, Conv{H: 56, W: 56, C: 64, K: 64, R: 1, S: 1, Stride: 1}},
	{"r50/256-128", 16, Conv{H: 56, W: 56, C: 256, K: 128, R: 1, S: 1, Stride: 1}},
	{"r50/512-256", 16, Conv{H: 28, W: 28, C: 512, K: 256, R: 1, S: 1, Stride: 1}},
	{"r50/1024-512", 16, Conv{H: 14, W: 14, C: 1024, K: 512, R: 1, S: 1, Stride: 1}},
	{"r50/512-1024s2", 16, Conv{H: 28, W: 28, C: 512, K: 1024, R: 1, S: 1, Stride: 2}},
	{"r50/1024-2048s2", 16, Conv{H: 14, W: 14, C: 1024, K: 2048, R: 1, S: 1, Stride: 2}},
	{"c18/64-128x1s2", 128, Conv{H: 32, W: 32, C: 64, K: 128, R: 1, S: 1, Stride: 2}},
	{"c18/128-256x1s2", 128, Conv{H: 16, W: 16, C: 128, K: 256, R: 1, S: 1, Stride: 2}},
	{"c18/256-512x1s2", 128, Conv{H: 8, W: 8, C: 256, K: 512, R: 1, S: 1, Stride: 2}},
	{"r50/256-512s2", 16, Conv{H: 56, W: 56, C: 256, K: 512, R: 1, S: 1, Stride: 2}},
}

func BenchmarkConv(b *testing.B) {
	for _, shape := range resnetConvs {
		c := shape.Conv
		c.N = shape.batch
		for p := Forward; p <= GradW; p++ {
			for _, threads := range []int{1, 2} {
				for _, strict := range []bool{false, true} {
					b.Run(fmt.Sprintf("%s/%s/T%d/strict=%v", shape.name, passNames[p], threads, strict), func(b *testing.B) {
						pool := par.New(threads)
						defer pool.Close()
						alloc := floats(b)
						e := New(pool, simd.Detect(), Options{Alloc: alloc, Strict: strict})
						na, nb, no := c.operands(p)
						x, w, out := alloc(na), alloc(nb), alloc(no)
						flops := 2 * float64(c.N*c.P()*c.Q()) * float64(c.K*c.R*c.S*c.C)
						bench(b, pool, simd.Detect(), flops, func() {
							c.run(e, p, Output{Data: out}, Operand{Data: x}, Operand{Data: w}, w)
						})
					})
				}
			}
		}
	}
}

// Steady state allocates nothing.
func TestAllocs(t *testing.T) {
	pool := par.New(2)
	defer pool.Close()
	for _, strict := range []bool{false, true} {
		e := New(pool, simd.Detect(), Options{Strict: strict})
		for _, g := range []Gemm{{M: 64, N: 512, K: 64, TransB: true}, {M: 200, N: 64, K: 64}, {M: 64, N: 64, K: 300, TransA: true}} {
			a, b, out := Operand{Data: make([]float32, g.M*g.K)}, Operand{Data: make([]float32, g.K*g.N)}, Output{Data: make([]float32, g.M*g.N)}
			if n := testing.AllocsPerRun(3, func() { e.Gemm(out, a, b, g) }); n != 0 {
				t.Errorf("%+v: %v allocations", g, n)
			}
		}
		for _, c := range []Conv{
			{N: 24, H: 4, W: 4, C: 64, K: 64, R: 3, S: 3, Stride: 1, Pad: 1},
			{N: 2, H: 9, W: 9, C: 8, K: 8, R: 3, S: 3, Stride: 2, Pad: 1},
			{N: 2, H: 9, W: 9, C: 8, K: 8, R: 1, S: 1, Stride: 1},
		} {
			for p := Forward; p <= GradW; p++ {
				na, nb, no := c.operands(p)
				a, b, out := Operand{Data: make([]float32, na)}, Operand{Data: make([]float32, nb)}, Output{Data: make([]float32, no)}
				if n := testing.AllocsPerRun(3, func() { c.run(e, p, out, a, b, b.Data) }); n != 0 {
					t.Errorf("strict=%v %+v %s: %v allocations", strict, c, passNames[p], n)
				}
			}
		}
	}
}
