package tensor

import (
	"fmt"
	"math"
	"slices"
)

// CrossEntropyGrad is the loss's gradient: logits [n,k], label I32 [n], lse [n], dloss [n] →
// (softmax - onehot)·dloss [n,k]; zero where label is -1.
type CrossEntropyGrad struct{ NoGrad }

// Infer wants what CrossEntropy took and gave.
func (CrossEntropyGrad) Infer(in []Spec) ([]Spec, error) {
	if err := ranks(in, 2, 1, 1, 1); err != nil {
		return nil, err
	}
	for _, s := range in[1:] {
		if !slices.Equal(s.Shape, in[0].Shape[:1]) {
			return nil, fmt.Errorf("%d entries for %d rows", s.Shape[0], in[0].Shape[0])
		}
	}
	if in[1].DType != I32 {
		return nil, fmt.Errorf("labels are %v, want I32", in[1].DType)
	}
	return in[:1], floats(in[0], in[2], in[3])
}

// Eval walks the rows.
func (CrossEntropyGrad) Eval(out, in []Array) {
	k := in[0].Shape[1]
	for i, label := range in[1].Data {
		row := out[0].Data[i*k:][:k]
		clear(row)
		if label < 0 {
			continue
		}
		lse, dloss := in[2].Data[i], in[3].Data[i]
		for j, v := range in[0].Data[i*k:][:k] {
			p := math.Exp(v - lse)
			if j == int(label) {
				p--
			}
			row[j] = p * dloss
		}
	}
}

func init() {
	Register(func() []Case {
		return []Case{
			{Op: CrossEntropyGrad{}, In: Draw(Normal(5, 17), Ints(-1, 17, 5), Above(3, Normal(5)), Normal(5))},
			{Op: CrossEntropyGrad{}, In: Draw(Normal(3, 1), Ints(-1, 1, 3), Above(2, Normal(3)), Normal(3))},
			{Op: CrossEntropyGrad{}, In: Draw(Normal(33, 4), Ints(0, 4, 33), Above(2, Normal(33)), Normal(33))},
		}
	})
}
