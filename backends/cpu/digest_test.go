package cpu

import (
	"crypto/sha256"
	"fmt"
	"math"
	"testing"

	"kith/internal/testflag"
	"kith/tensor"
)

// Every case of every op, and a convolution by Winograd's algorithm, gives the same bits on all levels
// with vectors; with -digest, also on processors of other kinds.
func TestDigest(t *testing.T) {
	var first []string
	levels(t, func(t *testing.T, b *Backend) {
		if b.level.String() == "generic" {
			return
		}
		got := digestsOf(b)
		if first == nil {
			first = got
			testflag.Digest(t, "cpu", got)
		}
		for i, l := range got {
			if l != first[i] {
				t.Errorf("got %s, on another level %s", l, first[i])
			}
		}
	})
}

// digestsOf runs all cases on coarse numbers: drawing fine ones takes functions that processors round
// differently.
func digestsOf(b *Backend) (lines []string) {
	root := tensor.Open(b)
	run := func(c tensor.Case) {
		var in []tensor.Array
		for _, a := range c.In {
			a.Data = append([]float64{}, a.Data...)
			if a.DType == tensor.F32 {
				for i, v := range a.Data {
					a.Data[i] = math.Round(v*4096) / 4096
				}
			}
			in = append(in, a)
		}
		specs, err := c.Op.Infer(specsOf(in))
		if err != nil {
			return
		}
		out := blanks(root, specs)
		b.Run(c.Op, out, tensorsOf(root, in))
		h := sha256.New()
		for _, o := range out {
			data, _ := tensor.Data[float64](o)
			for _, v := range data {
				if v != v {
					v = math.NaN() // all are one: processors make different ones
				}
				fmt.Fprintf(h, "%x ", math.Float64bits(v))
			}
		}
		lines = append(lines, fmt.Sprintf("%v %x", c, h.Sum(nil)[:6]))
	}
	for c := range tensor.Cases() {
		switch c.Op.(type) {
		case tensor.Alias, tensor.Composite:
			continue
		}
		if c.Err == "" && !c.Big {
			run(c)
		}
	}
	for _, c := range winogradCases() {
		run(c)
	}
	return lines
}

// winogradCases is a convolution that is wide enough for Winograd's algorithm, and its gradients.
func winogradCases() []tensor.Case {
	coarse := func(shape ...int) tensor.Array {
		a := tensor.NewArray(tensor.Of(tensor.F32, shape...))
		for i := range a.Data {
			a.Data[i] = float64(i*i%251-125) / 64
		}
		return a
	}
	x, w := coarse(3, 13, 14, 64), coarse(96, 3, 3, 64)
	dy := coarse(3, 13, 14, 96)
	o := tensor.Conv2D{Stride: 1, Pad: 1}
	return []tensor.Case{
		{Op: o, In: []tensor.Array{x, w}},
		{Op: tensor.Conv2DGradX{Conv2D: o, H: 13, W: 14}, In: []tensor.Array{dy, w}},
		{Op: tensor.Conv2DGradW{Conv2D: o, R: 3, S: 3}, In: []tensor.Array{dy, x}},
	}
}
