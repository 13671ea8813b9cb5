package product

// A low product has few rows and a wide second operand, as heads have at small batches. Packing that
// operand would cost as much as the product; so the roles are exchanged, outᵀ = bᵀ·aᵀ: b is read
// where it lies, a is packed, and tiles are turned when they are complete.
const (
	lowRows = 96
	lowCols = 256
)

func (g Gemm) low() bool { return !g.TransA && !g.Whole && g.M <= lowRows && g.N >= lowCols }

// A turned output receives the tiles of outᵀ.
type turned struct {
	out  Output
	n    int        // columns of out
	done func(Tile) // of this, made once
}

func (e *Engine) gemmLow(out Output, a, b Operand, g Gemm) {
	t := &e.turned
	if t.done == nil {
		t.done = t.tile
	}
	e.whole(&out, g.M*g.N)
	t.out, t.n = out, g.N
	e.Gemm(Output{Done: t.done}, b, a, Gemm{M: g.N, N: g.M, K: g.K, TransA: !g.TransB, TransB: true, Half: g.Half})
	t.out = Output{}
}

// tile turns a tile of outᵀ, all of whose columns it holds, into a tile of out.
func (t *turned) tile(q Tile) {
	to := Tile{
		Data: t.out.Data[q.Col*t.n+q.Row:], Pitch: t.n,
		Row: q.Col, Rows: q.Cols, Col: q.Row, Cols: q.Rows,
	}
	// Blocks of 16 columns keep what is read and what is written in L1.
	for c0 := 0; c0 < q.Rows; c0 += 16 {
		for r := range q.Cols {
			dst := to.Data[r*to.Pitch+c0:][:min(16, q.Rows-c0)]
			for c := range dst {
				v := q.Data[(c0+c)*q.Pitch+r]
				if t.out.Add {
					v += dst[c]
				}
				dst[c] = v
			}
		}
	}
	if t.out.Done != nil {
		t.out.Done(to)
	}
}
