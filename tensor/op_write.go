package tensor

import "fmt"

// Write makes its first input hold the second. It has no output and runs at commit only.
type Write struct{ NoGrad }

// Infer wants t and v of one spec.
func (Write) Infer(in []Spec) ([]Spec, error) {
	if err := count(2, in); err != nil {
		return nil, err
	}
	if !in[0].Equal(in[1]) {
		return nil, fmt.Errorf("%v cannot hold %v", in[0], in[1])
	}
	return nil, nil
}

// Eval copies.
func (Write) Eval(_, in []Array) { copy(in[0].Data, in[1].Data) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Write{}, In: Draw(Normal(3, 17), Normal(3, 17))},
			{Op: Write{}, In: Draw(Ints(0, 9), Ints(0, 9))},
			{Op: Write{}, In: Draw(Mask(33), Mask(33))},
			{Op: Write{}, In: Draw(Normal(3), Normal(4)), Err: "cannot hold"},
		}
	})
}
