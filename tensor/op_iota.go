package tensor

import "errors"

// Iota counts the rows of x: [n, ...] → From, From+1, … as I32 [n].
type Iota struct {
	From int
	NoGrad
}

// Infer wants x of any dtype and at least one axis.
func (Iota) Infer(in []Spec) ([]Spec, error) {
	if err := count(1, in); err != nil {
		return nil, err
	}
	if len(in[0].Shape) == 0 {
		return nil, errors.New("a scalar has no rows")
	}
	return []Spec{{I32, in[0].Shape[:1:1]}}, nil
}

// Eval counts.
func (o Iota) Eval(out, in []Array) {
	for i := range out[0].Data {
		out[0].Data[i] = float64(o.From + i)
	}
}

// Iota is from, from+1, … for the rows of t, I32 [n].
func (t *Tensor) Iota(from int) *Tensor { return one(Iota{From: from}, t) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Iota{}, In: Draw(Normal(3, 17))},
			{Op: Iota{From: 64}, In: Draw(Mask(33))},
			{Op: Iota{}, In: Draw(Normal()), Err: "no rows"},
		}
	})
}
