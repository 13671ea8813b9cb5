package tensor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Part is one op inside a Fused op. In holds value numbers: first the inputs of the Fused op,
// then the outputs of its parts, in order.
type Part struct {
	Op Op
	In []int
}

// Fused runs a small program as one op: a prologue of pointwise parts, at most one core (a
// product or convolution), an epilogue of pointwise parts, column reductions, and a tail of
// pointwise parts on their results. Whatever a backend does with it, it is these parts.
// A planner makes it.
type Fused struct {
	Body []Part
	Out  []int // the values that leave
	NoGrad
}

// Values is the specs of all values: the inputs, then the outputs of each part.
func (f *Fused) Values(in []Spec) ([]Spec, error) {
	values := slices.Clone(in)
	for i, p := range f.Body {
		args, err := pick(values, p.In)
		if err != nil {
			return nil, fmt.Errorf("part %d, %s: %w", i, describe(p.Op), err)
		}
		outs, err := p.Op.Infer(args)
		if err != nil {
			return nil, fmt.Errorf("part %d, %s: %w", i, describe(p.Op), err)
		}
		values = append(values, outs...)
	}
	return values, nil
}

// pick is values at the given numbers.
func pick[T any](values []T, at []int) ([]T, error) {
	out := make([]T, len(at))
	for i, j := range at {
		if j < 0 || j >= len(values) {
			return nil, fmt.Errorf("value %d is not there yet", j)
		}
		out[i] = values[j]
	}
	return out, nil
}

// Infer runs Infer of the parts.
func (f *Fused) Infer(in []Spec) ([]Spec, error) {
	if len(f.Body) == 0 {
		return nil, errors.New("no parts")
	}
	values, err := f.Values(in)
	if err != nil {
		return nil, err
	}
	return pick(values, f.Out)
}

// Eval runs Eval of the parts, rounding between them as stores would.
func (f *Fused) Eval(out, in []Array) {
	is64 := func(a Array) bool { return a.DType == F64 }
	exact := slices.ContainsFunc(in, is64) || slices.ContainsFunc(out, is64) // all inputs may be integers
	values := slices.Clone(in)
	for _, p := range f.Body {
		args, _ := pick(values, p.In)
		specs := make([]Spec, len(args))
		for i, a := range args {
			specs[i] = a.Spec
		}
		outs, err := p.Op.Infer(specs)
		if err != nil {
			panic(&Error{p.Op, specs, err})
		}
		results := make([]Array, len(outs))
		for i, s := range outs {
			if exact && s.DType.Float() {
				s.DType = F64 // on an exact backend a cast down changes nothing
			}
			results[i] = NewArray(s)
		}
		p.Op.Eval(results, args)
		for i := range results {
			values = append(values, round(results[i]))
		}
	}
	for i, v := range f.Out {
		copy(out[i].Data, values[v].Data)
	}
}

// Decompose applies the parts.
func (f *Fused) Decompose(in []*Tensor) []*Tensor {
	values := slices.Clone(in)
	for _, p := range f.Body {
		args, err := pick(values, p.In)
		if err != nil {
			panic(&Error{f, specsOf(in), err})
		}
		values = append(values, Apply(p.Op, args...)...)
	}
	out, _ := pick(values, f.Out)
	return out
}

// Core is the one part that is neither pointwise nor a column reduction.
func (f *Fused) Core() (part int, ok bool) {
	for i, p := range f.Body {
		_, pointwise := p.Op.(Pointwise)
		_, columns := p.Op.(Columns)
		if !pointwise && !columns {
			return i, true
		}
	}
	return -1, false
}

// Form is the body as text, as in "Sub(0 1) ReLU(3) Conv2D(4 2) > 5": equal forms take equal
// kernels. Attributes of ops are left out.
func (f *Fused) Form() string {
	var b strings.Builder
	for _, p := range f.Body {
		fmt.Fprintf(&b, "%s(%s) ", OpName(p.Op), strings.Trim(fmt.Sprint(p.In), "[]"))
	}
	fmt.Fprintf(&b, "> %s", strings.Trim(fmt.Sprint(f.Out), "[]"))
	return b.String()
}
