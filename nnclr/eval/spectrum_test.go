package eval

import (
	"math"
	"testing"
)

// units is z1 of the specification's G2, rows of length 1.
func units() []float64 {
	z := fill(1, 8, 16)
	u := make([]float64, len(z))
	for i := range 8 {
		sum := 0.0
		for _, v := range z[i*16:][:16] {
			sum += float64(v) * float64(v)
		}
		for j, v := range z[i*16:][:16] {
			u[i*16+j] = float64(v) / math.Sqrt(sum)
		}
	}
	return u
}

func TestGoldenSpectrum(t *testing.T) {
	u := units()
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"rank", EffectiveRank(u, 16), 5.322695849470},
		{"emb_cos", MeanCosine(u, 16), -0.062371756951},
		{"uniform", Uniformity(u, 16), -3.509197650222},
	} {
		if math.Abs(c.got-c.want) > 1e-11 {
			t.Errorf("%s = %.12f, want %.12f", c.name, c.got, c.want)
		}
	}
}

// A constant and a line use one dimension, a cloud on two axes two.
func TestRankOfKnownClouds(t *testing.T) {
	for _, c := range []struct {
		rows []float64
		d    int
		want float64
	}{
		{[]float64{1, 2, 1, 2, 1, 2}, 2, 1},
		{[]float64{1, 1, -1, -1, 2, 2}, 2, 1},
		{[]float64{1, 0, 0, -1, 0, 0, 0, 1, 0, 0, -1, 0}, 3, 2},
		{[]float64{5}, 1, 1},
	} {
		if got := EffectiveRank(c.rows, c.d); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("rank of %v is %v, want %v", c.rows, got, c.want)
		}
	}
}

// Eigenvalues of a matrix with a known spectrum: trace and sum of squares must agree, and so must
// the closed form of the path graph's Laplacian, 2 - 2cos(πk/n).
func TestEigenvalues(t *testing.T) {
	const n = 12
	a := make([][]float64, n)
	for i := range a {
		a[i] = make([]float64, n)
		for j := range n {
			if i == j {
				a[i][j] = 2
			} else if i == j+1 || j == i+1 {
				a[i][j] = -1
			}
		}
	}
	a[0][0], a[n-1][n-1] = 1, 1
	// Turn the basis, so that the matrix is full: reflect by a vector of ones.
	v := make([]float64, n)
	for i := range v {
		v[i] = 1 / math.Sqrt(n)
	}
	v[3] *= -1
	reflect(a, v, 0)
	got := eigenvalues(a)
	for k := range n {
		want, best := 2-2*math.Cos(math.Pi*float64(k)/n), math.Inf(1)
		for _, g := range got {
			best = math.Min(best, math.Abs(g-want))
		}
		if best > 1e-12 {
			t.Errorf("no eigenvalue %v among %v", want, got)
		}
	}
}
