package tensor

import (
	"fmt"

	"kith/tensor/rng"
)

// Uniform draws from [0, 1): like x, step I32 [] → x's spec. Element e is word e of the stream
// Key.At(step), as rng.Float32: the same bits on every device.
type Uniform struct {
	Key rng.Key
	NoGrad
}

// Infer wants x, a float, and step.
func (Uniform) Infer(in []Spec) ([]Spec, error) {
	if err := count(2, in); err != nil {
		return nil, err
	}
	if !in[1].Equal(Of(I32)) {
		return nil, fmt.Errorf("step is %v, want I32[]", in[1])
	}
	return in[:1], floats(in[0])
}

// Eval reads the stream.
func (o Uniform) Eval(out, in []Array) {
	s := o.Key.At(uint64(in[1].Data[0])).Stream()
	for i := range out[0].Data {
		out[0].Data[i] = float64(s.Float32())
	}
}

// Uniform is random numbers of [0, 1) in t's spec, drawn for step (I32 []) from key.
func (t *Tensor) Uniform(key rng.Key, step *Tensor) *Tensor { return one(Uniform{Key: key}, t, step) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Uniform{Key: rng.New(1)}, In: Draw(Normal(3, 17), Ints(0, 9))},
			{Op: Uniform{Key: rng.New(2)}, In: Draw(Normal(), Ints(7, 8))},
			{Op: Uniform{}, In: Draw(Normal(3), Normal()), Err: "want I32[]"},
		}
	})
}
