package tensor

import "math"

// Log is the natural logarithm of x.
type Log struct{}

// Infer wants x, a float.
func (Log) Infer(in []Spec) ([]Spec, error) { return like(1, in) }

// At is ln x.
func (Log) At(x []float64) float64 { return math.Log(x[0]) }

// Eval is At of each element.
func (o Log) Eval(out, in []Array) { pointwise(o, out, in) }

// VJP: dx = dy/x.
func (Log) VJP(in, _, grad []*Tensor) []*Tensor {
	return []*Tensor{upstream(grad, in[0]).Div(in[0])}
}

// Log is the natural logarithm of each element.
func (t *Tensor) Log() *Tensor { return one(Log{}, t) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Log{}, In: Draw(Above(0.1, Normal(3, 17)))},
			{Op: Log{}, In: Draw(Above(0.1, Normal(5, 1)))},
			{Op: Log{}, In: Draw(Above(0.1, Normal()))},
			{Op: Log{}, In: Draw(Above(3, Normal(1, 33)))},
			{Op: Log{}, In: Draw(Above(0.2, Normal(2, 3, 4)))},
		}
	})
}
