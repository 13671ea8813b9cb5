package tensor

import "fmt"

// Permute copies x with its axes in another order: axis i of the output is axis Axes[i] of x.
type Permute struct{ Axes Dims }

// Infer wants x of any dtype and a permutation of its axes.
func (o Permute) Infer(in []Spec) ([]Spec, error) {
	if err := count(1, in); err != nil {
		return nil, err
	}
	if o.Axes.N != len(in[0].Shape) || o.Axes.N > MaxRank {
		return nil, fmt.Errorf("axes %v for rank %d", o.Axes, len(in[0].Shape))
	}
	var seen [MaxRank]bool
	y := make(Shape, o.Axes.N)
	for i, a := range o.Axes.D[:o.Axes.N] {
		if a < 0 || a >= o.Axes.N || seen[a] {
			return nil, fmt.Errorf("axes %v are no permutation", o.Axes)
		}
		seen[a] = true
		y[i] = in[0].Shape[a]
	}
	return []Spec{{in[0].DType, y}}, nil
}

// Strides is how far apart, in x, elements are that follow each other along an axis of the output.
func (o Permute) Strides(x Shape) (strides [MaxRank]int) {
	for i, a := range o.Axes.D[:o.Axes.N] {
		strides[i] = x[a+1:].Size()
	}
	return strides
}

// Eval walks the output in order.
func (o Permute) Eval(out, in []Array) {
	strides, shape := o.Strides(in[0].Shape), out[0].Shape
	var at [MaxRank]int
	from := 0
	for i := range out[0].Data {
		out[0].Data[i] = in[0].Data[from]
		for axis := len(shape) - 1; axis >= 0; axis-- {
			from += strides[axis]
			if at[axis]++; at[axis] < shape[axis] {
				break
			}
			from -= strides[axis] * shape[axis]
			at[axis] = 0
		}
	}
}

// VJP: the inverse permutation.
func (o Permute) VJP(_, _, grad []*Tensor) []*Tensor {
	inverse := o.Axes
	for i, a := range o.Axes.D[:o.Axes.N] {
		inverse.D[a] = i
	}
	return []*Tensor{one(Permute{inverse}, grad[0])}
}

// Permute is a copy of t with axis i taken from axes[i].
func (t *Tensor) Permute(axes ...int) *Tensor { return one(Permute{DimsOf(axes...)}, t) }

func init() {
	Register(func() []Case {
		return []Case{
			{Op: Permute{DimsOf(1, 0)}, In: Draw(Normal(3, 17))},
			{Op: Permute{DimsOf(0, 3, 1, 2)}, In: Draw(Normal(2, 3, 4, 5))},
			{Op: Permute{DimsOf(2, 0, 1)}, In: Draw(Normal(1, 7, 2))},
			{Op: Permute{DimsOf()}, In: Draw(Normal())},
			{Op: Permute{DimsOf(1, 2, 0)}, In: Draw(Ints(0, 99, 3, 2, 5))},
			{Op: Permute{DimsOf(0, 0)}, In: Draw(Normal(3, 17)), Err: "no permutation"},
		}
	})
}
