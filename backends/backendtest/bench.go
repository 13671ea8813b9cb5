package backendtest

import (
	"io"
	"testing"

	"kith/tensor"
)

// Bench times the big cases of all ops: go test -bench Op/Conv2D. It reports the bytes of inputs
// and outputs per second and, for products, billions of multiplications and additions.
func Bench(b *testing.B, open func() tensor.Backend) {
	backend := open()
	if c, ok := tensor.As[io.Closer](backend); ok {
		defer c.Close()
	}
	for c := range tensor.Cases() {
		if c.Big && c.Err == "" {
			b.Run("Op/"+c.String(), func(b *testing.B) { bench(b, backend, c) })
		}
	}
}

func bench(b *testing.B, backend tensor.Backend, c tensor.Case) {
	root := tensor.Open(backend)
	in := enter(root, c.In)
	specs, err := c.Op.Infer(specsOf(in))
	if err != nil {
		b.Fatal(err)
	}
	bytes := 0
	out := make([]*tensor.Tensor, len(specs))
	for i, s := range specs {
		out[i] = root.New(s)
		bytes += s.Bytes()
	}
	for _, t := range in {
		bytes += t.Bytes()
	}
	for b.Loop() {
		tensor.Exec(backend, c.Op, out, in)
		if err := backend.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(bytes))
	if n := operations(c.Op, in, out); n > 0 {
		b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GF/s")
	}
	for _, t := range append(in, out...) {
		free(backend, t)
	}
}

// operations counts the multiplications and additions of a product, taps in the padding too.
func operations(op tensor.Op, in, out []*tensor.Tensor) int {
	size := func(t *tensor.Tensor) int { return t.Shape.Size() }
	switch o := op.(type) {
	case tensor.MatMul:
		return 2 * size(out[0]) * size(in[0]) / max(out[0].Shape[0], 1)
	case tensor.Conv2D:
		return 2 * size(out[0]) * in[1].Shape[1:].Size()
	case tensor.Conv2DGradX:
		return 2 * size(in[0]) * in[1].Shape[1:].Size()
	case tensor.Conv2DGradW:
		return 2 * size(in[0]) * o.R * o.S * in[1].Shape[3]
	case tensor.NearestRow:
		return 2 * size(in[0]) * in[1].Shape[0]
	}
	return 0
}
