package tensor

import (
	"errors"
	"math"
)

// Advance moves an I32 cursor: x + By, modulo Mod where that is set, at most Max where that is.
type Advance struct {
	By, Mod, Max int
	NoGrad
}

// Infer wants x, I32.
func (o Advance) Infer(in []Spec) ([]Spec, error) {
	if err := count(1, in); err != nil {
		return nil, err
	}
	if in[0].DType != I32 {
		return nil, errors.New("a cursor is I32")
	}
	return in, nil
}

// At is the cursor's next place.
func (o Advance) At(x []float64) float64 {
	v := x[0] + float64(o.By)
	if o.Mod > 0 {
		v = math.Mod(v, float64(o.Mod))
	}
	if o.Max > 0 {
		v = min(v, float64(o.Max))
	}
	return v
}

// Eval is At of each element.
func (o Advance) Eval(out, in []Array) { pointwise(o, out, in) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Advance{By: 3, Mod: 5}, In: Draw(Ints(0, 5, 17))},
			{Op: Advance{By: 300, Max: 301}, In: Draw(Ints(0, 5))},
			{Op: Advance{By: 1}, In: Draw(Ints(-5, 5, 4))},
			{Op: Advance{By: 1}, In: Draw(Normal()), Err: "I32"},
		}
	})
}
