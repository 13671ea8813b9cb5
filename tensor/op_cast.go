package tensor

import "fmt"

// Cast changes the dtype. Floats round to nearest even; so do integers, which also saturate and
// have 0 for NaN. On an exact root, casts between floats return their input.
type Cast struct{ To DType }

// Infer wants x of any dtype.
func (o Cast) Infer(in []Spec) ([]Spec, error) {
	if err := count(1, in); err != nil {
		return nil, err
	}
	if o.To > U8 {
		return nil, fmt.Errorf("there is no dtype %d", uint8(o.To))
	}
	return []Spec{{o.To, in[0].Shape}}, nil
}

// At is x; the store rounds.
func (Cast) At(x []float64) float64 { return x[0] }

// Eval is At of each element.
func (o Cast) Eval(out, in []Array) { pointwise(o, out, in) }

// VJP: dx = dy in x's dtype; nothing reaches integers.
func (Cast) VJP(in, _, grad []*Tensor) []*Tensor {
	if !in[0].DType.Float() {
		return nil
	}
	return []*Tensor{grad[0].Cast(in[0].DType)}
}

// Cast is t in another dtype; t itself where it has that dtype already.
func (t *Tensor) Cast(to DType) *Tensor {
	if t.DType == to {
		return t
	}
	return one(Cast{to}, t)
}

// Wide is t in the dtype that sums of it are kept in.
func (t *Tensor) Wide() *Tensor { return t.Cast(t.DType.Wide()) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Cast{BF16}, In: Draw(Normal(3, 17))},
			{Op: Cast{BF16}, In: Draw(Normal(5, 1))},
			{Op: Cast{BF16}, In: Draw(Exactly(F32, Shape{4}, 1+1.0/256, 1+3.0/256, -1-1.0/256, 3))},
			{Op: Cast{I32}, In: Draw(Exactly(F32, Shape{6}, 0.5, 1.5, 2.5, -0.5, -1.5, 7))},
			{Op: Cast{U8}, In: Draw(Exactly(F32, Shape{5}, -3, 0.5, 1.5, 254.5, 300))},
			{Op: Cast{F32}, In: Draw(Ints(-5000, 5000, 2, 9))},
			{Op: Cast{F32}, In: Draw(Mask(33))},
		}
	})
}
