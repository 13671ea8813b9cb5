package tensor

import "fmt"

// MatMul is a·b. a is [m,k], or [k,m] with TransA; b is [k,n], or [n,k] with TransB.
// Wide keeps the result [m,n] in the dtype that it was summed in.
type MatMul struct{ TransA, TransB, Wide bool }

// Infer wants a and b, of one float dtype.
func (o MatMul) Infer(in []Spec) ([]Spec, error) {
	if err := ranks(in, 2, 2); err != nil {
		return nil, err
	}
	m, k, n, kb := o.sizes(in[0].Shape, in[1].Shape)
	if k != kb {
		return nil, fmt.Errorf("inner sizes %d and %d differ", k, kb)
	}
	d := in[0].DType
	if o.Wide {
		d = d.Wide()
	}
	return []Spec{Of(d, m, n)}, floats(in...)
}

// sizes reads a and b as stored; k is a's inner size, kb is b's.
func (o MatMul) sizes(a, b Shape) (m, k, n, kb int) {
	m, k, kb, n = a[0], a[1], b[0], b[1]
	if o.TransA {
		m, k = k, m
	}
	if o.TransB {
		kb, n = n, kb
	}
	return m, k, n, kb
}

// Eval: rows of a times rows of b where b is transposed, else sums of b's rows.
func (o MatMul) Eval(out, in []Array) {
	m, k, n, _ := o.sizes(in[0].Shape, in[1].Shape)
	a, b := in[0].Data, in[1].Data
	row := make([]float64, k)
	for i := range m {
		for p := range row {
			if o.TransA {
				row[p] = a[p*m+i]
			} else {
				row[p] = a[i*k+p]
			}
		}
		y := out[0].Data[i*n:][:n]
		if o.TransB {
			for j := range y {
				y[j] = dot(row, b[j*k:][:k])
			}
			continue
		}
		clear(y)
		for p, v := range row {
			addScaled(y, v, b[p*n:][:n])
		}
	}
}

// addScaled is y += v·x.
func addScaled(y []float64, v float64, x []float64) {
	y = y[:len(x)]
	for i, w := range x {
		y[i] += v * w
	}
}

// VJP: da = dy·bᵀ, db = aᵀ·dy. Both are products, transposed so that each gradient has its input's
// layout; b is taken for the weight, whose gradient stays wide.
func (o MatMul) VJP(in, _, grad []*Tensor) []*Tensor {
	a, b, dy := in[0], in[1], upstream(grad, in[0])
	var da, db *Tensor
	if o.TransA {
		da = one(MatMul{TransA: o.TransB, TransB: true}, b, dy) // daᵀ = dy·bᵀ
	} else {
		da = one(MatMul{TransB: !o.TransB}, dy, b)
	}
	if o.TransB {
		db = one(MatMul{TransA: true, TransB: o.TransA, Wide: true}, dy, a) // dbᵀ = dyᵀ·a
	} else {
		db = one(MatMul{TransA: !o.TransA, Wide: true}, a, dy)
	}
	return []*Tensor{da, db}
}

// MatMul is t·b: [m,k]·[k,n].
func (t *Tensor) MatMul(b *Tensor) *Tensor { return one(MatMul{}, t, b) }

// MatMulT is t·bᵀ: [m,k]·[n,k]ᵀ, both sides depth-major.
func (t *Tensor) MatMulT(b *Tensor) *Tensor { return one(MatMul{TransB: true}, t, b) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: MatMul{}, In: Draw(Normal(3, 17), Normal(17, 5))},
			{Op: MatMul{TransB: true}, In: Draw(Normal(3, 17), Normal(5, 17))},
			{Op: MatMul{TransA: true}, In: Draw(Normal(17, 3), Normal(17, 5))},
			{Op: MatMul{TransA: true, TransB: true}, In: Draw(Normal(17, 3), Normal(5, 17))},
			{Op: MatMul{TransB: true}, In: Draw(Normal(1, 1), Normal(1, 1))},
			{Op: MatMul{TransB: true}, In: Draw(Normal(4, 1), Normal(7, 1))},
			{Op: MatMul{TransA: true, Wide: true}, In: Draw(Normal(33, 9), Normal(33, 2))},
			{Op: MatMul{TransB: true}, In: Draw(Normal(256, 512), Normal(256, 512)), Big: true},
			{Op: MatMul{}, In: Draw(Normal(3, 4), Normal(3, 4)), Err: "inner sizes 4 and 3"},
		}
	})
}
