package tensor_test

import (
	"fmt"

	"kith/backends/ref"
	"kith/tensor"
)

// A step enters root tensors, computes, and assigns; what it assigned lands when it returns.
func ExampleScope() {
	root := tensor.Open(ref.New())
	defer root.Close()
	w := root.New(tensor.Of(tensor.F32, 3))
	tensor.Set(w, []float32{1, 2, 3})
	root.Run(func(s *tensor.Scope) {
		s.Assign(w, s.Enter(w).Scale(2))
	})
	v, _ := tensor.Data[float32](w)
	fmt.Println(v)
	// Output: [2 4 6]
}

// Assignments are simultaneous, so two tensors swap.
func ExampleScope_Assign() {
	root := tensor.Open(ref.New())
	a, b := root.New(tensor.Of(tensor.I32)), root.New(tensor.Of(tensor.I32))
	tensor.Set(a, []int32{1})
	tensor.Set(b, []int32{2})
	root.Run(func(s *tensor.Scope) {
		s.Assign(a, s.Enter(b))
		s.Assign(b, s.Enter(a))
	})
	x, _ := tensor.Data[int32](a)
	y, _ := tensor.Data[int32](b)
	fmt.Println(x, y)
	// Output: [2] [1]
}

// Vectors repeat over leading axes; a step is an ordinary function in which values can be printed.
func ExampleTensor() {
	root := tensor.Open(ref.New())
	x, bias := root.New(tensor.Of(tensor.F32, 2, 3)), root.New(tensor.Of(tensor.F32, 3))
	tensor.Set(x, []float32{1, -2, 3, -4, 5, -6})
	tensor.Set(bias, []float32{1, 1, 1})
	root.Run(func(s *tensor.Scope) {
		y := s.Enter(x).Add(s.Enter(bias)).ReLU() // [2, 3]
		v, _ := tensor.Data[float32](y)
		fmt.Println(y.Spec, v)
		v, _ = tensor.Data[float32](y.Sum(1)) // [3]
		fmt.Println(v)
	})
	// Output:
	// F64[2 3] [2 0 4 0 6 0]
	// [2 6 4]
}

// A package that wants errors instead of panics catches them at its border.
func ExampleCatch() {
	product := func() (err error) {
		defer tensor.Catch(&err)
		root := tensor.Open(ref.Round())
		a, b := root.New(tensor.Of(tensor.F32, 2, 3)), root.New(tensor.Of(tensor.F32, 4, 5))
		root.Run(func(s *tensor.Scope) { s.Enter(a).MatMul(s.Enter(b)) })
		return nil
	}
	fmt.Println(product())
	// Output: tensor: MatMul{TransA:false TransB:false Wide:false} of F32[2 3], F32[4 5]: inner sizes 3 and 4 differ
}

// A fused op is the list of ops that it stands for.
func ExampleFused() {
	f := &tensor.Fused{
		Body: []tensor.Part{
			{Op: tensor.Mul{}, In: []int{0, 1}},
			{Op: tensor.ReLU{}, In: []int{2}},
			{Op: tensor.Sum{}, In: []int{3}},
		},
		Out: []int{4},
	}
	x := tensor.Array{Spec: tensor.Of(tensor.F64, 3), Data: []float64{1, -2, 3}}
	by := tensor.Array{Spec: tensor.Of(tensor.F64), Data: []float64{10}}
	sum := tensor.NewArray(tensor.Of(tensor.F64))
	f.Eval([]tensor.Array{sum}, []tensor.Array{x, by})
	fmt.Println(f.Form(), "=", sum.Data)
	// Output: Mul(0 1) ReLU(2) Sum(3) > 4 = [40]
}

func ExampleSpec() {
	s := tensor.Of(tensor.BF16, 8, 56, 56, 64)
	fmt.Println(s, s.Shape.Size(), s.Bytes())
	// Output: BF16[8 56 56 64] 1605632 3211264
}
