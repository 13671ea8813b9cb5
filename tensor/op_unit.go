package tensor

import "math"

// Unit scales each row to length 1: x [n,d] → x/max(‖x‖, 1e-12).
type Unit struct{}

const tiny = 1e-12 // the shortest row that still has a direction

// Infer wants x, a float.
func (Unit) Infer(in []Spec) ([]Spec, error) {
	if err := ranks(in, 2); err != nil {
		return nil, err
	}
	return in, floats(in...)
}

// Eval divides each row by its length.
func (Unit) Eval(out, in []Array) {
	d := in[0].Shape[1]
	for i := range in[0].Shape[0] {
		row := in[0].Data[i*d:][:d]
		length := max(math.Sqrt(dot(row, row)), tiny)
		for j, v := range row {
			out[0].Data[i*d+j] = v / length
		}
	}
}

// Decompose multiplies each row by 1/length, in the wide dtype.
func (Unit) Decompose(in []*Tensor) []*Tensor {
	x := in[0].Wide()
	return []*Tensor{x.RowMul(inverseLength(x)).Cast(in[0].DType)}
}

// inverseLength is 1/max(‖x‖, 1e-12) of each row.
func inverseLength(x *Tensor) *Tensor { return x.RowDot(x).AtLeast(tiny * tiny).Rsqrt() }

// VJP: dx = (dy - y·(dy·y))/‖x‖ by rows; 0 where ‖x‖ < 1e-12, which has no direction to change.
func (Unit) VJP(in, out, grad []*Tensor) []*Tensor {
	x, y, dy := in[0].Wide(), out[0].Wide(), grad[0].Wide()
	r := inverseLength(x)
	r = r.Select(x.RowDot(x).Shift(-tiny*tiny).Positive(), r.Fill(0))
	dx := dy.Sub(y.RowMul(dy.RowDot(y))).RowMul(r)
	return []*Tensor{dx.Cast(in[0].DType)}
}

// Unit is t with each row scaled to length 1; a zero row stays zero.
func (t *Tensor) Unit() *Tensor { return one(Unit{}, t) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Unit{}, In: Draw(Normal(3, 17))},
			{Op: Unit{}, In: Draw(Normal(1, 33))},
			{Op: Unit{}, In: Draw(Normal(7, 2))},
			{Op: Unit{}, In: Draw(Normal(2, 128))},
			{Op: Unit{}, In: Draw(Normal(5, 5))},
			{Name: "zero", Kink: true, Op: Unit{}, In: Draw(Exactly(F32, Shape{1, 3}, 0, 0, 0))},
		}
	})
}
