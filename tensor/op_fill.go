package tensor

// Fill is the constant With in the shape and dtype of x, whose elements are ignored.
type Fill struct {
	With float64
	NoGrad
}

// Infer wants x of any dtype.
func (Fill) Infer(in []Spec) ([]Spec, error) { return in, count(1, in) }

// At is With.
func (o Fill) At([]float64) float64 { return o.With }

// Eval is At of each element.
func (o Fill) Eval(out, in []Array) { pointwise(o, out, in) }

// Fill is with, in t's shape and dtype.
func (t *Tensor) Fill(with float64) *Tensor { return one(Fill{With: with}, t) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Fill{With: 0.1}, In: Draw(Normal(3, 17))},
			{Op: Fill{With: -1}, In: Draw(Ints(0, 9, 33))},
			{Op: Fill{With: 1}, In: Draw(Mask())},
		}
	})
}
