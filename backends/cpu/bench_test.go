package cpu

import (
	"testing"
	"time"

	"kith/tensor"
)

// BenchmarkMemory times what is bound by memory: GB/s of bytes read and written, and the share of a
// plain copy on the same threads in the same process.
func BenchmarkMemory(b *testing.B) {
	for _, name := range Levels() {
		if name == "generic" {
			continue
		}
		b.Run(name, func(b *testing.B) { benchMemory(b, name) })
	}
}

func benchMemory(b *testing.B, level string) {
	be, err := New(Options{Level: level})
	if err != nil {
		b.Fatal(err)
	}
	defer be.Close()
	root := tensor.Open(be)
	shape := []int{16, 56, 56, 256}
	v, vec := tensor.Of(f32, shape...), tensor.Of(f32, 256)
	h := tensor.Of(half, shape...)
	add, sub, mul, relu := tensor.Add{}, tensor.Sub{}, tensor.Mul{}, tensor.ReLU{}
	sum := tensor.Sum{Keep: 1}
	up, down := tensor.Cast{To: f32}, tensor.Cast{To: half}
	x, y, z := root.New(v), root.New(v), root.New(v)
	hx, hy := root.New(h), root.New(h)
	c := tensorsOf(root, draw([]tensor.Spec{vec, vec, vec, vec}, 1))
	for _, t := range []*tensor.Tensor{x, y, z} {
		tensor.Set(t, make([]float32, v.Shape.Size()))
	}
	for _, t := range []*tensor.Tensor{hx, hy} {
		be.Upload(t, make([]byte, h.Bytes()))
	}
	copying := func() { be.copy(be.view(y).bytes(), be.view(x).bytes()) }
	flag := tensorsOf(root, []tensor.Array{{Spec: tensor.Of(tensor.U8), Data: []float64{1}}})[0]
	rate := tensorsOf(root, draw([]tensor.Spec{tensor.Of(f32)}, 2))[0]
	norm := parts(sub, []int{0, 1}, mul, []int{4, 2}, add, []int{5, 3}, relu, []int{6})
	for _, k := range []struct {
		name    string
		op      tensor.Op
		out, in []*tensor.Tensor
		bytes   int // moved
	}{
		{"copy", tensor.Write{}, nil, []*tensor.Tensor{y, x}, 2 * v.Bytes()},
		{"add", add, []*tensor.Tensor{z}, []*tensor.Tensor{x, y}, 3 * v.Bytes()},
		{"add in place", add, []*tensor.Tensor{x}, []*tensor.Tensor{x, y}, 3 * v.Bytes()},
		{"moments", tensor.Moments{}, tensorsOf(root, draw([]tensor.Spec{vec, vec, vec}, 1)), []*tensor.Tensor{x}, v.Bytes()},
		{"norm relu", &tensor.Fused{Body: norm, Out: []int{7}}, []*tensor.Tensor{y}, []*tensor.Tensor{x, c[0], c[1], c[2]}, 2 * v.Bytes()},
		{"norm relu in place", &tensor.Fused{Body: norm, Out: []int{7}}, []*tensor.Tensor{x}, []*tensor.Tensor{x, c[0], c[1], c[2]}, 2 * v.Bytes()},
		{"norm relu bf16", &tensor.Fused{Body: parts(up, []int{0}, sub, []int{4, 1}, mul, []int{5, 2}, add, []int{6, 3}, down, []int{7}, relu, []int{8}), Out: []int{9}},
			[]*tensor.Tensor{hy}, []*tensor.Tensor{hx, c[0], c[1], c[2]}, v.Bytes()},
		{"mask and sums", &tensor.Fused{Body: parts(sub, []int{0, 1}, mul, []int{5, 2}, add, []int{6, 3}, relu, []int{7},
			tensor.ReLUGrad{}, []int{4, 8}, mul, []int{9, 5}, sum, []int{9}, sum, []int{10}), Out: []int{9, 11, 12}},
			append([]*tensor.Tensor{y}, tensorsOf(root, draw([]tensor.Spec{vec, vec}, 1))...), []*tensor.Tensor{x, c[0], c[1], c[2], y}, 3 * v.Bytes()},
		{"dz in place", &tensor.Fused{Body: parts(sub, []int{0, 1}, mul, []int{6, 2}, sub, []int{3, 7}, sub, []int{8, 4}, mul, []int{9, 5}), Out: []int{10}},
			[]*tensor.Tensor{y}, []*tensor.Tensor{x, c[0], c[1], y, c[2], c[3]}, 3 * v.Bytes()},
		{"optimizer", &tensor.Fused{Body: parts(tensor.Scale{By: 0.9}, []int{0}, mul, []int{1, 2}, add, []int{5, 6},
			tensor.Select{}, []int{7, 0, 3}, sub, []int{4, 7}, tensor.Select{}, []int{9, 4, 3}), Out: []int{8, 10}},
			[]*tensor.Tensor{x, z}, []*tensor.Tensor{x, y, rate, flag, z}, 5 * v.Bytes()},
		{"norm of all", tensor.SumSq{}, tensorsOf(root, draw([]tensor.Spec{tensor.Of(f32, 2)}, 1)), []*tensor.Tensor{x, y}, 2 * v.Bytes()},
	} {
		b.Run(k.name, func(b *testing.B) {
			if !be.Run(k.op, k.out, k.in) {
				b.Fatal("no kernel")
			}
			var best, copied float64
			for b.Loop() { // in turns, so that both meet the same neighbors
				copied = max(copied, bandwidth(2*v.Bytes(), copying))
				best = max(best, bandwidth(k.bytes, func() { be.Run(k.op, k.out, k.in) }))
			}
			b.ReportMetric(best, "GB/s")
			b.ReportMetric(100*best/copied, "%copy")
		})
	}
}

// bandwidth returns GB/s of one run.
func bandwidth(bytes int, f func()) float64 {
	start := time.Now()
	f()
	return float64(bytes) / float64(time.Since(start).Nanoseconds())
}

// BenchmarkRows times the ops of heads, loss and stem that are not products.
func BenchmarkRows(b *testing.B) {
	for _, name := range Levels() {
		if name == "generic" {
			continue
		}
		be, err := New(Options{Level: name})
		if err != nil {
			b.Fatal(err)
		}
		root := tensor.Open(be)
		for _, k := range []struct {
			op    tensor.Op
			in    []tensor.Spec
			flops float64
		}{
			{tensor.NearestRow{K: 2}, []tensor.Spec{of(f32, 512, 256), of(f32, 65536, 256), of(tensor.I32, 512), of(tensor.I32, 65536)}, 2 * 512 * 256 * 65536},
			{tensor.CrossEntropy{}, []tensor.Spec{of(f32, 512, 512), of(tensor.I32, 512)}, 0},
			{tensor.CrossEntropyGrad{}, []tensor.Spec{of(f32, 512, 512), of(tensor.I32, 512), of(f32, 512), of(f32, 512)}, 0},
			{tensor.MaxPool{Size: 3, Stride: 2, Pad: 1}, []tensor.Spec{of(f32, 8, 112, 112, 64)}, 0},
			{tensor.MaxPoolGrad{MaxPool: tensor.MaxPool{Size: 3, Stride: 2, Pad: 1}, H: 112, W: 112}, []tensor.Spec{of(f32, 8, 56, 56, 64), of(tensor.U8, 8, 56, 56, 64)}, 0},
			{tensor.AvgPool{}, []tensor.Spec{of(f32, 64, 7, 7, 2048)}, 0},
			{tensor.AvgPoolGrad{H: 7, W: 7}, []tensor.Spec{of(f32, 64, 2048)}, 0},
			{tensor.RowDot{}, []tensor.Spec{of(f32, 512, 256), of(f32, 512, 256)}, 0},
			{tensor.Gather{}, []tensor.Spec{of(f32, 65536, 256), of(tensor.I32, 512)}, 0},
			{tensor.Uniform{}, []tensor.Spec{of(f32, 1<<20), of(tensor.I32)}, 0},
			{tensor.Permute{Axes: tensor.DimsOf(0, 3, 1, 2)}, []tensor.Spec{of(f32, 64, 32, 32, 64)}, 0},
		} {
			in := draw(k.in, 3)
			for i, s := range k.in {
				for j := range in[i].Data {
					if s.DType == tensor.I32 {
						in[i].Data[j] = float64(j % 500)
					}
				}
			}
			specs, err := k.op.Infer(k.in)
			if err != nil {
				b.Fatal(err)
			}
			ts, out := tensorsOf(root, in), blanks(root, specs)
			b.Run(name+"/"+tensor.OpName(k.op), func(b *testing.B) {
				be.Run(k.op, out, ts)
				for b.Loop() {
					be.Run(k.op, out, ts)
				}
				if k.flops > 0 {
					b.ReportMetric(k.flops*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GF")
				}
			})
		}
		be.Close()
	}
}

// BenchmarkSmall times what an op costs besides its work: a step has hundreds on vectors.
func BenchmarkSmall(b *testing.B) {
	be, err := Open("")
	if err != nil {
		b.Fatal(err)
	}
	defer be.Close()
	root := tensor.Open(be)
	vec := of(f32, 64)
	ts := tensorsOf(root, draw([]tensor.Spec{vec, vec, vec, of(f32, 128, 64)}, 1))
	tail := &tensor.Fused{Body: parts(tensor.Shift{By: 1e-5}, []int{0}, tensor.Rsqrt{}, []int{3}, tensor.Mul{}, []int{4, 1}, tensor.Mul{}, []int{5, 2}), Out: []int{5, 6}}
	for _, k := range []struct {
		name    string
		op      tensor.Op
		out, in []*tensor.Tensor
	}{
		{"Add", tensor.Add{}, ts[:1], ts[1:3]},
		{"Sum", tensor.Sum{Keep: 1}, ts[:1], ts[3:4]},
		{"Fused", tail, ts[:2], ts[:3]},
	} {
		b.Run(k.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				be.Run(k.op, k.out, k.in)
			}
		})
	}
}
