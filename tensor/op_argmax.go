package tensor

import "errors"

// ArgMax is the place of the largest element of each row, ties to the smaller index; a NaN
// counts as largest: x [n,k] → I32 [n].
type ArgMax struct{ NoGrad }

// Infer wants x, a float with at least one column.
func (ArgMax) Infer(in []Spec) ([]Spec, error) {
	if err := ranks(in, 2); err != nil {
		return nil, err
	}
	if in[0].Shape[1] == 0 {
		return nil, errors.New("rows are empty")
	}
	return []Spec{{I32, in[0].Shape[:1:1]}}, floats(in...)
}

// Eval walks each row.
func (ArgMax) Eval(out, in []Array) {
	k := in[0].Shape[1]
	for i := range out[0].Data {
		best := 0
		for j, v := range in[0].Data[i*k:][:k] {
			if beats(v, in[0].Data[i*k+best]) {
				best = j
			}
		}
		out[0].Data[i] = float64(best)
	}
}

// beats orders candidates for a maximum that does not lose a NaN: the first one wins.
func beats(v, best float64) bool { return v > best || v != v && best == best }

// ArgMax is the index of the largest element of each row.
func (t *Tensor) ArgMax() *Tensor { return one(ArgMax{}, t) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: ArgMax{}, In: Draw(Normal(3, 17))},
			{Op: ArgMax{}, In: Draw(Normal(5, 1))},
			{Op: ArgMax{}, In: Draw(Exactly(F32, Shape{2, 4}, 1, 7, 7, 0, -3, -3, -3, -4))},
			{Op: ArgMax{}, In: Draw(Normal(65, 33))},
			{Op: ArgMax{}, In: Draw(Normal(3, 0)), Err: "empty"},
		}
	})
}
