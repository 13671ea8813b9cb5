package cpu

import (
	"fmt"
	"slices"
	"testing"

	"kith/tensor"
)

// A step with two products of one weight packs it, and computes what it would without. The definitions
// say the same: they know nothing of panels.
func TestLower(t *testing.T) {
	conv := tensor.Conv2D{Stride: 1, Pad: 1}
	relu := &tensor.Fused{Body: []tensor.Part{{Op: tensor.ReLU{}, In: []int{0}}, {Op: conv, In: []int{2, 1}}, {Op: tensor.Scale{By: 2}, In: []int{3}}}, Out: []int{4}}
	for _, c := range []struct {
		op   tensor.Op
		x, w tensor.Spec
	}{
		{conv, of(f32, 2, 8, 8, 64), of(f32, 64, 3, 3, 64)},
		{relu, of(f32, 2, 8, 8, 64), of(f32, 64, 3, 3, 64)},
		{conv, of(half, 2, 8, 8, 16), of(half, 40, 3, 3, 16)},
		{tensor.Conv2D{Stride: 2}, of(f32, 2, 9, 9, 5), of(f32, 33, 1, 1, 5)},
		{tensor.Conv2DGradX{Conv2D: conv, H: 8, W: 8}, of(f32, 2, 8, 8, 64), of(f32, 64, 3, 3, 64)},
		{tensor.Conv2DGradX{Conv2D: tensor.Conv2D{Stride: 2, Pad: 1}, H: 8, W: 8}, of(f32, 2, 4, 4, 40), of(f32, 40, 3, 3, 20)},
		{tensor.MatMul{TransB: true}, of(f32, 130, 20), of(f32, 50, 20)},
		{tensor.MatMul{}, of(half, 130, 20), of(half, 20, 50)},
	} {
		levels(t, func(t *testing.T, b *Backend) {
			root := tensor.Open(b)
			specs, err := c.op.Infer([]tensor.Spec{c.x, c.w})
			if err != nil {
				t.Fatal(err)
			}
			arrays := draw([]tensor.Spec{c.x, c.w, c.x}, 3)
			in := tensorsOf(root, arrays)
			var program []tensor.Instr
			for _, x := range []*tensor.Tensor{in[0], in[2]} {
				program = append(program, tensor.Instr{Op: c.op, Out: blanks(root, specs), In: []*tensor.Tensor{x, in[1]}})
			}
			want := runAll(t, b, program)
			lowered := b.Lower(program, root.New)
			if len(lowered) != 4 || lowered[0].Op != lowered[2].Op {
				t.Fatalf("%s became %v, want pack and product twice", tensor.OpName(c.op), lowered)
			}
			for k, got := range runAll(t, b, []tensor.Instr{lowered[0], lowered[2], lowered[1], lowered[3]})[2:] {
				equalBytes(t, fmt.Sprintf("%s, product %d", tensor.OpName(c.op), k), got, want[k])
			}
			plain, _ := opened(program[0])
			defined(t, plain, specs, arrays[:2], lowered)
		})
	}
}

// runAll runs a program and returns what each instruction has left.
func runAll(t *testing.T, b *Backend, program []tensor.Instr) (results [][][]byte) {
	t.Helper()
	for _, i := range program {
		if !b.Run(i.Op, i.Out, i.In) {
			t.Fatalf("%s has no kernel", tensor.OpName(i.Op))
		}
		results = append(results, raw(t, b, i.Out))
	}
	return results
}

// defined checks that a lowered product means what the product did.
func defined(t *testing.T, f *tensor.Fused, specs []tensor.Spec, in []tensor.Array, lowered []tensor.Instr) {
	t.Helper()
	want, got, panels := tensor.NewArray(specs[0]), tensor.NewArray(specs[0]), tensor.NewArray(lowered[0].Out[0].Spec)
	f.Eval([]tensor.Array{want}, in)
	lowered[0].Op.Eval([]tensor.Array{panels}, in[1:])
	lowered[1].Op.Eval([]tensor.Array{got}, []tensor.Array{in[0], panels})
	if !slices.Equal(got.Data, want.Data) {
		t.Errorf("%s: the definition on packed weights gives something else", f.Form())
	}
}

// What is used once is not packed apart, nor are weights that an instruction reads in two places.
func TestLowerLeaves(t *testing.T) {
	levels(t, func(t *testing.T, b *Backend) {
		root := tensor.Open(b)
		x, w := root.New(of(f32, 2, 8, 8, 64)), root.New(of(f32, 64, 3, 3, 64))
		y := root.New(of(f32, 2, 8, 8, 64))
		once := tensor.Instr{Op: tensor.Conv2D{Stride: 1, Pad: 1}, Out: []*tensor.Tensor{y}, In: []*tensor.Tensor{x, w}}
		square := root.New(of(f32, 128, 128))
		squared := &tensor.Fused{Body: []tensor.Part{{Op: tensor.ReLU{}, In: []int{0}}, {Op: tensor.MatMul{}, In: []int{1, 0}}}, Out: []int{2}}
		both := tensor.Instr{Op: squared, Out: []*tensor.Tensor{root.New(square.Spec)}, In: []*tensor.Tensor{square}}
		program := []tensor.Instr{once, both, both}
		if got := b.Lower(program, root.New); len(got) != len(program) {
			t.Errorf("%d instructions became %d", len(program), len(got))
		}
	})
}
