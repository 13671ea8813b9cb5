package cpu

import (
	"testing"

	"kith/backends/cpu/internal/product"
	"kith/tensor"
)

// An epilogue gives the same, to the bit, on whole rows and on rectangles of any width: outputs in
// float32 and bfloat16, vectors, full-size operands, masks and sums.
func TestRectangles(t *testing.T) {
	const rows, cols = 37, 1300
	full, vec := of(f32, rows, cols), of(f32, cols)
	f := &tensor.Fused{Body: parts(tensor.MatMul{}, []int{0, 1}, tensor.Add{}, []int{6, 2}, tensor.Mul{}, []int{7, 3},
		tensor.Select{}, []int{8, 6, 4}, tensor.Scale{By: 0.5}, []int{9}, tensor.Cast{To: half}, []int{10},
		tensor.Sub{}, []int{9, 5}, tensor.Sum{Keep: 1}, []int{12}, tensor.Moments{}, []int{9}), Out: []int{9, 11, 12, 13, 14, 15, 16}}
	in := []tensor.Spec{of(f32, rows, 3), of(f32, 3, cols), full, vec, of(tensor.U8, rows, cols), of(f32)}
	levels(t, func(t *testing.T, b *Backend) {
		root := tensor.Open(b)
		specs, err := f.Infer(in)
		if err != nil {
			t.Fatal(err)
		}
		args := tensorsOf(root, draw(in, 7))
		run := func(width int) [][]byte {
			out := blanks(root, specs)
			if !b.Run(f, out, args) {
				t.Fatal("no kernel")
			}
			if width > 0 {
				again(b, f, out, args, width)
			}
			return raw(t, b, out)
		}
		want := run(0)
		for _, width := range []int{1, 16, 100, 512, 1030} {
			equalBytes(t, "rectangles", run(width), want)
		}
	})
}

// again runs the epilogue of f once more, on rectangles of the given width of the product's stored
// result, as one chunk.
func again(b *Backend, f *tensor.Fused, out, in []*tensor.Tensor, width int) {
	p := b.fused[f]
	b.temp.reset()
	ins, outs := b.views(nil, in), b.views(nil, out)
	rows, cols := outs[0].Shape[0], outs[0].Shape[1]
	result := b.temp.floats(rows * cols)
	b.product.Gemm(product.Output{Data: result}, b.operand(0, ins[0]), b.operand(1, ins[1]), gemmOf(tensor.MatMul{}, ins[0].Spec, ins[1].Spec))
	p.values = append(p.values[:0], ins...)
	for _, s := range p.specs[p.inputs:] {
		p.values = append(p.values, view{Spec: s, n: s.Shape.Size()})
	}
	for i, v := range p.outs {
		p.values[v] = outs[i]
	}
	for i := range p.core.inner {
		b.bindChain(p, &p.core.inner[i], ins)
	}
	b.startColumns(p.core, 1)
	s := storer{b: b, c: &p.core.inner[p.core.epilogue], v: outs[0]}
	for col := 0; col < cols; col += width {
		s.storeChain(product.Tile{Data: result[col:], Pitch: cols, Rows: rows, Col: col, Cols: min(width, cols-col)})
	}
	b.finishColumns(p, s.c)
}
