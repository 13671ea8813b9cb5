package product

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"kith/backends/cpu/internal/simd"
	"kith/internal/par"
)

// winoBound asserts the bounds of spec/cpu.md 23.2: rms 1e-5 and 2e-4 at most, of the rms result. It
// returns both errors.
func winoBound(t *testing.T, got []float32, want []float64) (rel, worst float64) {
	t.Helper()
	var sum, ref, most float64
	for i, w := range want {
		err := math.Abs(float64(got[i]) - w)
		if math.IsNaN(err) {
			t.Fatalf("element %d is NaN", i)
		}
		sum, ref, most = sum+err*err, ref+w*w, max(most, err)
	}
	rms := math.Sqrt(ref / float64(len(want)))
	if rel, worst = math.Sqrt(sum/float64(len(want)))/rms, most/rms; rel > 1e-5 || worst > 2e-4 {
		t.Fatalf("rms error %.2g, largest %.2g, of rms", rel, worst)
	}
	return rel, worst
}

// The eight shapes of ResNet-18-CIFAR and ResNet-50 in all passes, at a batch at which Winograd's
// algorithm computes them, on a sample of outputs against float64. TestWinograd has the other levels.
func TestWinogradAccuracy(t *testing.T) {
	const sample = 2000
	pool := par.New(2)
	defer pool.Close()
	e := New(pool, simd.Detect(), Options{Alloc: poisoned, Free: poison})
	for _, s := range winoShapes {
		c := Conv{N: 8, H: s.side, W: s.side, C: s.wide, K: s.wide, R: 3, S: 3, Stride: 1, Pad: 1}
		for !e.winograd(c) {
			c.N *= 2
		}
		for p := Forward; p <= GradW; p++ {
			r := rand.New(rand.NewPCG(15, 16))
			na, nb, no := c.operands(p)
			a, b, out := normal(r, na), normal(r, nb), make([]float32, no)
			c.run(e, p, Output{Data: out}, Operand{Data: a}, Operand{Data: b}, b)
			got, want := make([]float32, sample), make([]float64, sample)
			for k := range sample {
				i := r.IntN(no)
				got[k] = out[i]
				want[k], _ = c.at(p, a, b, i)
			}
			rel, worst := winoBound(t, got, want)
			t.Logf("%-10s batch %2d %-7s rms %.1e largest %.1e", s.name, c.N, passNames[p], rel, worst)
		}
	}
}

// normal makes n normal numbers.
func normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func TestWinograd(t *testing.T) {
	for _, c := range []Conv{
		{N: 24, H: 4, W: 4, C: 64, K: 64},
		{N: 2, H: 13, W: 18, C: 64, K: 96},
		{N: 9, H: 7, W: 7, C: 128, K: 64},
		{N: 3, H: 1, W: 50, C: 64, K: 160},
		{N: 5, H: 9, W: 11, C: 288, K: 64},
		{N: 1, H: 33, W: 14, C: 64, K: 288},
		{N: 6, H: 5, W: 7, C: 64, K: 64}, {N: 12, H: 2, W: 10, C: 96, K: 64}, {N: 24, H: 5, W: 1, C: 64, K: 64},
		{N: 8, H: 7, W: 7, C: 512, K: 320},
	} {
		c.R, c.S, c.Stride, c.Pad = 3, 3, 1, 1
		for p := Forward; p <= GradW; p++ {
			r := rand.New(rand.NewPCG(9, 10))
			na, nb, no := c.operands(p)
			a, b, old := random(r, na), random(r, nb), random(r, no)
			want, _ := c.naive(p, a, b)
			var first []float32
			engines(t, Options{}, func(name string, e *Engine) {
				if !e.winograd(c) {
					t.Fatalf("%+v is not computed by Winograd's algorithm", c)
				}
				if e.kern == simd.ProductsOf(simd.Generic) && len(e.slots) > 2 {
					return // slow, and chunks are those of the other levels
				}
				t.Run(fmt.Sprintf("%+v/%s/%s", c, passNames[p], name), func(t *testing.T) {
					all, got := guarded(no)
					c.run(e, p, Output{Data: got}, Operand{Data: a}, Operand{Data: b}, b)
					checkGuard(t, all, no)
					winoBound(t, got, want)
					if e.kern == simd.ProductsOf(simd.Generic) {
						return
					}
					if first == nil {
						first = got
					}
					sameBits(t, got, first)
					c.testHooks(t, e, p, a, b, old, got)
				})
			})
		}
	}
}

// testHooks checks loaded operands, addition and tiles against a plain result.
func (c Conv) testHooks(t *testing.T, e *Engine, p Pass, a, b, old, want []float32) {
	t.Helper()
	width := [3]int{c.K, c.C, c.R * c.S * c.C}[p]
	sum, seen := append([]float32(nil), old...), make([]float32, len(old))
	c.run(e, p, Output{Data: sum, Add: true}, loaded(a), loaded(b), b)
	next := map[[2]int]int{}
	c.run(e, p, Output{Done: func(q Tile) {
		if len(e.slots) == 1 {
			if n, ok := next[[2]int{q.Chunk, q.Col}]; ok && n != q.Row {
				t.Errorf("tile at row %d after row %d", q.Row, n)
			}
			next[[2]int{q.Chunk, q.Col}] = q.Row + q.Rows
		}
		if q.Chunk >= e.Chunks(c, p) {
			t.Errorf("chunk %d of %d", q.Chunk, e.Chunks(c, p))
		}
		wide := width
		if p == GradW && q.Pitch == c.C { // parts of filters
			wide = c.C
		}
		for r := range q.Rows {
			for i, v := range q.Data[r*q.Pitch:][:q.Cols] {
				seen[(q.Row+r)*wide+q.Col+i] += v
			}
		}
	}}, loaded(a), Operand{Data: b}, b)
	sameBits(t, seen, want)
	for i, v := range want {
		want := old[i] + v
		if sum[i] != want {
			t.Fatalf("element %d: %v added to %v gave %v", i, v, old[i], sum[i])
		}
	}
}
