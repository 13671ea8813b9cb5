package tensor

// Detach is x; no gradient passes.
type Detach struct{ NoGrad }

// Infer wants x of any dtype.
func (Detach) Infer(in []Spec) ([]Spec, error) { return in, count(1, in) }

// Offset is 0: all elements.
func (Detach) Offset(Spec) int { return 0 }

// Eval copies.
func (Detach) Eval(out, in []Array) { copy(out[0].Data, in[0].Data) }

// Detach is t as a constant; no copy.
func (t *Tensor) Detach() *Tensor { return one(Detach{}, t) }

func init() {
	Register(func() []Case {
		return []Case{{Op: Detach{}, In: Draw(Normal(3, 17))}, {Op: Detach{}, In: Draw(Ints(0, 9, 3))}}
	})
}
