package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// A trial runs one kernel on n elements of given operands and returns all that it wrote.
type trial struct {
	name string
	ulps float64 // that it may be off float64 or the Go twin
	run  func(k *Kernels, dst []float32, x, y, z, w []float32, b []uint8)
	want func(x, y, z, w []float32, b []uint8, i int) float64 // element i of dst; nil: the Go twin
}

var special = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
	math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, 1e-40, -1e-40, 88.7, -87.4, -103, 1 + 1.0/256, 1 + 3.0/256,
}

var trials = []trial{
	{"Add", 0, func(k *Kernels, d, x, y, _, _ []float32, _ []uint8) { k.Add(d, x, y) },
		func(x, y, _, _ []float32, _ []uint8, i int) float64 { return float64(x[i]) + float64(y[i]) }},
	{"Sub", 0, func(k *Kernels, d, x, y, _, _ []float32, _ []uint8) { k.Sub(d, x, y) },
		func(x, y, _, _ []float32, _ []uint8, i int) float64 { return float64(x[i]) - float64(y[i]) }},
	{"Mul", 0, func(k *Kernels, d, x, y, _, _ []float32, _ []uint8) { k.Mul(d, x, y) },
		func(x, y, _, _ []float32, _ []uint8, i int) float64 { return float64(x[i]) * float64(y[i]) }},
	{"Div", 0, func(k *Kernels, d, x, y, _, _ []float32, _ []uint8) { k.Div(d, x, y) },
		func(x, y, _, _ []float32, _ []uint8, i int) float64 { return float64(x[i]) / float64(y[i]) }},
	{"Scale", 0, func(k *Kernels, d, x, _, _, _ []float32, _ []uint8) { k.Scale(d, x, 0.1) },
		func(x, _, _, _ []float32, _ []uint8, i int) float64 { return float64(x[i]) * float64(float32(0.1)) }},
	{"Shift", 0, func(k *Kernels, d, x, _, _, _ []float32, _ []uint8) { k.Shift(d, x, 0.1) },
		func(x, _, _, _ []float32, _ []uint8, i int) float64 { return float64(x[i]) + float64(float32(0.1)) }},
	{"AtLeast", 0, func(k *Kernels, d, x, _, _, _ []float32, _ []uint8) { k.AtLeast(d, x, -0.5) }, nil},
	{"ReLU", 0, func(k *Kernels, d, x, _, _, _ []float32, _ []uint8) { k.ReLU(d, x) }, nil},
	{"ReLUGrad", 0, func(k *Kernels, d, x, y, _, _ []float32, _ []uint8) { k.ReLUGrad(d, x, y) }, nil},
	{"Sqrt", 0, func(k *Kernels, d, x, _, _, _ []float32, _ []uint8) { k.Sqrt(d, x) },
		func(x, _, _, _ []float32, _ []uint8, i int) float64 { return math.Sqrt(float64(x[i])) }},
	{"Rsqrt", 2, func(k *Kernels, d, x, _, _, _ []float32, _ []uint8) { k.Rsqrt(d, x) },
		func(x, _, _, _ []float32, _ []uint8, i int) float64 { return 1 / math.Sqrt(float64(x[i])) }},
	{"Exp", 2, func(k *Kernels, d, x, _, _, _ []float32, _ []uint8) { k.Exp(d, x) },
		func(x, _, _, _ []float32, _ []uint8, i int) float64 { return math.Exp(float64(x[i])) }},
	{"Log", 1, func(k *Kernels, d, x, _, _, _ []float32, _ []uint8) { k.Log(d, x) },
		func(x, _, _, _ []float32, _ []uint8, i int) float64 { return math.Log(float64(x[i])) }},
	{"SubMulAdd", 0, func(k *Kernels, d, x, y, z, w []float32, _ []uint8) { k.SubMulAdd(d, x, y, z, w) }, nil},
	{"SubMulAddMax", 0, func(k *Kernels, d, x, y, z, w []float32, _ []uint8) { k.SubMulAddMax(d, x, y, z, w) }, nil},
	{"MulAddMask", 0, func(k *Kernels, d, x, y, z, w []float32, _ []uint8) { k.MulAddMask(d, x, y, z, w) }, nil},
	{"Select", 0, func(k *Kernels, d, x, y, _, _ []float32, b []uint8) { k.Select(d, x, y, b) }, nil},
	{"Round", 0, func(k *Kernels, d, x, _, _, _ []float32, _ []uint8) { k.Round(d, x) }, nil},
	{"Widen∘Narrow", 0, func(k *Kernels, d, x, _, _, _ []float32, _ []uint8) {
		h := make([]uint16, len(x))
		k.Narrow(h, x)
		k.Widen(d, h)
	}, nil},
	{"MaxTap", 0, func(k *Kernels, d, x, y, _, _ []float32, b []uint8) {
		copy(d, y)
		arg := append([]uint8{}, b...)
		k.MaxTap(d, arg, x, 9)
		for i, a := range arg {
			if a == 9 && d[i] != x[i] && x[i] == x[i] {
				d[i] = 1e30 // the place does not belong to the value
			}
		}
	}, nil},
	{"AddWhen", 0, func(k *Kernels, d, x, y, _, _ []float32, b []uint8) {
		copy(d, y)
		k.AddWhen(d, x, b, 1)
	}, nil},
	{"Positive, Finite, Equal", 0, func(k *Kernels, d, x, y, _, _ []float32, _ []uint8) {
		m := make([]uint8, len(x))
		for _, f := range []func(){func() { k.Positive(m, x) }, func() { k.Finite(m, x) }, func() { k.Equal(m, x, y) }} {
			f()
			for i, v := range m {
				d[i] = 2*d[i] + float32(v)
			}
		}
	}, nil},
}

// operands draws n elements for each operand: ordinary numbers, and special ones among them.
func operands(seed uint64, n int, odd bool) (v [4][]float32, b []uint8) {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	for i := range v {
		v[i] = make([]float32, n)
		for j := range v[i] {
			v[i][j] = float32(r.NormFloat64())
			if odd && r.IntN(3) == 0 {
				v[i][j] = special[r.IntN(len(special))]
			}
		}
	}
	b = make([]uint8, n)
	for j := range b {
		b[j] = uint8(r.IntN(3))
	}
	return v, b
}

// guarded returns n zeros with sentinels around them, off a vector's alignment, and a check that
// the sentinels stand.
func guarded(n int) (dst []float32, intact func() bool) {
	const margin, mark = 1024, 1234.5
	all := make([]float32, 2*margin+n+7)
	for i := range all {
		all[i] = mark
	}
	dst = all[margin+n%7:][:n:n]
	clear(dst)
	return dst, func() bool {
		for i, v := range all {
			if (i < margin+n%7 || i >= margin+n%7+n) && v != mark {
				return false
			}
		}
		return true
	}
}

// ulp is the distance between float32 numbers around x.
func ulp(x float64) float64 {
	f := float32(math.Abs(x))
	if f < 0x1p-126 {
		return 0x1p-149
	}
	return float64(math.Nextafter32(f, float32(math.Inf(1)))) - float64(f)
}

func TestKernels(t *testing.T) {
	sizes := []int{15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 128, 129, 1024}
	for n := range 15 {
		sizes = append(sizes, n)
	}
	for _, tr := range trials {
		for _, n := range sizes {
			for _, odd := range []bool{false, true} {
				v, b := operands(1, n, odd)
				twin := make([]float32, n)
				tr.run(kernels[Generic], twin, v[0], v[1], v[2], v[3], b)
				var bits [NEON + 1][]float32
				for _, l := range Levels() {
					dst, intact := guarded(n)
					tr.run(kernels[l], dst, v[0], v[1], v[2], v[3], b)
					if !intact() {
						t.Fatalf("%s at %s, n = %d: wrote outside", tr.name, l, n)
					}
					bits[l] = dst
					for i, got := range dst {
						want := float64(twin[i])
						if tr.want != nil {
							want = tr.want(v[0], v[1], v[2], v[3], b, i)
						}
						if err := within(got, want, tr.ulps); err != nil {
							t.Fatalf("%s at %s, n = %d, element %d of x=%v y=%v: %v", tr.name, l, n, i, v[0][i], v[1][i], err)
						}
					}
				}
				sameBits(t, fmt.Sprint(tr.name, " n = ", n), bits[AVX2], bits[AVX512])
			}
		}
	}
}

// within compares got with want, rounded to float32 where no more than 0 ulp is allowed.
func within(got float32, want float64, ulps float64) error {
	f := float32(want)
	if got == f || got != got && want != want {
		return nil
	}
	if got != got || want != want || math.IsInf(float64(got), 0) != math.IsInf(float64(f), 0) ||
		math.Abs(float64(got)-want) > ulps*ulp(want) {
		return fmt.Errorf("got %v, want %v within %v ulp", got, want, ulps)
	}
	return nil
}

func sameBits(t *testing.T, what string, a, b []float32) {
	t.Helper()
	if a == nil || b == nil {
		return // the machine lacks a level
	}
	for i := range a {
		if x, y := math.Float32bits(a[i]), math.Float32bits(b[i]); x != y && (a[i] == a[i] || b[i] == b[i]) {
			t.Fatalf("%s: element %d is %#x with AVX2, %#x with AVX-512", what, i, x, y)
		}
	}
}

// -0 and NaN pass ReLU.
func TestReLUKeepsSignAndNaN(t *testing.T) {
	for _, l := range Levels() {
		x := []float32{float32(math.Copysign(0, -1)), float32(math.NaN()), -1, 2}
		kernels[l].ReLU(x, x)
		if math.Float32bits(x[0]) != 1<<31 || x[1] == x[1] || x[2] != 0 || x[3] != 2 {
			t.Errorf("%s: got %v, want [-0 NaN 0 2]", l, x)
		}
	}
}

// exp is within 2 ulp over all of its range, and 0 or infinite beyond.
func TestExpRange(t *testing.T) {
	const n = 1 << 16
	x, y := make([]float32, n), make([]float32, n)
	for i := range x {
		x[i] = -110 + 205*float32(i)/n
	}
	for _, l := range Levels() {
		kernels[l].Exp(y, x)
		for i, got := range y {
			if err := within(got, math.Exp(float64(x[i])), 2); err != nil {
				t.Fatalf("%s: exp(%v): %v", l, x[i], err)
			}
		}
	}
}

func TestReductions(t *testing.T) {
	for _, n := range []int{0, 1, 5, 15, 16, 17, 33, 100, 255, 256, 4095, 4096} {
		v, _ := operands(2, n, false)
		x, y := v[0], v[1]
		var sum, squares, dot, exps, size float64
		top := math.Inf(-1)
		for i, a := range x {
			sum, squares, dot = sum+float64(a), squares+float64(a)*float64(a), dot+float64(a)*float64(y[i])
			exps, top = exps+math.Exp(float64(a)-0.5), max(top, float64(a))
			size += math.Abs(float64(a)) + float64(a)*float64(a) + math.Abs(float64(a)*float64(y[i])) + math.Exp(float64(a)-0.5)
		}
		var bits [NEON + 1][]float32
		for _, l := range Levels() {
			k := kernels[l]
			got := []float32{k.Sum(x), k.SumSq(x), k.Dot(x, y), k.ExpSum(x, 0.5), k.Max(x)}
			bits[l] = got
			gamma := (float64(n)/Lanes + 8) * 0x1p-24 // lane, tree and what the terms lose
			for i, want := range []float64{sum, squares, dot, exps} {
				if math.Abs(float64(got[i])-want) > gamma*size {
					t.Errorf("%s, n = %d: reduction %d is %v, want %v within %v", l, n, i, got[i], want, gamma*size)
				}
			}
			if float64(got[4]) != top {
				t.Errorf("%s, n = %d: max is %v, want %v", l, n, got[4], top)
			}
		}
		sameBits(t, fmt.Sprint("reductions of ", n), bits[AVX2], bits[AVX512])
	}
}

// The largest of anything with a NaN is NaN, wherever it stands.
func TestMaxFindsNaN(t *testing.T) {
	for _, l := range Levels() {
		for n := 1; n < 70; n++ {
			for at := range n {
				x := make([]float32, n)
				x[at] = float32(math.NaN())
				if got := kernels[l].Max(x); got == got {
					t.Fatalf("%s: max of %d with NaN at %d is %v", l, n, at, got)
				}
			}
		}
	}
}

// Columns are sums in row order: each is compared with the plain loop, bit for bit where that
// rounds alike.
func TestColumns(t *testing.T) {
	for _, c := range []int{1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 100, 128, 200, 256} {
		for _, rows := range []int{0, 1, 2, 5} {
			v, _ := operands(uint64(c), c*max(rows, 1), false)
			x := v[0][:c*rows]
			var sums, moments [NEON + 1][]float32
			for _, l := range Levels() {
				sum, intact := guarded(c)
				kernels[l].AddRows(sum, x)
				sq, intact2 := guarded(c)
				other, intact3 := guarded(c)
				kernels[l].AddMoments(other, sq, v[1][:c], x)
				if !intact() || !intact2() || !intact3() {
					t.Fatalf("%s, c = %d: wrote outside", l, c)
				}
				sums[l], moments[l] = sum, append(other, sq...)
			}
			want := make([]float32, c)
			AddRows(want, x)
			for _, l := range Levels() {
				for j := range want {
					if sums[l][j] != want[j] {
						t.Fatalf("%s, c = %d, rows %d: sum %d is %v, want %v", l, c, rows, j, sums[l][j], want[j])
					}
					var d, q float64
					for r := range rows {
						e := float64(x[r*c+j]) - float64(v[1][j])
						d, q = d+e, q+e*e
					}
					for i, w := range []float64{d, q} {
						if got := float64(moments[l][i*c+j]); math.Abs(got-w) > 1e-5 {
							t.Fatalf("%s, c = %d, rows %d: moment %d of column %d is %v, want %v", l, c, rows, i, j, got, w)
						}
					}
				}
			}
			sameBits(t, fmt.Sprint("moments of ", c), moments[AVX2], moments[AVX512])
		}
	}
}

// Changing pivots and merging blocks gives the mean and the squared deviations of all rows, in equal bits on all levels.
func TestMerge(t *testing.T) {
	const rows, block = 60, 20
	for c := range 40 {
		v, _ := operands(uint64(c), rows*c, false)
		var want []float64
		for _, l := range Levels() {
			mean, m2 := make([]float64, c), make([]float64, c)
			for r := 0; r < rows; r += block {
				sum, sq := make([]float32, c), make([]float32, c)
				pivot, intact := guarded(c)
				copy(pivot, v[1][r*c:])
				AddMoments(sum, sq, pivot, v[0][r*c:(r+8)*c])
				kernels[l].Rebase(sum, sq, pivot, 8)
				if !intact() {
					t.Fatalf("%s, c = %d: wrote outside", l, c)
				}
				AddMoments(sum, sq, pivot, v[0][(r+8)*c:(r+block)*c])
				share := block / float64(r+block)
				kernels[l].Merge(mean, m2, sum, sq, pivot, share, 1.0/block, float64(r)*share)
			}
			for j := range c {
				var m, q float64
				for r := range rows {
					m += float64(v[0][r*c+j]) / rows
				}
				for r := range rows {
					d := float64(v[0][r*c+j]) - m
					q += d * d
				}
				if math.Abs(mean[j]-m) > 1e-6 || math.Abs(m2[j]-q) > 1e-4 {
					t.Fatalf("%s, c = %d: column %d has mean %v and deviations %v, want %v and %v", l, c, j, mean[j], m2[j], m, q)
				}
			}
			if got := append(mean, m2...); want == nil {
				want = got
			} else if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%s, c = %d: other bits than Go's", l, c)
			}
		}
	}
}

// Stream copies, at any alignment and length.
func TestStream(t *testing.T) {
	for _, l := range Levels() {
		for n := range 100 {
			v, _ := operands(8, n, true)
			for off := range 17 {
				dst, intact := guarded(n + 16)
				kernels[l].Stream(dst[off:][:n], v[0])
				kernels[l].Fence()
				for i, x := range v[0] {
					if math.Float32bits(dst[off+i]) != math.Float32bits(x) && x == x {
						t.Fatalf("%s, n = %d, offset %d: element %d is %v, want %v", l, n, off, i, dst[off+i], x)
					}
				}
				for i, v := range dst {
					if (i < off || i >= off+n) && v != 0 {
						t.Fatalf("%s, n = %d, offset %d: wrote element %d", l, n, off, i-off)
					}
				}
				if !intact() {
					t.Fatalf("%s, n = %d: wrote outside", l, n)
				}
			}
		}
	}
}

func TestAbove(t *testing.T) {
	v, _ := operands(3, 40*PanelCols, true)
	want := make([]uint32, 40)
	Above(want, v[0], v[1][:PanelCols])
	for _, l := range Levels() {
		for n := range 40 {
			got := make([]uint32, n)
			kernels[l].Above(got, v[0][:n*PanelCols], v[1][:PanelCols])
			if fmt.Sprint(got) != fmt.Sprint(want[:n]) {
				t.Fatalf("%s: masks %x, want %x", l, got, want[:n])
			}
		}
	}
}

// FMA32 rounds once; going by way of float64's FMA rounds twice.
func TestFMA32(t *testing.T) {
	a, c := float32(1+0x1p-12), float32(0x1p-60)
	if got := math.Float32bits(FMA32(a, a, c)); got != 0x3f801001 {
		t.Errorf("got %#x, want 0x3f801001", got)
	}
	inf := float32(math.Inf(1))
	for _, c := range [][4]float32{{inf, 1, 1, inf}, {-inf, 1, 1, -inf}, {1, 1, -inf, -inf}, {inf, -2, 0, -inf}, {math.MaxFloat32, 2, 0, inf}, {-math.MaxFloat32, 2, 0, -inf}} {
		if got := FMA32(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%v·%v + %v is %v, want %v", c[0], c[1], c[2], got, c[3])
		}
	}
}

// Narrow keeps the bits that package bf16 says, on every level.
func TestNarrowBits(t *testing.T) {
	const n = 1 << 12
	r := rand.New(rand.NewPCG(5, 6))
	x := make([]float32, n)
	for i := range x {
		x[i] = math.Float32frombits(r.Uint32())
	}
	want := make([]uint16, n)
	Narrow(want, x)
	for _, l := range Levels() {
		got := make([]uint16, n)
		kernels[l].Narrow(got, x)
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%s: %#x narrows to %#x, want %#x", l, math.Float32bits(x[i]), got[i], want[i])
			}
		}
	}
}

func BenchmarkKernels(b *testing.B) {
	const n = 1024
	v, m := operands(4, n, false)
	dst := make([]float32, n)
	for _, tr := range trials {
		for _, l := range Levels() {
			b.Run(fmt.Sprint(tr.name, "/", l), func(b *testing.B) {
				b.SetBytes(4 * n)
				for b.Loop() {
					tr.run(kernels[l], dst, v[0], v[1], v[2], v[3], m)
				}
			})
		}
	}
	sum, sq := make([]float32, 64), make([]float32, 64)
	for _, l := range Levels() {
		k := kernels[l]
		for name, f := range map[string]func(){
			"AddRows": func() { k.AddRows(sum, v[0]) }, "AddMoments": func() { k.AddMoments(sum, sq, v[1][:64], v[0]) },
			"Sum": func() { k.Sum(v[0]) }, "SumSq": func() { k.SumSq(v[0]) }, "Dot": func() { k.Dot(v[0], v[1]) },
			"Max": func() { k.Max(v[0]) }, "ExpSum": func() { k.ExpSum(v[0], 1) },
		} {
			b.Run(fmt.Sprint(name, "/", l), func(b *testing.B) {
				b.SetBytes(4 * n)
				for b.Loop() {
					f()
				}
			})
		}
	}
}
