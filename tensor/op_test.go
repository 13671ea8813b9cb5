package tensor_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"kith/tensor"
)

// specsOf are the inputs of c.
func specsOf(c tensor.Case) []tensor.Spec {
	in := make([]tensor.Spec, len(c.In))
	for i, a := range c.In {
		in[i] = a.Spec
	}
	return in
}

// eval runs the definition, into outputs full of a number that no op makes.
func eval(t *testing.T, op tensor.Op, in ...tensor.Array) []tensor.Array {
	t.Helper()
	specs, err := op.Infer(specsOf(tensor.Case{In: in}))
	if err != nil {
		t.Fatalf("%T: %v", op, err)
	}
	out := make([]tensor.Array, len(specs))
	for i, s := range specs {
		out[i] = tensor.NewArray(s)
		for j := range out[i].Data {
			out[i].Data[j] = unwritten
		}
	}
	op.Eval(out, in)
	return out
}

const unwritten = 123456.789e50

// Cases that must fail do, with the text they say; all others are accepted.
func TestCases(t *testing.T) {
	for c := range tensor.Cases() {
		_, err := c.Op.Infer(specsOf(c))
		switch {
		case c.Err == "" && err != nil:
			t.Errorf("%v: %v", c, err)
		case c.Err != "" && (err == nil || !strings.Contains(err.Error(), c.Err)):
			t.Errorf("%v: error %v, want %q", c, err, c.Err)
		}
	}
}

// Every element of every output is written, and inputs are not.
func TestEvalWritesAll(t *testing.T) {
	for c := range tensor.Cases() {
		if c.Err != "" || c.Big {
			continue
		}
		before := make([][]float64, len(c.In))
		for i, a := range c.In {
			before[i] = slices.Clone(a.Data)
		}
		for o, a := range eval(t, c.Op, c.In...) {
			if i := slices.Index(a.Data, unwritten); i >= 0 {
				t.Errorf("%v: element %d of output %d is not written", c, i, o)
			}
		}
		for i, a := range c.In {
			writes := strings.HasPrefix(tensor.OpName(c.Op), "Write") && i == 0
			if !writes && !slices.EqualFunc(a.Data, before[i], func(x, y float64) bool { return x == y || x != x }) {
				t.Errorf("%v: input %d changed", c, i)
			}
		}
	}
}

// Every op in the package registers cases: as many as a gradient check wants where there is a
// gradient, and shapes with an axis of length 1 among them.
func TestEveryOpHasCases(t *testing.T) {
	cases, ones := map[string]int{}, map[string]bool{}
	for c := range tensor.Cases() {
		if c.Err == "" && !c.Big {
			name := tensor.OpName(c.Op)
			cases[name]++
			for _, a := range c.In {
				ones[name] = ones[name] || slices.Contains(a.Shape, 1) || len(a.Shape) == 0
			}
		}
	}
	for name, noGrad := range opTypes(t) {
		if want := map[bool]int{true: 1, false: 4}[noGrad]; cases[name] < want {
			t.Errorf("%s has %d cases, want %d", name, cases[name], want)
		}
		if !noGrad && !ones[name] {
			t.Errorf("%s has no case with an axis of length 1", name)
		}
	}
}

// opTypes reads the source: types with a method Infer, and whether they embed NoGrad.
func opTypes(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	packages, err := filesOf(".")
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string]bool{}
	for _, f := range packages {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil && fn.Name.Name == "Infer" {
				if id, ok := fn.Recv.List[0].Type.(*ast.Ident); ok { // not *Fused
					methods[id.Name] = true
				}
			}
		}
	}
	for c := range tensor.Cases() {
		name := tensor.OpName(c.Op)
		f, embeds := reflect.TypeOf(c.Op).FieldByName("NoGrad")
		names[name] = embeds && f.Anonymous
		delete(methods, name)
	}
	for name := range methods {
		t.Errorf("%s has no case at all", name)
	}
	return names
}

func filesOf(dir string) ([]*ast.File, error) {
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range sources(dir) {
		f, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// Ops are comparable: equal computations can be seen.
func TestOpsCompare(t *testing.T) {
	for c := range tensor.Cases() {
		if !reflect.TypeOf(c.Op).Comparable() {
			t.Errorf("%T cannot be compared", c.Op)
		}
		if c.Op != c.Op {
			t.Errorf("%v is not equal to itself", c.Op)
		}
	}
}

// Cases are the same each time, and nobody's elements are another's.
func TestCasesAreFresh(t *testing.T) {
	first := slices.Collect(tensor.Cases())
	for i, c := range slices.Collect(tensor.Cases()) {
		if c.String() != first[i].String() {
			t.Fatalf("case %d is %v, then %v", i, first[i], c)
		}
		for k, a := range c.In {
			if !slices.EqualFunc(a.Data, first[i].In[k].Data, func(x, y float64) bool { return x == y || x != x && y != y }) {
				t.Fatalf("%v has other numbers", c)
			}
			if len(a.Data) > 0 && c.Name == "" && &a.Data[0] == &first[i].In[k].Data[0] {
				t.Fatalf("%v shares its numbers", c)
			}
		}
	}
}

// A pointwise op's Eval is its At for each element, with other inputs repeated.
func TestPointwiseIsAt(t *testing.T) {
	for c := range tensor.Cases() {
		op, ok := c.Op.(tensor.Pointwise)
		if !ok || c.Err != "" || c.Big {
			continue
		}
		out := eval(t, op, c.In...)[0]
		x := make([]float64, len(c.In))
		for i, got := range out.Data {
			for k, a := range c.In {
				x[k] = a.Data[i%len(a.Data)]
			}
			if want := op.At(x); got != want && (got == got || want == want) {
				t.Fatalf("%v: element %d is %v, At gives %v", c, i, got, want)
			}
		}
	}
}

// NaN in, NaN out at the same place, for every pointwise op that reads a float to make one.
func TestPointwiseKeepsNaN(t *testing.T) {
	drops := map[string]string{ // input 0's NaN does not show, by definition
		"Fill": "ignores x", "Spread": "ignores x", "Select": "may choose the other", "ReLUGrad": "0 where y ≤ 0",
	}
	for c := range tensor.Cases() {
		op, ok := c.Op.(tensor.Pointwise)
		if !ok || c.Err != "" || len(c.In[0].Data) == 0 || drops[tensor.OpName(c.Op)] != "" {
			continue
		}
		out, _ := op.Infer(specsOf(c))
		if !c.In[0].DType.Float() || !out[0].DType.Float() {
			continue
		}
		x := make([]float64, len(c.In))
		for k, a := range c.In {
			x[k] = a.Data[0]
		}
		x[0] = math.NaN()
		if y := op.At(x); y == y {
			t.Errorf("%v of NaN is %v", c, y)
		}
	}
}

func TestOpName(t *testing.T) {
	for want, op := range map[string]tensor.Op{"Conv2D": tensor.Conv2D{}, "Fused": &tensor.Fused{}} {
		if got := tensor.OpName(op); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	c := tensor.Case{Name: "odd", Op: tensor.ReLU{}, In: tensor.Draw(tensor.Normal(2), tensor.Mask())}
	if want := "ReLU/odd F32[2] U8[]"; c.String() != want {
		t.Errorf("got %q, want %q", c, want)
	}
}
