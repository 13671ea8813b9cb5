package tensor

import (
	"fmt"
	"iter"
	"strings"
)

// An Op is one primitive. Static attributes are fields; what varies from step to step is an
// input. Ops are comparable, so that equal computations can be seen; [*Fused] is the exception.
type Op interface {
	// Infer is the shape and dtype rule. It never panics.
	Infer(in []Spec) ([]Spec, error)
	// Eval is the definition: plain loops in float64, every element of out written.
	Eval(out, in []Array)
	// VJP is the gradient rule: from inputs, outputs and the gradient of each output (nil where
	// none reaches it; never so for an only output) the gradient of each input, nil meaning zero.
	VJP(in, out, grad []*Tensor) []*Tensor
}

// NoGrad is embedded by ops that no gradient passes through.
type NoGrad struct{}

// VJP gives no gradient to any input.
func (NoGrad) VJP(_, _, _ []*Tensor) []*Tensor { return nil }

// A Pointwise op computes element i of its output from element i of each input.
type Pointwise interface {
	Op
	At(x []float64) float64
}

// A Columns op reduces all axes but trailing ones.
type Columns interface {
	Op
	Columns()
}

// A Composite op is a formula over other ops.
type Composite interface {
	Op
	// Decompose applies the formula.
	Decompose(in []*Tensor) []*Tensor
}

// An Alias op renames elements of its first input.
type Alias interface {
	Op
	// Offset is where the output begins, in bytes from the input's first element.
	Offset(in Spec) int
}

// A Case is a sample of an op: for the conformance suite of backends, which checks its result,
// its gradient and its special values, and for benchmarks.
type Case struct {
	Name string
	Op   Op
	In   []Array
	Err  string // what Infer's error must contain, if it must fail
	Big  bool   // a size worth timing, too large for finite differences
	Kink bool   // at a point without a derivative
}

func (c Case) String() string {
	name := OpName(c.Op)
	if c.Name != "" {
		name += "/" + c.Name
	}
	for _, a := range c.In {
		name += " " + a.Spec.String()
	}
	return name
}

var registry []func() []Case

// Register adds an op's cases. It is called by init, beside the op.
func Register(cases func() []Case) { registry = append(registry, cases) }

// Cases is every registered case, freshly made.
func Cases() iter.Seq[Case] {
	return func(yield func(Case) bool) {
		for _, cases := range registry {
			for _, c := range cases() {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// A Lowered op is a backend's own form of another, which takes inputs in a form of the backend's.
type Lowered interface {
	Op
	Plain(in []Spec) (Op, []Spec) // the op, and the inputs that it would have
}

// OpName is the name of op's type, as in "Conv2D"; of a lowered one, that of the op it is a form of.
func OpName(op Op) string {
	if l, ok := op.(Lowered); ok {
		op, _ = l.Plain(nil)
	}
	name := fmt.Sprintf("%T", op)
	return name[strings.LastIndexByte(name, '.')+1:]
}

// FormOf is what kernels and times go by: OpName, or the parts of a fused op.
func FormOf(op Op) string {
	if f, ok := op.(*Fused); ok {
		return f.Form()
	}
	return OpName(op)
}

// describe is op with its fields, as in "Conv2D{Stride:2 Pad:1}".
func describe(op Op) string {
	if f, ok := op.(*Fused); ok {
		return "Fused{" + f.Form() + "}"
	}
	fields := fmt.Sprintf("%+v", op)
	for _, noise := range []string{" NoGrad:{}", "NoGrad:{}", "NoGrad:"} {
		fields = strings.ReplaceAll(fields, noise, "")
	}
	if fields == "{}" {
		fields = ""
	}
	return OpName(op) + fields
}
