package tensor

import (
	"errors"
	"fmt"
	"slices"
)

// like is the shape rule of pointwise ops with n inputs: the first has the full shape, the others
// have it or a suffix of it, and all are floats of one dtype, which the result has too.
func like(n int, in []Spec) ([]Spec, error) {
	if err := fits(n, in); err != nil {
		return nil, err
	}
	return in[:1], floats(in...)
}

// mask is like with a U8 result.
func mask(n int, in []Spec) ([]Spec, error) {
	if _, err := like(n, in); err != nil {
		return nil, err
	}
	return []Spec{{U8, in[0].Shape}}, nil
}

// fits checks the number and the shapes of inputs: suffixes of the first's.
func fits(n int, in []Spec) error {
	if err := count(n, in); err != nil {
		return err
	}
	for _, s := range in[1:] {
		if k := len(in[0].Shape) - len(s.Shape); k < 0 || !slices.Equal(s.Shape, in[0].Shape[k:]) {
			return fmt.Errorf("shape %v is no suffix of %v", s.Shape, in[0].Shape)
		}
	}
	return nil
}

func count(n int, in []Spec) error {
	if len(in) != n {
		return fmt.Errorf("got %d inputs, want %d", len(in), n)
	}
	return nil
}

// floats checks that all inputs are floats of one dtype.
func floats(in ...Spec) error {
	for _, s := range in {
		if !s.DType.Float() {
			return fmt.Errorf("%v is no float dtype; cast first", s.DType)
		}
		if s.DType != in[0].DType {
			return errors.New("float dtypes differ; cast first")
		}
	}
	return nil
}

// ranks checks the number of inputs and the rank of each.
func ranks(in []Spec, want ...int) error {
	if err := count(len(want), in); err != nil {
		return err
	}
	for i, r := range want {
		if len(in[i].Shape) != r {
			return fmt.Errorf("input %d has rank %d, want %d", i, len(in[i].Shape), r)
		}
	}
	return nil
}

// pointwise is Eval of a pointwise op.
func pointwise(op Pointwise, out, in []Array) {
	x := make([]float64, len(in))
	at := make([]int, len(in)) // i mod the length of each input
	for i := range out[0].Data {
		for j, a := range in {
			x[j] = a.Data[at[j]]
			if at[j]++; at[j] == len(a.Data) {
				at[j] = 0
			}
		}
		out[0].Data[i] = op.At(x)
	}
}

// upstream is the gradient of an only output in the dtype of x: gradients may arrive wider.
func upstream(grad []*Tensor, x *Tensor) *Tensor { return grad[0].Cast(x.DType) }

// sumTo undoes broadcasting: the sum of g over the leading axes that b lacks, in b's dtype.
func sumTo(g, b *Tensor) *Tensor {
	if len(g.Shape) == len(b.Shape) {
		return g
	}
	return one(Sum{len(b.Shape)}, g).Cast(b.DType)
}
