package nn_test

import (
	"fmt"
	"slices"
	"testing"

	"kith/backends/ref"
	"kith/nn"
	"kith/tensor"
	"kith/tensor/rng"
)

func TestMLPNames(t *testing.T) {
	head := struct{ Projector nn.Sequential }{nn.NewMLP(nn.MLP{In: 8, Widths: []int{6, 5, 4}, NormLast: true})}
	var got []string
	for name := range nn.Params(head) {
		got = append(got, name)
	}
	want := []string{"Projector.0.Weight", "Projector.1.Weight", "Projector.1.Bias", "Projector.3.Weight",
		"Projector.4.Weight", "Projector.4.Bias", "Projector.6.Weight", "Projector.7.Weight", "Projector.7.Bias"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The heads' sizes of the method's specification.
func TestMLPCounts(t *testing.T) {
	for _, c := range []struct {
		head nn.MLP
		want int
	}{
		{nn.MLP{In: 2048, Widths: []int{2048, 2048, 256}, NormLast: true}, 8921600},
		{nn.MLP{In: 2048, Widths: []int{2048, 2048, 256}, NormLast: true, Bias: true}, 8925952},
		{nn.MLP{In: 512, Widths: []int{2048, 2048, 256}, NormLast: true}, 5775872},
		{nn.MLP{In: 256, Widths: []int{4096, 256}}, 2105600},
		{nn.MLP{In: 256, Widths: []int{4096, 256}, Bias: true}, 2109696},
		{nn.MLP{In: 64, Widths: []int{256, 128}, NormLast: true}, 49920},
		{nn.MLP{In: 128, Widths: []int{256, 128}}, 66176},
	} {
		if got := nn.Count(nn.NewMLP(c.head)); got != c.want {
			t.Errorf("%+v has %d parameters, want %d", c.head, got, c.want)
		}
	}
}

// What a tensor starts with depends on its name alone.
func TestInitByName(t *testing.T) {
	type model struct{ First, Second *nn.Linear }
	a := model{nn.NewLinear(3, 2, true), nn.NewLinear(3, 2, true)}
	b := model{nil, nn.NewLinear(3, 2, true)}
	for _, m := range []any{a, b} {
		nn.Init(m, tensor.Open(ref.New()), rng.New(1))
	}
	x, _ := tensor.Data[float64](a.Second.Weight.Value)
	y, _ := tensor.Data[float64](b.Second.Weight.Value)
	z, _ := tensor.Data[float64](a.First.Weight.Value)
	if !slices.Equal(x, y) || slices.Equal(x, z) {
		t.Errorf("weights %v, %v, %v", x, y, z)
	}
}

func ExampleLinear() {
	l := nn.NewLinear(2, 1, true)
	root := tensor.Open(ref.New())
	nn.Init(l, root, rng.New(1))
	tensor.Set(l.Weight.Value, []float32{2, 3})
	tensor.Set(l.Bias.Value, []float32{1})
	x := root.New(tensor.Of(tensor.F32, 1, 2))
	tensor.Set(x, []float32{10, 100})
	root.Run(func(s *tensor.Scope) {
		y, _ := tensor.Data[float32](l.Forward(nn.Eval(s, tensor.F32), s.Enter(x)))
		fmt.Println(y)
	})
	// Output: [321]
}
