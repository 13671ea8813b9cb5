package tensor_test

import (
	"slices"
	"strings"
	"testing"

	"kith/backends/ref"
	"kith/tensor"
)

// normConv is BatchNorm as arithmetic, ReLU and a convolution, with statistics of its result.
func normConv() (*tensor.Fused, []tensor.Spec) {
	f := &tensor.Fused{Body: []tensor.Part{
		{Op: tensor.Cast{To: tensor.F32}, In: []int{0}},
		{Op: tensor.Mul{}, In: []int{4, 1}},
		{Op: tensor.Add{}, In: []int{5, 2}},
		{Op: tensor.Cast{To: tensor.BF16}, In: []int{6}},
		{Op: tensor.ReLU{}, In: []int{7}},
		{Op: tensor.Conv2D{Pad: 1}, In: []int{8, 3}},
		{Op: tensor.Moments{}, In: []int{9}},
	}, Out: []int{9, 10, 11, 12}}
	return f, []tensor.Spec{tensor.Of(tensor.BF16, 2, 4, 5, 3), tensor.Of(tensor.F32, 3), tensor.Of(tensor.F32, 3), tensor.Of(tensor.BF16, 2, 3, 3, 3)}
}

func TestFusedInfer(t *testing.T) {
	f, in := normConv()
	out, err := f.Infer(in)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range out {
		got = append(got, s.String())
	}
	if want := []string{"BF16[2 4 5 2]", "F32[2]", "F32[2]", "F32[2]"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	values, err := f.Values(in)
	if err != nil || len(values) != 13 || values[8].String() != "BF16[2 4 5 3]" {
		t.Errorf("%d values, %v, error %v", len(values), values, err)
	}
	if core, ok := f.Core(); !ok || core != 5 {
		t.Errorf("core is %d, %v; want 5", core, ok)
	}
	if want := "Cast(0) Mul(4 1) Add(5 2) Cast(6) ReLU(7) Conv2D(8 3) Moments(9) > 9 10 11 12"; f.Form() != want {
		t.Errorf("form is %q, want %q", f.Form(), want)
	}
}

func TestFusedErrors(t *testing.T) {
	relu := tensor.Part{Op: tensor.ReLU{}, In: []int{0}}
	for want, f := range map[string]*tensor.Fused{
		"no parts":                                {},
		"part 0, ReLU: value 7 is not there yet":  {Body: []tensor.Part{{Op: tensor.ReLU{}, In: []int{7}}}},
		"part 1, Add: value 2 is not there yet":   {Body: []tensor.Part{relu, {Op: tensor.Add{}, In: []int{1, 2}}}},
		"part 0, ReLU: value -1 is not there yet": {Body: []tensor.Part{{Op: tensor.ReLU{}, In: []int{-1}}}},
		"value 9 is not there yet":                {Body: []tensor.Part{relu}, Out: []int{9}},
		"part 1, Add: float dtypes differ; cast":  {Body: []tensor.Part{{Op: tensor.Cast{To: tensor.BF16}, In: []int{0}}, {Op: tensor.Add{}, In: []int{1, 0}}}},
		"part 0, MatMul{TransA:false TransB:false Wide:false}: got 1 inputs, want 2": {Body: []tensor.Part{{Op: tensor.MatMul{}, In: []int{0}}}},
	} {
		_, err := f.Infer([]tensor.Spec{tensor.Of(tensor.F32, 3)})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, ok := (&tensor.Fused{Body: []tensor.Part{relu, {Op: tensor.Sum{}, In: []int{1}}}}).Core(); ok {
		t.Error("a chain with a sum has a core")
	}
}

// The definition of a fused op is its parts, rounded as stores would; applying them one by one on a
// backend that rounds gives the same bits.
func TestFusedIsItsParts(t *testing.T) {
	f, specs := normConv()
	root := tensor.Open(ref.Round())
	leaves := make([]*tensor.Tensor, len(specs))
	for i, s := range specs {
		leaves[i] = root.New(s)
		tensor.Set(leaves[i], tensor.Draw(tensor.Normal(s.Shape...), tensor.Normal(s.Shape...))[i%2].Data)
	}
	outs, _ := f.Infer(specs)
	whole := make([]*tensor.Tensor, len(outs))
	for i, s := range outs {
		whole[i] = root.New(s)
	}
	if tensor.Exec(root.Backend(), f, whole, leaves) {
		t.Fatal("ref has a kernel")
	}
	root.Run(func(s *tensor.Scope) {
		entered := make([]*tensor.Tensor, len(leaves))
		for i, l := range leaves {
			entered[i] = s.Enter(l)
		}
		for i, p := range tensor.Apply(f, entered...) { // a composite: its parts run
			want, _ := tensor.Data[float64](p)
			holds(t, f.Form(), whole[i], want...)
		}
	})
	if n := root.Fallbacks()["Conv2D"]; n != 1 {
		t.Errorf("the parts ran %d convolutions, want 1", n)
	}
}
