package backendtest

import (
	"flag"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"kith/internal/testflag"
	"kith/tensor"
	"kith/tensor/rng"
)

// bodies draws random fused ops of pointwise parts and column sums. Of one that fails, rapid finds
// the smallest.
func bodies(t *testing.T, g *guard) {
	setFlag(t, "rapid.seed", strconv.FormatUint(testflag.Seed(t), 10))
	setFlag(t, "rapid.nofailfile", "true")
	checks := "300"
	if testflag.Long() {
		checks = "10000"
	}
	setFlag(t, "rapid.checks", checks)
	drawn, ran := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		b := drawBody(rt)
		in := b.draw(rng.New(rapid.Uint64Max(99).Draw(rt, "numbers")))
		drawn++
		if g.fused(rt, b, in) {
			ran++
		}
	})
	t.Logf("%d of %d bodies have a kernel", ran, drawn)
}

// setFlag sets a flag of rapid's for this test, unless the command line has.
func setFlag(t *testing.T, name, value string) {
	f := flag.Lookup(name)
	if f == nil || f.Value.String() != f.DefValue {
		return
	}
	if err := f.Value.Set(value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Value.Set(f.DefValue) })
}

// drawBody makes a chain of up to twelve parts on tensors of one shape, vectors of its last axis,
// and scalars; sometimes with column sums at its end.
func drawBody(t *rapid.T) *body {
	b := &body{}
	rows := rapid.SampledFrom([]int{1, 2, 3, 7, 40, 300}).Draw(t, "rows")
	cols := rapid.SampledFrom([]int{1, 2, 3, 8, 15, 16, 17, 33, 64, 100, 1025}).Draw(t, "cols")
	for i := range rapid.IntRange(1, 3).Draw(t, "tensors") {
		d := tensor.F32
		if rapid.Bool().Draw(t, "half") && i > 0 {
			d = tensor.BF16
		}
		b.input(tensor.Of(d, rows, cols))
	}
	b.input(f32(cols))
	b.input(tensor.Of(tensor.BF16, cols))
	b.input(f32())
	b.input(u8(rows, cols))
	full := -1 // the value that the chain goes on with
	for range rapid.IntRange(1, 8).Draw(t, "parts") {
		full = drawPart(t, b, full)
	}
	b.leave(full)
	if rapid.Bool().Draw(t, "keep another") {
		b.leave(rapid.IntRange(0, full).Draw(t, "kept"))
	}
	if !b.spec(full).DType.Float() {
		return b
	}
	switch rapid.IntRange(0, 4).Draw(t, "columns") {
	case 1:
		b.leave(b.add(tensor.Sum{Keep: 1}, full))
	case 2:
		m := b.add(tensor.Moments{}, full)
		b.leave(m, m+1, m+2)
	case 3:
		b.leave(b.add(tensor.Sum{}, full))
	}
	return b
}

// drawPart adds a part that reads full, and perhaps another value that fits it.
func drawPart(t *rapid.T, b *body, full int) int {
	for {
		op := rapid.SampledFrom([]tensor.Op{
			tensor.Add{}, tensor.Sub{}, tensor.Mul{}, tensor.Div{}, tensor.Add{}, tensor.Mul{}, tensor.ReLU{}, tensor.ReLUGrad{},
			tensor.Scale{By: 0.3}, tensor.Shift{By: -0.7}, tensor.AtLeast{Min: 0.2}, tensor.Exp{}, tensor.Log{}, tensor.Sqrt{},
			tensor.Rsqrt{}, tensor.Select{}, tensor.Spread{}, tensor.Fill{With: 2},
			tensor.Cast{To: tensor.BF16}, tensor.Cast{To: tensor.F32}, tensor.Cast{To: tensor.BF16}, tensor.Cast{To: tensor.F32},
		}).Draw(t, "op")
		args := []int{full}
		switch op.(type) {
		case tensor.Select:
			args = append(args, drawValue(t, b), drawMask(t, b, full))
		case tensor.Add, tensor.Sub, tensor.Mul, tensor.Div, tensor.ReLUGrad, tensor.Spread:
			args = append(args, drawValue(t, b))
		}
		if v, ok := b.try(op, args...); ok {
			return v
		}
	}
}

// drawValue is any value there is.
func drawValue(t *rapid.T, b *body) int {
	return rapid.IntRange(-len(b.in), len(b.specs)-1).Draw(t, "value")
}

// drawMask is the mask among the inputs, or a new one made of full.
func drawMask(t *rapid.T, b *body, full int) int {
	if rapid.Bool().Draw(t, "given mask") {
		return -len(b.in)
	}
	op := rapid.SampledFrom([]tensor.Op{tensor.Positive{}, tensor.Finite{}}).Draw(t, "mask")
	return b.add(op, full)
}
