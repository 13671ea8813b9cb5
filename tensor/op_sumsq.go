package tensor

// SumSq is the sum of squares of each of its k inputs: [k], wide.
type SumSq struct{ NoGrad }

// Infer wants any positive number of floats of one dtype, in any shapes.
func (SumSq) Infer(in []Spec) ([]Spec, error) {
	if len(in) == 0 {
		return nil, errNone
	}
	return []Spec{{in[0].DType.Wide(), Shape{len(in)}}}, floats(in...)
}

// Eval adds the squares.
func (SumSq) Eval(out, in []Array) {
	for i, a := range in {
		sum := 0.0
		for _, v := range a.Data {
			sum += v * v
		}
		out[0].Data[i] = sum
	}
}

// SquareSums is the sum of squares of each tensor, [len(ts)]: all norms of a model in one op.
func SquareSums(ts ...*Tensor) *Tensor { return one(SumSq{}, ts...) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: SumSq{}, In: Draw(Normal(3, 17))},
			{Op: SumSq{}, In: Draw(Normal(3, 17), Normal(5), Normal(), Normal(2, 3, 4))},
			{Op: SumSq{}, In: Draw(Normal(5000), Normal(4097))},
		}
	})
}
