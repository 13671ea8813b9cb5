package product

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"kith/backends/cpu/internal/simd"
	"kith/internal/bf16"
	"kith/internal/par"
)

// matrixEngines calls f for the definition of the matrix unit and for the unit itself, where there is
// one (TestLevels of package cpu says), with 1 thread and more; 1 thread comes first.
func matrixEngines(t *testing.T, f func(t *testing.T, e *Engine)) {
	for _, l := range []simd.Level{simd.Generic, simd.AMX} {
		if l.Missing() != "" {
			continue
		}
		t.Run(l.String(), func(t *testing.T) {
			for _, threads := range []int{1, 3} {
				pool := par.New(threads)
				f(t, New(pool, l, Options{Matrix: true, Alloc: poisoned, Free: poison}))
				pool.Close()
			}
		})
	}
}

// matrixConvs are shapes for strips: stride one and two, few and many images side by side, filters
// of one tap, maps that are cut into blocks, columns in groups.
func matrixConvs() []Conv {
	list := []Conv{
		{N: 3, H: 4, W: 4, C: 64, K: 33, R: 3, S: 3, Stride: 1, Pad: 1},
		{N: 5, H: 7, W: 7, C: 32, K: 64, R: 3, S: 3, Stride: 1, Pad: 1},
		{N: 2, H: 30, W: 34, C: 64, K: 32, R: 3, S: 3, Stride: 1, Pad: 1},
		{N: 3, H: 15, W: 12, C: 32, K: 64, R: 3, S: 3, Stride: 2, Pad: 1},
		{N: 5, H: 8, W: 8, C: 64, K: 32, R: 3, S: 3, Stride: 2, Pad: 1},
		{N: 2, H: 16, W: 16, C: 32, K: 160, R: 1, S: 1, Stride: 2, Pad: 0},
		{N: 2, H: 9, W: 10, C: 96, K: 32, R: 5, S: 2, Stride: 1, Pad: 2},
		{N: 1, H: 6, W: 33, C: 32, K: 32, R: 2, S: 3, Stride: 2, Pad: 0},
		{N: 33, H: 4, W: 4, C: 32, K: 32, R: 3, S: 3, Stride: 1, Pad: 1},
		{N: 2, H: 20, W: 20, C: 64, K: 64, R: 1, S: 1, Stride: 1, Pad: 0},
		{N: 1, H: 60, W: 40, C: 160, K: 160, R: 3, S: 3, Stride: 1, Pad: 1},
	}
	return append(list, convCases()...)
}

// halved makes bf16 numbers of x an operand, stored or loaded.
func halved(x []float32, load bool) Operand {
	h := make([]uint16, len(x))
	for i, v := range x {
		h[i] = uint16(bf16.Narrow(v))
	}
	if !load {
		return Operand{Data: x, Half: h}
	}
	o := loaded(x)
	o.LoadHalf = func(dst []uint16, at int) { copy(dst, h[at:at+len(dst)]) }
	return o
}

// Convolutions of bf16 numbers on the matrix unit: every pass, stored and loaded operands, added
// results and tiles.
func TestMatrixConv(t *testing.T) {
	for _, c := range matrixConvs() {
		c.Half = true
		for p := Forward; p <= GradW; p++ {
			r := rand.New(rand.NewPCG(7, 8))
			na, nb, no := c.operands(p)
			a, b := random(r, na), random(r, nb)
			round(a)
			round(b)
			want, abs := c.naive(p, a, b)
			ai, bi := lattice(r, na, c.depth(p)), lattice(r, nb, c.depth(p))
			exact, _ := c.naive(p, ai, bi)
			var first []float32
			t.Run(fmt.Sprintf("%+v/%s", c, passNames[p]), func(t *testing.T) {
				matrixEngines(t, func(t *testing.T, e *Engine) {
					all, got := guarded(no)
					c.run(e, p, Output{Data: got}, halved(a, false), halved(b, false), b)
					checkGuard(t, all, no)
					gammaK(t, got, want, abs, c.depth(p))
					if len(e.slots) == 1 {
						first = got
					}
					sameBits(t, got, first)
					old := lattice(r, no, c.depth(p))
					sum, seen := append([]float32(nil), old...), make([]float32, no)
					width := [3]int{c.K, c.C, c.R * c.S * c.C}[p]
					c.run(e, p, Output{Data: sum, Add: true}, halved(ai, true), halved(bi, true), bi)
					next := map[[2]int]int{}
					c.run(e, p, Output{Done: func(q Tile) {
						if len(e.slots) > 1 {
							return
						}
						if q.Chunk >= e.Chunks(c, p) || q.Rows > 1024 || q.Row < next[[2]int{q.Chunk, q.Col}] {
							t.Errorf("chunk %d of %d, %d rows from %d", q.Chunk, e.Chunks(c, p), q.Rows, q.Row)
						}
						next[[2]int{q.Chunk, q.Col}] = q.Row + q.Rows
						for r := range q.Rows {
							for i, v := range q.Data[r*q.Pitch:][:q.Cols] {
								seen[(q.Row+r)*width+q.Col+i] += v
							}
						}
					}}, Operand{Data: ai}, loaded(bi), bi)
					for i, w := range exact {
						if len(e.slots) == 1 && float64(seen[i]) != w || float64(sum[i]) != w+float64(old[i]) {
							t.Fatalf("lattice element %d: got %v, and %v added to %v; want %v", i, seen[i], sum[i], old[i], w)
						}
					}
				})
			})
		}
	}
}

// Maps so large, or so deep, that a task takes a part of the rows: too much work to compute here, but
// cutting it must come to an end.
func TestMatrixCuts(t *testing.T) {
	for _, s := range [][3]int{{224, 64, 64}, {200, 64, 64}, {200, 256, 256}, {128, 128, 128}, {96, 256, 256}, {56, 256, 512}, {64, 512, 512}, {28, 512, 2048}} {
		for _, r := range []int{1, 3, 5, 7, 11} {
			for stride := range 3 {
				c := Conv{N: 2, H: s[0], W: s[0], C: s[1], K: s[2], R: r, S: r, Stride: stride + 1, Pad: r / 2, Half: true}
				matrixEngines(t, func(t *testing.T, e *Engine) {
					for _, p := range []Pass{Forward, GradX, GradW} {
						if n := e.Chunks(c, p); n < 1 {
							t.Errorf("%+v, %s: %d chunks", c, passNames[p], n)
						}
					}
				})
			}
		}
	}
}

// Products of matrices of bf16 numbers.
func TestMatrixGemm(t *testing.T) {
	for _, c := range gemmCases() {
		if c.Whole || c.TransA && c.TransB {
			continue
		}
		c.Half = true
		r := rand.New(rand.NewPCG(3, 4))
		a, b, old := random(r, c.M*c.K), random(r, c.K*c.N), random(r, c.M*c.N)
		round(a)
		round(b)
		want, abs := c.naive(a, b, old)
		var first []float32
		t.Run(c.String(), func(t *testing.T) {
			matrixEngines(t, func(t *testing.T, e *Engine) {
				got := c.run(t, e, a, b, old)
				gammaK(t, got, want, abs, c.K+1)
				if len(e.slots) == 1 {
					first = got
				}
				sameBits(t, got, first)
				stored := make([]float32, c.M*c.N)
				e.Gemm(Output{Data: stored}, halved(a, false), halved(b, false), c.Gemm)
				if !c.add {
					sameBits(t, stored, got)
				}
			})
		})
	}
}

// Rows longer than what Load is asked for at once go in pieces.
func TestMatrixLongRows(t *testing.T) {
	c := gemmCase{Gemm: Gemm{M: 4, N: 5, K: mostLoad + 3616, Half: true}, load: true}
	r := rand.New(rand.NewPCG(3, 5))
	a, b, old := random(r, c.M*c.K), random(r, c.K*c.N), random(r, c.M*c.N)
	round(a)
	round(b)
	want, abs := c.naive(a, b, old)
	matrixEngines(t, func(t *testing.T, e *Engine) {
		for i, v := range c.run(t, e, a, b, old) {
			if !(math.Abs(float64(v)-want[i]) <= 1e-6*abs[i]) {
				t.Errorf("element %d: %v, want %v", i, v, want[i])
			}
		}
	})
}

// The matrix unit allocates nothing in the steady state either.
func TestMatrixAllocs(t *testing.T) {
	pool := par.New(2)
	defer pool.Close()
	e := New(pool, simd.Detect(), Options{Matrix: true})
	for _, g := range []Gemm{{M: 64, N: 512, K: 64, TransB: true}, {M: 200, N: 64, K: 64}, {M: 64, N: 64, K: 300, TransA: true}} {
		g.Half = true
		a, b, out := halved(make([]float32, g.M*g.K), false), halved(make([]float32, g.K*g.N), false), Output{Data: make([]float32, g.M*g.N)}
		if n := testing.AllocsPerRun(3, func() { e.Gemm(out, a, b, g) }); n != 0 {
			t.Errorf("%+v: %v allocations", g, n)
		}
	}
	for _, c := range []Conv{
		{N: 24, H: 4, W: 4, C: 64, K: 64, R: 3, S: 3, Stride: 1, Pad: 1, Half: true},
		{N: 2, H: 9, W: 9, C: 32, K: 32, R: 3, S: 3, Stride: 2, Pad: 1, Half: true},
		{N: 2, H: 9, W: 9, C: 8, K: 8, R: 3, S: 3, Stride: 2, Pad: 1, Half: true},
	} {
		for p := Forward; p <= GradW; p++ {
			na, nb, no := c.operands(p)
			a, b, out := halved(make([]float32, na), false), halved(make([]float32, nb), false), Output{Data: make([]float32, no)}
			if n := testing.AllocsPerRun(3, func() { c.run(e, p, out, a, b, b.Data) }); n != 0 {
				t.Errorf("%+v %s: %v allocations", c, passNames[p], n)
			}
		}
	}
}

// BenchmarkMatrixConv times the passes on stored operands against the float32 peak of vectors.
func BenchmarkMatrixConv(b *testing.B) {
	if simd.Detect() != simd.AMX {
		b.Skip(simd.AMX.Missing())
	}
	for _, shape := range resnetConvs {
		c := shape.Conv
		c.N, c.Half = shape.batch/2, true
		for p := Forward; p <= GradW; p++ {
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("%s/%s/T%d", shape.name, passNames[p], threads), func(b *testing.B) {
					pool := par.New(threads)
					defer pool.Close()
					alloc := floats(b)
					e := New(pool, simd.AMX, Options{Alloc: alloc})
					na, nb, no := c.operands(p)
					half := func(n int) Operand {
						x := alloc(n)
						return Operand{Data: x, Half: asHalves(x)[:n]}
					}
					x, w, out := half(na), half(nb), Output{Data: alloc(no)}
					if p != GradW { // as a step has it: results are seen in tiles only
						out = Output{Done: func(Tile) {}}
					}
					packed := alloc(max(1, e.PackedFilters(c, min(p, GradX))))
					flops := 2 * float64(c.N*c.P()*c.Q()) * float64(c.K*c.R*c.S*c.C)
					bench(b, pool, simd.AMX, flops, func() {
						switch p {
						case Forward:
							e.PackedForward(out, x, packed, c)
						case GradX:
							e.PackedGradX(out, x, packed, c)
						case GradW:
							e.GradW(out, x, w, c)
						}
					})
				})
			}
		}
	}
}
