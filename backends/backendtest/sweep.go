package backendtest

import (
	"fmt"
	"math"
	"sync"

	"kith/internal/testflag"
	"kith/tensor"
	"kith/tensor/rng"
)

// sizes are the ones around vectors, tiles and their tails.
var sizes = []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 31, 33, 63, 65}

// registered is the cases beside the ops; with -long the big ones too.
var registered = sync.OnceValue(func() []*sample {
	var all []*sample
	for c := range tensor.Cases() {
		if c.Err == "" && (!c.Big || testflag.Long()) {
			all = append(all, newSample(c))
		}
	}
	return all
})

// swept is the sweep with numbers from a normal distribution.
var swept = sync.OnceValue(func() []*sample { return sweep(drawNormal) })

// integers is the sweep on the lattice, where the op adds and multiplies only.
var integers = sync.OnceValue(func() []*sample {
	var all []*sample
	for _, s := range sweep(drawIntegers) {
		if s.exactly = additive(s.Op); s.exactly {
			all = append(all, s)
		}
	}
	return all
})

// halved is cases and sweep with BF16 inputs.
var halved = sync.OnceValue(func() []*sample {
	var all []*sample
	for _, s := range append(registered()[:len(registered()):len(registered())], swept()...) {
		if h, ok := asBF16(s.Case); ok {
			all = append(all, newSample(h))
		}
	}
	return all
})

// additive tells whether op only adds, multiplies, compares and moves. AvgPool divides at the
// end, and convolutions that may use Winograd's transforms divide too.
func additive(op tensor.Op) bool {
	switch op.(type) {
	case tensor.Exp, tensor.Log, tensor.Sqrt, tensor.Rsqrt, tensor.Div, tensor.Scale, tensor.Shift, tensor.Unit,
		tensor.BatchNorm, tensor.CrossEntropy, tensor.CrossEntropyGrad, tensor.Moments, tensor.AvgPool, tensor.AvgPoolGrad:
		return false
	}
	return true
}

// A draw makes the floats of an input from a key; terms is how many products of them an output
// sums up.
type draw func(k rng.Key, a *tensor.Array, terms int)

func drawNormal(k rng.Key, a *tensor.Array, _ int) {
	x := make([]float32, len(a.Data))
	k.Stream().Normal(x)
	for i, v := range x {
		a.Data[i] = float64(v)
	}
}

// drawIntegers takes integers up to 8, or as large as keeps every sum of products below 2^24, where
// float32 is exact; a fourth of them are 0.
func drawIntegers(k rng.Key, a *tensor.Array, terms int) {
	s := k.Stream()
	most := max(1, min(8, int(math.Sqrt(1<<24/float64(max(terms, 1))))))
	for i := range a.Data {
		if a.Data[i] = float64(s.IntN(2*most+1) - most); s.IntN(4) == 0 {
			a.Data[i] = 0
		}
	}
}

// A sweeper collects samples.
type sweeper struct {
	draw draw
	all  []*sample
}

// sweep makes all shapes with the given numbers.
func sweep(d draw) []*sample {
	s := &sweeper{draw: d}
	for _, part := range []func(*sweeper){
		pointwiseSweep, productSweep, convSweep, poolSweep, columnSweep, rowSweep, searchSweep, moveSweep,
	} {
		part(s)
	}
	return s.all
}

// add draws the inputs of op and adds it: floats by the sweeper, others with all elements below most.
func (s *sweeper) add(op tensor.Op, terms, most int, specs ...tensor.Spec) {
	in := make([]tensor.Array, len(specs))
	for i, spec := range specs {
		key := rng.New(3).Fold(fmt.Sprintf("%T %v %d", op, specs, i))
		in[i] = tensor.NewArray(spec)
		if spec.DType.Float() {
			s.draw(key, &in[i], terms)
			continue
		}
		stream := key.Stream()
		for j := range in[i].Data {
			in[i].Data[j] = float64(stream.IntN(most))
		}
	}
	s.all = append(s.all, newSample(tensor.Case{Op: op, In: in}))
}

// given adds op with inputs that are not drawn.
func (s *sweeper) given(op tensor.Op, in ...tensor.Array) {
	s.all = append(s.all, newSample(tensor.Case{Op: op, In: in}))
}

func f32(axes ...int) tensor.Spec { return tensor.Of(tensor.F32, axes...) }
func i32(axes ...int) tensor.Spec { return tensor.Of(tensor.I32, axes...) }
func u8(axes ...int) tensor.Spec  { return tensor.Of(tensor.U8, axes...) }

// pointwiseSweep stretches the cases of each pointwise op to many sizes: as one row, and as rows
// against a vector.
func pointwiseSweep(s *sweeper) {
	seen := map[string]bool{}
	for c := range tensor.Cases() {
		op, pointwise := c.Op.(tensor.Pointwise)
		if name := tensor.OpName(c.Op); !pointwise || c.Err != "" || len(c.In[0].Data) < 9 || seen[name] {
			continue
		} else {
			seen[name] = true
		}
		for _, n := range append(sizes, 0, 255, 1023, 1024, 1025, 4099, 70001) {
			s.stretched(op, c.In, n, 1)
			if len(c.In) > 1 && n < 1000 {
				s.stretched(op, c.In, n, 5)
			}
		}
	}
}

// stretched adds op on [n], or on [rows, n] with all inputs but the first [n].
func (s *sweeper) stretched(op tensor.Op, like []tensor.Array, n, rows int) {
	in := make([]tensor.Array, len(like))
	for i, a := range like {
		shape := tensor.Shape{n}
		if i == 0 && rows > 1 {
			shape = tensor.Shape{rows, n}
		}
		in[i] = tensor.NewArray(tensor.Spec{DType: a.DType, Shape: shape})
		for j := range in[i].Data {
			in[i].Data[j] = a.Data[j%len(a.Data)]
		}
	}
	s.given(op, in...)
}

// productSweep walks each size alone, in all four layouts, and the depth through every block.
func productSweep(s *sweeper) {
	product := func(m, k, n int) {
		for _, o := range []tensor.MatMul{{}, {TransA: true}, {TransB: true, Wide: true}, {TransA: true, TransB: true}} {
			a, b := f32(m, k), f32(k, n)
			if o.TransA {
				a = f32(k, m)
			}
			if o.TransB {
				b = f32(n, k)
			}
			s.add(o, k, 0, a, b)
		}
	}
	for _, n := range sizes {
		product(n, 9, 7)
		product(5, n, 8)
		product(4, 6, n)
	}
	for _, k := range []int{127, 128, 129, 255, 256, 257, 383, 384, 385, 511, 512, 513, 767, 1025} {
		product(3, k, 18)
	}
	product(97, 37, 101)
	product(130, 300, 35)
	product(0, 5, 7)
	product(5, 7, 0)
	product(5, 0, 7)
}

// A conv is one convolution for all three passes.
type conv struct{ n, h, w, c, k, r, s, stride, pad int }

// resnet50 is the distinct convolutions of a ResNet-50, 224 px.
var resnet50 = []conv{
	{h: 224, c: 3, k: 64, r: 7, stride: 2}, {h: 56, c: 64, k: 64, r: 1}, {h: 56, c: 64, k: 64, r: 3},
	{h: 56, c: 64, k: 256, r: 1}, {h: 56, c: 256, k: 64, r: 1}, {h: 56, c: 256, k: 128, r: 1},
	{h: 56, c: 128, k: 128, r: 3, stride: 2}, {h: 28, c: 128, k: 512, r: 1}, {h: 56, c: 256, k: 512, r: 1, stride: 2},
	{h: 28, c: 512, k: 128, r: 1}, {h: 28, c: 128, k: 128, r: 3}, {h: 28, c: 512, k: 256, r: 1},
	{h: 28, c: 256, k: 256, r: 3, stride: 2}, {h: 14, c: 256, k: 1024, r: 1}, {h: 28, c: 512, k: 1024, r: 1, stride: 2},
	{h: 14, c: 1024, k: 256, r: 1}, {h: 14, c: 256, k: 256, r: 3}, {h: 14, c: 1024, k: 512, r: 1},
	{h: 14, c: 512, k: 512, r: 3, stride: 2}, {h: 7, c: 512, k: 2048, r: 1}, {h: 14, c: 1024, k: 2048, r: 1, stride: 2},
	{h: 7, c: 2048, k: 512, r: 1}, {h: 7, c: 512, k: 512, r: 3},
}

// convSweep walks channels and filters, kernels of odd forms, and ResNet-50: with a sixteenth of
// the channels and a quarter of the map, or in full with -long.
func convSweep(s *sweeper) {
	for _, n := range sizes {
		s.conv(conv{1, 4, 5, n, 6, 3, 3, 1, 1})
		s.conv(conv{1, 5, 4, 5, n, 3, 3, 1, 1})
		s.conv(conv{2, 3, 3, n, 9, 1, 1, 1, 0})
		s.conv(conv{1, 3, n, 4, 5, 3, 3, 1, 1})
		s.conv(conv{1, n, 2, 3, 5, 3, 3, 2, 1})
	}
	for _, c := range []conv{
		{2, 9, 8, 3, 7, 5, 2, 1, 2}, {1, 8, 9, 4, 5, 1, 4, 1, 1}, {1, 7, 7, 3, 4, 2, 2, 3, 1}, {1, 11, 5, 2, 3, 7, 3, 2, 3},
		{3, 2, 2, 5, 4, 5, 5, 1, 2}, {1, 13, 11, 3, 17, 7, 7, 2, 3}, {2, 1, 1, 33, 17, 3, 3, 1, 1}, {2, 5, 5, 8, 8, 2, 3, 5, 0},
		{1, 6, 6, 1, 1, 3, 3, 1, 0}, {0, 6, 6, 4, 4, 3, 3, 1, 1}, {1, 17, 19, 16, 16, 3, 3, 1, 1}, {1, 8, 8, 64, 64, 3, 3, 1, 1},
		{2, 7, 5, 65, 66, 3, 3, 1, 1}, {1, 4, 4, 80, 72, 3, 3, 1, 0},
	} {
		s.conv(c)
	}
	for _, c := range resnet50 {
		c.n, c.s, c.pad, c.stride = 1, c.r, c.r/2, max(c.stride, 1)
		c.w = c.h
		if !testflag.Long() {
			c.n, c.h, c.w, c.c, c.k = 2, (c.h+6)/7, (c.h+6)/7+1, max(3, c.c/16), c.k/16
		}
		s.conv(c)
	}
}

// conv adds the three passes of one convolution.
func (s *sweeper) conv(c conv) {
	o := tensor.Conv2D{Stride: c.stride, Pad: c.pad}
	x, w := f32(c.n, c.h, c.w, c.c), f32(c.k, c.r, c.s, c.c)
	out, err := o.Infer([]tensor.Spec{x, w})
	if err != nil {
		return // a filter that does not fit is no sample
	}
	y := out[0]
	s.add(o, c.r*c.s*c.c, 0, x, w)
	s.add(tensor.Conv2DGradX{Conv2D: o, H: c.h, W: c.w}, c.r*c.s*c.k, 0, y, w)
	s.add(tensor.Conv2DGradW{Conv2D: o, R: c.r, S: c.s}, y.Shape[:3].Size(), 0, y, x)
}

// poolSweep walks channels and windows. MaxPoolGrad gets the places that MaxPool would give.
func poolSweep(s *sweeper) {
	pool := func(o tensor.MaxPool, n, h, w, c int) {
		s.add(o, 1, 0, f32(n, h, w, c))
		x := s.all[len(s.all)-1].In[0]
		y := define(o, []tensor.Array{x})
		dy := tensor.NewArray(y[0].Spec)
		s.draw(rng.New(4), &dy, 9)
		s.given(tensor.MaxPoolGrad{MaxPool: o, H: h, W: w}, dy, y[1])
	}
	for _, c := range sizes {
		pool(tensor.MaxPool{Size: 3, Stride: 2, Pad: 1}, 1, 7, 6, c)
		s.add(tensor.AvgPool{}, 12, 0, f32(2, 3, 4, c))
		s.add(tensor.AvgPoolGrad{H: 3, W: 4}, 1, 0, f32(2, c))
	}
	for _, o := range [][3]int{{2, 2, 0}, {2, 1, 1}, {3, 1, 0}, {3, 3, 1}, {5, 2, 2}, {1, 2, 0}, {2, 5, 0}, {15, 1, 7}} {
		pool(tensor.MaxPool{Size: o[0], Stride: o[1], Pad: o[2]}, 2, 15, 17, 3)
	}
	pool(tensor.MaxPool{Size: 2, Stride: 2}, 0, 4, 4, 4)
	s.add(tensor.AvgPool{}, 1000, 0, f32(3, 31, 33, 5))
}

// columnSweep walks columns and rows of reductions, and lengths around the chunks of flat ones.
func columnSweep(s *sweeper) {
	for _, n := range sizes {
		s.add(tensor.Sum{Keep: 1}, 37, 0, f32(37, n))
		s.add(tensor.Sum{Keep: 1}, n, 0, f32(n, 19))
		s.add(tensor.Sum{Keep: 2}, 6, 0, f32(6, 3, n))
		s.add(tensor.Sum{}, 3*n, 0, f32(3, n))
		s.add(tensor.Moments{}, 37, 0, f32(37, n))
		s.add(tensor.Moments{}, n, 0, f32(n, 19))
		s.add(tensor.BatchNorm{Eps: 1e-5}, 21, 0, f32(3, 7, n), f32(n), f32(n))
		s.add(tensor.SumSq{}, n, 0, f32(n), f32(2, n), f32())
	}
	for _, n := range []int{4095, 4096, 4097, 8191, 65535, 65537, 100003} {
		s.add(tensor.Sum{}, n, 0, f32(n))
		s.add(tensor.SumSq{}, n, 0, f32(n), f32(n/2))
		s.add(tensor.Sum{Keep: 1}, n/7, 0, f32(n/7, 7))
		s.add(tensor.Moments{}, n/16, 0, f32(n/16, 16))
	}
	s.add(tensor.Sum{Keep: 1}, 1, 0, f32(0, 5))
	s.add(tensor.Sum{Keep: 1}, 1, 0, f32(3, 0))
	s.add(tensor.Sum{}, 1, 0, f32(0))
	s.add(tensor.Sum{Keep: 1}, 9, 0, f32(9, 5000))
	s.add(tensor.Moments{}, 9, 0, f32(9, 5000))
}

// rowSweep walks the lengths of rows.
func rowSweep(s *sweeper) {
	for _, d := range append(sizes, 128, 500) {
		s.add(tensor.RowDot{}, d, 0, f32(3, d), f32(3, d))
		s.add(tensor.RowMul{}, 1, 0, f32(3, d), f32(3))
		s.add(tensor.Unit{}, d, 0, f32(3, d))
		s.add(tensor.ArgMax{}, 1, 0, f32(5, d))
		s.add(tensor.CrossEntropy{}, d, d, f32(5, d), i32(5))
		s.add(tensor.CrossEntropyGrad{}, d, d, f32(5, d), i32(5), f32(5), f32(5))
	}
	for _, n := range []int{0, 300} {
		s.add(tensor.RowDot{}, 7, 0, f32(n, 7), f32(n, 7))
		s.add(tensor.RowMul{}, 7, 0, f32(n, 7), f32(n))
		s.add(tensor.Unit{}, 7, 0, f32(n, 7))
		s.add(tensor.ArgMax{}, 1, 0, f32(n, 7))
		s.add(tensor.CrossEntropy{}, 7, 7, f32(n, 7), i32(n))
	}
}

// searchSweep walks dimensions, rows and K; on the lattice most scores are ties.
func searchSweep(s *sweeper) {
	for _, n := range sizes {
		s.add(tensor.NearestRow{K: 2}, n, 3, f32(3, n), f32(40, n), i32(3), i32(40))
		s.add(tensor.NearestRow{K: 1}, 8, 3, f32(2, 8), f32(n, 8), i32(2), i32(n))
		s.add(tensor.NearestRow{K: 3, Same: true}, 8, 3, f32(n, 8), f32(20, 8), i32(n), i32(20))
		s.add(tensor.NearestRow{K: n}, 4, 9, f32(2, 4), f32(35, 4), i32(2), i32(35))
	}
	s.add(tensor.NearestRow{K: 4}, 128, 9, f32(9, 128), f32(1000, 128), i32(9), i32(1000))
	s.add(tensor.NearestRow{K: 4}, 128, 9, f32(0, 128), f32(10, 128), i32(0), i32(10))
	s.add(tensor.NearestRow{K: 4}, 128, 9, f32(2, 128), f32(0, 128), i32(2), i32(0))
}

// moveSweep walks what only moves elements, in every width of them.
func moveSweep(s *sweeper) {
	for _, n := range sizes {
		for _, d := range []tensor.DType{tensor.F32, tensor.I32, tensor.U8} {
			of := func(axes ...int) tensor.Spec { return tensor.Of(d, axes...) }
			s.add(tensor.Gather{}, 1, 6, of(6, n), i32(9))
			s.add(tensor.Permute{Axes: tensor.DimsOf(1, 0)}, 1, 9, of(11, n))
			s.add(tensor.Permute{Axes: tensor.DimsOf(0, 2, 1, 3)}, 1, 9, of(2, 3, n, 4))
			s.add(tensor.Concat{}, 1, 9, of(n, 3), of(2, 3), of(0, 3))
			s.add(tensor.Unslice{From: 3, Rows: n + 5}, 1, 9, of(n, 3))
			s.add(tensor.Write{}, 1, 9, of(n), of(n))
			s.add(tensor.WriteRows{}, 1, 5, of(5, n), i32(), of(3, n))
			s.add(tensor.WriteRows{}, 1, 2, of(n+1, 3), i32(), of(7, 3), u8())
		}
		s.add(tensor.Iota{From: 5}, 1, 0, f32(n, 2))
		s.add(tensor.Uniform{Key: rng.New(5)}, 1, 9, f32(n, 3), i32())
	}
}
