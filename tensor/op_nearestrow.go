package tensor

import (
	"fmt"
	"math"
)

// NearestRow finds for each query the K rows with the largest dot product, best first, ties to
// the smaller index: q [n,d], rows [m,d], id I32 [n], rowID I32 [m] → index I32 [n,K], score
// [n,K], wide.
//
// Row j is skipped for query i when rowID[j] = -2, or when id[i] ≥ 0 and id[i] = rowID[j] (with
// Same: id[i] ≠ rowID[j]). Missing places have index -1, score -2. Scores are one chain of fused
// multiply-adds over d ascending, so that equal embeddings find equal rows on every backend.
type NearestRow struct {
	K    int
	Same bool
	NoGrad
}

// Infer wants queries, rows and the ids of both.
func (o NearestRow) Infer(in []Spec) ([]Spec, error) {
	if err := ranks(in, 2, 2, 1, 1); err != nil {
		return nil, err
	}
	n, m := in[0].Shape[0], in[1].Shape[0]
	switch {
	case in[0].Shape[1] != in[1].Shape[1]:
		return nil, fmt.Errorf("queries have %d columns, rows %d", in[0].Shape[1], in[1].Shape[1])
	case in[2].Shape[0] != n || in[3].Shape[0] != m:
		return nil, fmt.Errorf("%d and %d ids for %d queries and %d rows", in[2].Shape[0], in[3].Shape[0], n, m)
	case in[2].DType != I32 || in[3].DType != I32:
		return nil, fmt.Errorf("ids are %v and %v, want I32", in[2].DType, in[3].DType)
	case o.K < 1:
		return nil, fmt.Errorf("want at least 1 neighbor, K is %d", o.K)
	}
	return []Spec{Of(I32, n, o.K), Of(in[0].DType.Wide(), n, o.K)}, floats(in[0], in[1])
}

// Eval scores every row that is not skipped and keeps the best.
func (o NearestRow) Eval(out, in []Array) {
	d := in[0].Shape[1]
	chain := fmaChain64
	if in[0].DType != F64 {
		chain = fmaChain32
	}
	for i, id := range in[2].Data {
		index, score := out[0].Data[i*o.K:][:o.K], out[1].Data[i*o.K:][:o.K]
		for k := range index {
			index[k], score[k] = -1, -2
		}
		for j, rowID := range in[3].Data {
			if rowID == -2 || id >= 0 && (id == rowID) != o.Same {
				continue
			}
			insert(index, score, j, chain(in[0].Data[i*d:][:d], in[1].Data[j*d:][:d]))
		}
	}
}

// insert puts candidate j into the list of the best; rows come in ascending order, so a tie
// goes behind.
func insert(index, score []float64, j int, s float64) {
	at := len(index)
	for at > 0 && (index[at-1] < 0 || s > score[at-1]) {
		at--
	}
	if at == len(index) {
		return
	}
	copy(index[at+1:], index[at:])
	copy(score[at+1:], score[at:])
	index[at], score[at] = float64(j), s
}

func fmaChain64(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum = math.FMA(v, b[i], sum)
	}
	return sum
}

func fmaChain32(a, b []float64) float64 {
	sum := float32(0)
	for i, v := range a {
		sum = fma32(float32(v), float32(b[i]), sum)
	}
	return float64(sum)
}

// fma32 is a·b + c rounded once. The product is exact in float64; rounding the sum to odd keeps
// the second rounding, to float32, from going wrong (Boldo and Melquiond 2008).
func fma32(a, b, c float32) float32 {
	p, q := float64(a)*float64(b), float64(c)
	s := p + q
	t := s - p
	e := (p - (s - t)) + (q - t) // what the sum lost; NaN where it is infinite, and stays
	if (e < 0 || e > 0) && math.Float64bits(s)&1 == 0 {
		step := int64(-1)
		if (e > 0) == (s > 0) {
			step = 1
		}
		s = math.Float64frombits(uint64(int64(math.Float64bits(s)) + step))
	}
	return float32(s)
}

// NearestRow finds for each row of t the k best of rows; see the op for ids.
func (t *Tensor) NearestRow(rows, id, rowID *Tensor, o NearestRow) (index, score *Tensor) {
	out := Apply(o, t, rows, id, rowID)
	return out[0], out[1]
}

func init() {
	Register(func() []Case {
		return []Case{
			{Op: NearestRow{K: 1}, In: Draw(Normal(5, 17), Normal(33, 17), Ints(-1, 4, 5), Ints(-2, 4, 33))},
			{Op: NearestRow{K: 3}, In: Draw(Normal(4, 8), Normal(9, 8), Ints(-1, 4, 4), Ints(-2, 4, 9))},
			{Op: NearestRow{K: 2, Same: true}, In: Draw(Normal(4, 8), Normal(9, 8), Ints(-1, 3, 4), Ints(-2, 3, 9))},
			{Op: NearestRow{K: 5}, In: Draw(Normal(2, 3), Normal(3, 3), Ints(-1, 0, 2), Ints(-1, 0, 3))},
			{Op: NearestRow{K: 2}, In: Draw(Normal(1, 1), Normal(65, 1), Ints(-1, 0, 1), Ints(-1, 0, 65))},
			{Name: "ties", Op: NearestRow{K: 2}, In: Draw(Exactly(F32, Shape{1, 2}, 1, 0),
				Exactly(F32, Shape{3, 2}, 0, 1, 1, 0, 1, 0), Ints(-1, 0, 1), Ints(-1, 0, 3))},
			{Op: NearestRow{K: 1}, In: Draw(Normal(64, 128), Normal(4096, 128), Ints(-1, 0, 64), Ints(-1, 0, 4096)), Big: true},
			{Op: NearestRow{}, In: Draw(Normal(1, 1), Normal(2, 1), Ints(-1, 0, 1), Ints(-1, 0, 2)), Err: "K is 0"},
		}
	})
}
