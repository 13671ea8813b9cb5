package product

// A Gemm is a product of matrices: out [M, N] = a [M, K] · b [K, N].
type Gemm struct {
	M, N, K int
	TransA  bool // a is stored [K, M]
	TransB  bool // b is stored [N, K]
	Whole   bool // never cut the depth: each element is a single chain (similarity search)
}

// gemmRows is the number of rows in a chunk of a product's output.
const gemmRows = 112

// Chunks returns the number of row chunks of the output, each of at most 1,024 rows.
func (g Gemm) Chunks() int { return (g.M + gemmRows - 1) / gemmRows }

// PackedLen returns the number of elements of b in packed form.
func (g Gemm) PackedLen() int { return g.K * g.N }

// Pack writes b as PackedGemm wants it.
func (e *Engine) Pack(dst []float32, b Operand, g Gemm) {
	b.Data = b.load(make([]float32, g.K*g.N), 0, g.K*g.N)
	for k := range g.K {
		for n := range g.N {
			if g.TransB {
				dst[k*g.N+n] = b.Data[n*g.K+k]
			} else {
				dst[k*g.N+n] = b.Data[k*g.N+n]
			}
		}
	}
}

// Gemm computes a product.
func (e *Engine) Gemm(out Output, a, b Operand, g Gemm) {
	packed := make([]float32, g.PackedLen())
	e.Pack(packed, b, g)
	e.PackedGemm(out, a, packed, g)
}

// PackedGemm computes a product whose second operand is packed.
func (e *Engine) PackedGemm(out Output, a Operand, packed []float32, g Gemm) {
	av := a.load(make([]float32, g.M*g.K), 0, g.M*g.K)
	e.pool.For(g.Chunks(), func(chunk int) {
		m0 := chunk * gemmRows
		m1 := min(m0+gemmRows, g.M)
		c := make([]float32, (m1-m0)*g.N)
		if out.Data != nil {
			c = out.Data[m0*g.N : m1*g.N]
		}
		if !out.Add {
			clear(c)
		}
		for m := m0; m < m1; m++ {
			for k := range g.K {
				x := 0
				if g.TransA {
					x = k*g.M + m
				} else {
					x = m*g.K + k
				}
				row := packed[k*g.N:][:g.N]
				for n, v := range row {
					c[(m-m0)*g.N+n] += av[x] * v
				}
			}
		}
		if out.Done != nil {
			out.Done(Tile{Data: c, Pitch: g.N, Row: m0, Rows: m1 - m0, Cols: g.N, Chunk: chunk})
		}
	})
}
