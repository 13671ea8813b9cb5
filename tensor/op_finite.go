package tensor

import "math"

// Finite is 1 where x is neither infinite nor NaN, else 0, as U8.
type Finite struct{ NoGrad }

// Infer wants x, a float.
func (Finite) Infer(in []Spec) ([]Spec, error) { return mask(1, in) }

// At is 1 where x is finite.
func (Finite) At(x []float64) float64 {
	if math.IsInf(x[0], 0) || math.IsNaN(x[0]) {
		return 0
	}
	return 1
}

// Eval is At of each element.
func (o Finite) Eval(out, in []Array) { pointwise(o, out, in) }

// Finite is 1 where t is neither infinite nor NaN, else 0, as U8.
func (t *Tensor) Finite() *Tensor { return one(Finite{}, t) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Finite{}, In: Draw(Normal(3, 17))},
			{Op: Finite{}, In: Draw(Exactly(F32, Shape{5}, 0, math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat32))},
		}
	})
}
