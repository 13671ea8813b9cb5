package tensor

import (
	"errors"
	"fmt"
	"math"
)

// CrossEntropy is the loss of each row and its log-sum-exp: logits [n,k], label I32 [n] →
// loss = lse - logits[label] [n], lse [n]. A row with label -1 has loss 0 and no gradient.
type CrossEntropy struct{}

// Infer wants logits with at least one column, and labels.
func (CrossEntropy) Infer(in []Spec) ([]Spec, error) {
	if err := ranks(in, 2, 1); err != nil {
		return nil, err
	}
	switch {
	case in[0].Shape[1] == 0:
		return nil, errors.New("rows are empty")
	case in[1].DType != I32:
		return nil, fmt.Errorf("labels are %v, want I32", in[1].DType)
	case in[0].Shape[0] != in[1].Shape[0]:
		return nil, fmt.Errorf("%d labels for %d rows", in[1].Shape[0], in[0].Shape[0])
	}
	s := Spec{in[0].DType, in[0].Shape[:1:1]}
	return []Spec{s, s}, floats(in[0])
}

// Eval subtracts the row maximum first: exp(89) overflows float32.
func (CrossEntropy) Eval(out, in []Array) {
	k := in[0].Shape[1]
	for i, label := range in[1].Data {
		x := in[0].Data[i*k:][:k]
		top := x[0]
		for _, v := range x {
			if beats(v, top) {
				top = v
			}
		}
		sum := 0.0
		for _, v := range x {
			sum += math.Exp(v - top)
		}
		// Apart, top and log add up exactly where the difference to the label's logit is small.
		lse := math.Log(sum)
		out[1].Data[i] = top + lse
		out[0].Data[i] = 0
		if label >= 0 {
			out[0].Data[i] = (top - x[int(label)]) + lse
		}
	}
}

// VJP: CrossEntropyGrad. The lse is an output for that alone.
func (CrossEntropy) VJP(in, out, grad []*Tensor) []*Tensor {
	if grad[0] == nil || grad[1] != nil {
		misuse("no gradient passes through the log-sum-exp that CrossEntropy returns")
	}
	return []*Tensor{one(CrossEntropyGrad{}, in[0], in[1], out[1], upstream(grad, in[0])), nil}
}

// CrossEntropy is the loss of each row of logits t, [n]; label is I32 [n], -1 for none.
func (t *Tensor) CrossEntropy(label *Tensor) *Tensor { return one(CrossEntropy{}, t, label) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: CrossEntropy{}, In: Draw(Normal(5, 17), Ints(-1, 17, 5))},
			{Op: CrossEntropy{}, In: Draw(Normal(3, 1), Ints(-1, 1, 3))},
			{Op: CrossEntropy{}, In: Draw(Normal(1, 33), Ints(0, 33, 1))},
			{Op: CrossEntropy{}, In: Draw(Normal(33, 4), Ints(0, 4, 33))},
			{Op: CrossEntropy{}, In: Draw(Normal(9, 65), Ints(0, 65, 9))},
			{Name: "large", Op: CrossEntropy{}, In: Draw(Exactly(F32, Shape{2, 2}, 1e4, -1e4, -1e4, 1e4), Ints(0, 2, 2))},
			{Op: CrossEntropy{}, In: Draw(Normal(5, 17), Ints(0, 17, 4)), Err: "4 labels for 5 rows"},
		}
	})
}
