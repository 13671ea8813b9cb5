package cpu

import (
	"fmt"
	"testing"

	"kith/tensor"
)

// Weights are packed once for several uses, and again after every kind of write.
func TestPackedWeightsFollowWrites(t *testing.T) {
	conv := tensor.Conv2D{Stride: 1, Pad: 1}
	products := []struct {
		op   tensor.Op
		x, w tensor.Spec
	}{
		{conv, of(f32, 2, 8, 8, 64), of(f32, 64, 3, 3, 64)},
		{conv, of(half, 2, 8, 8, 16), of(half, 40, 3, 3, 16)},
		{tensor.Conv2DGradX{Conv2D: conv, H: 8, W: 8}, of(f32, 2, 8, 8, 64), of(f32, 64, 3, 3, 64)},
		{tensor.MatMul{TransB: true}, of(f32, 30, 20), of(f32, 50, 20)},
		{tensor.MatMul{}, of(half, 30, 20), of(half, 20, 50)},
	}
	writes := map[string]func(b *Backend, w, other *tensor.Tensor){
		"nothing": func(*Backend, *tensor.Tensor, *tensor.Tensor) {},
		"set":     func(_ *Backend, w, _ *tensor.Tensor) { tensor.Set(w, draw([]tensor.Spec{w.Spec}, 11)[0].Data) },
		"op": func(b *Backend, w, other *tensor.Tensor) {
			b.Run(tensor.Add{}, []*tensor.Tensor{w}, []*tensor.Tensor{w, other})
		},
		"write": func(b *Backend, w, other *tensor.Tensor) { b.Run(tensor.Write{}, nil, []*tensor.Tensor{w, other}) },
	}
	levels(t, func(t *testing.T, b *Backend) {
		for _, p := range products {
			root := tensor.Open(b)
			in := tensorsOf(root, draw([]tensor.Spec{p.x, p.w, p.w}, 3))
			specs, err := p.op.Infer([]tensor.Spec{p.x, p.w})
			if err != nil {
				t.Fatal(err)
			}
			out := blanks(root, specs)
			for _, name := range []string{"nothing", "nothing", "set", "nothing", "op", "nothing", "write", "nothing"} {
				writes[name](b, in[1], in[2])
				b.Run(p.op, out, in[:2])
				got := raw(t, b, out)
				kept := b.packs
				b.packs = packs{b: b, known: map[packKey]*pack{}} // keeps nothing
				b.Run(p.op, out, in[:2])
				b.packs = kept
				equalBytes(t, fmt.Sprintf("%+v after %s", p.op, name), got, raw(t, b, out))
			}
			used := 0
			for _, k := range b.packs.known {
				if k.block != nil {
					used++
				}
			}
			if used == 0 {
				t.Errorf("%+v: nothing was kept", p.op)
			}
		}
	})
}

// Weights that a fused op makes for itself lie in scratch memory, whose contents change from op to op without a
// write that anybody sees. They are packed anew each time.
func TestScratchWeightsAreNotKept(t *testing.T) {
	conv := tensor.Conv2D{Stride: 1, Pad: 1}
	for _, c := range []struct {
		core tensor.Op
		x, w tensor.Spec
	}{
		{conv, of(f32, 2, 8, 8, 64), of(f32, 64, 3, 3, 64)},
		{tensor.Conv2DGradX{Conv2D: conv, H: 8, W: 8}, of(f32, 2, 8, 8, 64), of(f32, 64, 3, 3, 64)},
	} {
		f := &tensor.Fused{Body: []tensor.Part{{Op: tensor.Add{}, In: []int{1, 2}}, {Op: c.core, In: []int{0, 3}}}, Out: []int{4}}
		levels(t, func(t *testing.T, b *Backend) {
			root := tensor.Open(b)
			specs, err := f.Infer([]tensor.Spec{c.x, c.w, c.w})
			if err != nil {
				t.Fatal(err)
			}
			out := blanks(root, specs)
			for seed := range uint64(4) {
				in := tensorsOf(root, draw([]tensor.Spec{c.x, c.w, c.w}, seed))
				if !b.Run(f, out, in) {
					t.Fatalf("%s does not run", f.Form())
				}
				got := raw(t, b, out)
				kept := b.packs
				b.packs = packs{b: b, known: map[packKey]*pack{}} // keeps nothing
				b.Run(f, out, in)
				b.packs = kept
				equalBytes(t, f.Form(), got, raw(t, b, out))
			}
		})
	}
}
