package plan_test

import (
	"fmt"

	"kith/backends/plan"
	"kith/backends/ref"
	"kith/tensor"
)

// A step that runs often is planned once.
func ExampleCompile() {
	root := tensor.Open(ref.Round())
	w, rate := root.New(tensor.Of(tensor.F32, 2)), root.New(tensor.Of(tensor.F32))
	tensor.Set(w, []float32{1, 2})
	halve := plan.Compile(root, func(s *tensor.Scope) {
		old := s.Enter(w)
		s.Assign(w, old.Sub(old.Mul(s.Enter(rate))))
	})
	for _, r := range []float32{0.5, 0.25} {
		tensor.Set(rate, []float32{r})
		halve.Run()
	}
	v, _ := tensor.Data[float32](w)
	fmt.Println(v)
	// Output: [0.375 0.75]
}

// What each pass makes of a step.
func ExampleMeasure() {
	root := tensor.Open(ref.Round())
	x, y := root.New(tensor.Of(tensor.F32, 1000)), root.New(tensor.Of(tensor.F32, 1000))
	for _, s := range plan.Measure(root, func(s *tensor.Scope) {
		a, b := s.Enter(x).Exp(), s.Enter(x).Exp()
		a.Log()
		s.Assign(y, a.Add(b))
	}, plan.Passes) {
		fmt.Println(s.Pass, s.Instructions, s.Moved, s.Peak)
	}
	// Output:
	// trace 5 44000 12288
	// dead 4 36000 8192
	// cse 3 28000 4096
	// remat 3 28000 4096
	// fuse 3 28000 4096
	// lower 3 28000 4096
	// direct 2 20000 4096
}
