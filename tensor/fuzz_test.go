package tensor_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"kith/internal/testflag"
	"kith/tensor"
)

// kinds is one op of each type.
func kinds() []tensor.Op {
	var ops []tensor.Op
	seen := map[string]bool{}
	for c := range tensor.Cases() {
		if name := tensor.OpName(c.Op); !seen[name] {
			seen[name] = true
			ops = append(ops, c.Op)
		}
	}
	return ops
}

// FuzzInfer gives every op random fields and random specs: Infer never panics; what it accepts, the
// definition computes, in the shapes that Infer said.
func FuzzInfer(f *testing.F) {
	ops := kinds()
	for i := range ops {
		for seed := range uint64(60) {
			f.Add(uint8(i), seed)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, seed uint64) {
		r := rand.New(rand.NewPCG(seed, uint64(kind)))
		tryInfer(t, ops[int(kind)%len(ops)], r)
	})
}

// TestInferAccepts makes sure that random specs are not all refused: of every type of op some are
// accepted and evaluated.
func TestInferAccepts(t *testing.T) {
	n := 1500
	if testflag.Long() {
		n = 30000
	}
	seed := testflag.Seed(t)
	for _, op := range kinds() {
		r := rand.New(rand.NewPCG(seed, 1))
		accepted := 0
		for range n {
			if tryInfer(t, op, r) {
				accepted++
			}
		}
		if accepted == 0 {
			t.Errorf("%T accepted none of %d", op, n)
		}
	}
}

// tryInfer draws fields and inputs for an op like op, and evaluates it if they fit.
func tryInfer(t *testing.T, op tensor.Op, r *rand.Rand) (accepted bool) {
	t.Helper()
	op = withFields(op, r)
	in := drawSpecs(op, r)
	doing := fmt.Sprintf("%T%+v of %v", op, op, in)
	defer func() {
		if p := recover(); p != nil {
			t.Fatalf("%s: %v", doing, p)
		}
	}()
	before := fmt.Sprint(in)
	out, err := op.Infer(in)
	if fmt.Sprint(in) != before {
		t.Errorf("%s: Infer changed its inputs to %v", doing, in)
	}
	if err != nil {
		if err.Error() == "" {
			t.Errorf("%s: an error without text", doing)
		}
		return false
	}
	for _, s := range out { // who appends to a shape must not change another
		_ = append(s.Shape, 77)
	}
	if fmt.Sprint(in) != before {
		t.Errorf("%s: an output has the memory of an input's shape", doing)
	}
	for _, s := range append(slices.Clone(in), out...) {
		odd := slices.ContainsFunc(s.Shape, func(n int) bool { return n < 0 || n > 1<<14 })
		if odd || len(s.Shape) > tensor.MaxRank || s.Shape.Size() > 1<<14 {
			return true // no tensor can be so; that Infer did not panic is enough
		}
	}
	arrays := make([]tensor.Array, len(in))
	for i, s := range in {
		arrays[i] = tensor.NewArray(s)
		for j := range arrays[i].Data {
			arrays[i].Data[j] = float64(r.IntN(3) * (j % 2)) // also good as row number or label
		}
	}
	if valuesFit(op, in) {
		for o, a := range eval(t, op, arrays...) {
			if slices.Contains(a.Data, unwritten) || len(a.Data) != out[o].Shape.Size() {
				t.Errorf("%s: output %d is not written", doing, o)
			}
		}
	}
	return true
}

// valuesFit tells whether 0, 1 and 2 are good as rows and labels.
func valuesFit(op tensor.Op, in []tensor.Spec) bool {
	switch op.(type) {
	case tensor.Gather:
		return in[0].Shape[0] > 2
	case tensor.CrossEntropy:
		return in[0].Shape[1] > 2
	}
	return true
}

// withFields sets each field of op to a small number, sometimes a bad one.
func withFields(op tensor.Op, r *rand.Rand) tensor.Op {
	v := reflect.New(reflect.TypeOf(op)).Elem()
	v.Set(reflect.ValueOf(op))
	setFields(v, r)
	return v.Interface().(tensor.Op)
}

func setFields(v reflect.Value, r *rand.Rand) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			setFields(v.Field(i), r)
		}
	case reflect.Array:
		for i := range v.Len() {
			setFields(v.Index(i), r)
		}
	case reflect.Int:
		v.SetInt(int64(r.IntN(7)))
		if r.IntN(8) == 0 {
			v.SetInt([]int64{-1, 7, 1 << 40, -1 << 40}[r.IntN(4)])
		}
	case reflect.Uint8:
		v.SetUint(uint64(r.IntN(7)))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Float64:
		v.SetFloat(r.NormFloat64())
	}
}

// drawSpecs draws inputs: mostly such as one op or another may want, so that enough fit.
func drawSpecs(op tensor.Op, r *rand.Rand) []tensor.Spec {
	// Mostly one of the op's own cases, with its sizes changed alike.
	if c, ok := caseOf(op, r); ok && r.IntN(20) > 0 {
		return mutate(specsOf(c), r)
	}
	in := make([]tensor.Spec, r.IntN(5))
	for i := range in {
		in[i] = tensor.Spec{DType: tensor.DType(r.IntN(5)), Shape: make(tensor.Shape, r.IntN(8))}
		for j := range in[i].Shape {
			in[i].Shape[j] = r.IntN(4)
		}
	}
	return in
}

// byType is the small cases of each type of op.
var byType = func() map[string][]tensor.Case {
	m := map[string][]tensor.Case{}
	for c := range tensor.Cases() {
		if !c.Big {
			m[tensor.OpName(c.Op)] = append(m[tensor.OpName(c.Op)], c)
		}
	}
	return m
}()

func caseOf(op tensor.Op, r *rand.Rand) (tensor.Case, bool) {
	cases := byType[tensor.OpName(op)]
	if len(cases) == 0 {
		return tensor.Case{}, false
	}
	return cases[r.IntN(len(cases))], true
}

// mutate maps each length that occurs to another, everywhere; and sometimes breaks one thing.
func mutate(in []tensor.Spec, r *rand.Rand) []tensor.Spec {
	other := map[int]int{}
	out := make([]tensor.Spec, len(in))
	for i, s := range in {
		out[i] = tensor.Spec{DType: s.DType, Shape: slices.Clone(s.Shape)}
		for j, n := range s.Shape {
			if _, ok := other[n]; !ok {
				other[n] = n
				if r.IntN(3) == 0 {
					other[n] = r.IntN(9)
				}
			}
			out[i].Shape[j] = other[n]
		}
	}
	switch i := r.IntN(len(out)); r.IntN(8) {
	case 0:
		out[i].DType = tensor.DType(r.IntN(5))
	case 1:
		out[i].Shape = append(out[i].Shape, r.IntN(3))
	case 2:
		out[i].Shape = out[i].Shape[:len(out[i].Shape)/2]
	case 3:
		out = out[:i]
	}
	return out
}
