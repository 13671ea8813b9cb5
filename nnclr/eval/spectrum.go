package eval

import (
	"math"
	"slices"
)

// rankRows is how many rows a rank is taken over.
const rankRows = 512

// EffectiveRank is exp of the entropy of the normalized eigenvalues of the covariance of rows
// [n, d]: how many dimensions they really use, 1 if they lie on a line. At most 512 rows count.
// Roy and Vetterli 2007.
func EffectiveRank(rows []float64, d int) float64 {
	n := min(len(rows)/d, rankRows)
	x := centered(rows[:n*d], d)
	values := eigenvalues(gram(x, n, d))
	total := 0.0
	for i, v := range values {
		values[i] = math.Max(v, 0) // rounding leaves tiny negative ones
		total += values[i]
	}
	if total <= 0 {
		return 1
	}
	entropy := 0.0
	for _, v := range values {
		if p := v / total; p > 0 {
			entropy -= p * math.Log(p)
		}
	}
	return math.Exp(entropy)
}

// Uniformity is ln of the mean of exp(-2·‖u-v‖²) over pairs of unit rows [n, d]; lower is more
// evenly spread. Wang and Isola 2020.
func Uniformity(rows []float64, d int) float64 {
	n := min(len(rows)/d, rankRows)
	sum := 0.0
	for i := range n {
		for j := range i {
			sum += math.Exp(-2 * distance2(rows[i*d:][:d], rows[j*d:][:d]))
		}
	}
	return math.Log(sum / float64(n*(n-1)/2))
}

// MeanCosine is the mean cosine of different unit rows [n, d]; 0 when they are centered.
func MeanCosine(rows []float64, d int) float64 {
	n := float64(len(rows) / d)
	sum := make([]float64, d)
	self := 0.0
	for i, v := range rows {
		sum[i%d] += v
		self += v * v
	}
	all := 0.0
	for _, v := range sum {
		all += v * v
	}
	return (all - self) / (n * (n - 1))
}

func distance2(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += (v - b[i]) * (v - b[i])
	}
	return sum
}

func centered(rows []float64, d int) []float64 {
	mean := make([]float64, d)
	n := float64(len(rows) / d)
	for i, v := range rows {
		mean[i%d] += v / n
	}
	x := slices.Clone(rows)
	for i := range x {
		x[i] -= mean[i%d]
	}
	return x
}

// gram is the smaller of X·Xᵀ and Xᵀ·X, which share their eigenvalues but for zeros.
func gram(x []float64, n, d int) [][]float64 {
	at := func(i, k int) float64 { return x[i*d+k] }
	size, depth := n, d
	if d < n {
		at = func(i, k int) float64 { return x[k*d+i] }
		size, depth = d, n
	}
	vectors := make([][]float64, size)
	for i := range vectors {
		vectors[i] = make([]float64, depth)
		for k := range depth {
			vectors[i][k] = at(i, k)
		}
	}
	g := make([][]float64, size)
	for i := range g {
		g[i] = make([]float64, size)
		for j := range i + 1 {
			sum := 0.0
			for k, v := range vectors[i] {
				sum += v * vectors[j][k]
			}
			g[i][j], g[j][i] = sum, sum
		}
	}
	return g
}

// eigenvalues of a symmetric matrix, which it overwrites: Householder's reduction to three
// diagonals, then QL with implicit shifts (Golub and Van Loan, 8.3).
func eigenvalues(a [][]float64) []float64 {
	d, e := tridiagonal(a)
	for low := range d {
		for range 60 { // converges in two or three rounds each
			m := low
			for m+1 < len(d) && math.Abs(e[m]) > 1e-16*(math.Abs(d[m])+math.Abs(d[m+1])) {
				m++
			}
			if m == low {
				break
			}
			sweep(d, e, low, m)
		}
	}
	return d
}

// sweep chases one bulge from m down to low.
func sweep(d, e []float64, low, m int) {
	g := (d[low+1] - d[low]) / (2 * e[low])
	g = d[m] - d[low] + e[low]/(g+math.Copysign(math.Hypot(g, 1), g)) // Wilkinson's shift
	s, c, p := 1.0, 1.0, 0.0
	for i := m - 1; i >= low; i-- {
		f, b := s*e[i], c*e[i]
		r := math.Hypot(f, g)
		e[i+1] = r
		if r == 0 {
			d[i+1] -= p
			e[m] = 0
			return
		}
		s, c = f/r, g/r
		g = d[i+1] - p
		r = (d[i]-g)*s + 2*c*b
		p = s * r
		d[i+1] = g + p
		g = c*r - b
	}
	d[low] -= p
	e[low], e[m] = g, 0
}

// tridiagonal gives the diagonal and the off-diagonal (e[i] beside d[i] and d[i+1]; the last is 0).
func tridiagonal(a [][]float64) (d, e []float64) {
	n := len(a)
	d, e = make([]float64, n), make([]float64, n)
	for k := 0; k+2 < n; k++ {
		v, beta := reflector(a, k)
		e[k] = beta
		if v != nil {
			reflect(a, v, k+1)
		}
	}
	for i := range n {
		d[i] = a[i][i]
	}
	if n > 1 {
		e[n-2] = a[n-1][n-2]
	}
	return d, e
}

// reflector is the unit vector of the reflection that maps column k below the diagonal to a
// multiple beta of the first axis; nil where it is that already.
func reflector(a [][]float64, k int) (v []float64, beta float64) {
	n := len(a)
	v = make([]float64, n-k-1)
	length := 0.0
	for i := range v {
		v[i] = a[k+1+i][k]
		length = math.Hypot(length, v[i])
	}
	if length == 0 {
		return nil, 0
	}
	beta = -math.Copysign(length, v[0])
	v[0] -= beta
	norm := 0.0
	for _, x := range v {
		norm = math.Hypot(norm, x)
	}
	for i := range v {
		v[i] /= norm
	}
	return v, beta
}

// reflect applies I - 2vvᵀ from both sides to the block of a that begins at from.
func reflect(a [][]float64, v []float64, from int) {
	w := make([]float64, len(v))
	dot := 0.0
	for i := range v {
		for j, x := range v {
			w[i] += a[from+i][from+j] * x
		}
		dot += w[i] * v[i]
	}
	for i := range w {
		w[i] -= dot * v[i]
	}
	for i := range v {
		for j := range v {
			a[from+i][from+j] -= 2 * (v[i]*w[j] + w[i]*v[j])
		}
	}
}
