package tensor

import (
	"math"
	"math/big"
	"slices"
	"testing"
)

// Every bfloat16 survives decoding and encoding; NaN stays NaN.
func TestBF16RoundTrip(t *testing.T) {
	for u := range 1 << 16 {
		raw := []byte{byte(u), byte(u >> 8)}
		a := decode(Of(BF16, 1), raw)
		if a.Data[0] != a.Data[0] {
			if b := decode(Of(BF16, 1), encode(a)); b.Data[0] == b.Data[0] {
				t.Errorf("%04x is NaN, stored again it is %v", u, b.Data[0])
			}
			continue
		}
		if got := encode(a); !slices.Equal(got, raw) {
			t.Fatalf("%04x is %v, stored again it is % x", u, a.Data[0], got)
		}
	}
}

// Rounding to nearest even, against big numbers that round by themselves.
func TestBF16Rounds(t *testing.T) {
	for _, v := range []float64{1 + 1.0/256, 1 + 3.0/256, 1 + 1.0/256 + 1.0/(1<<20), -1 - 1.0/256, 0.1, 1e-38, 3.14159, 65535, 2.0 / 3} {
		want, _ := new(big.Float).SetPrec(8).SetMode(big.ToNearestEven).SetFloat64(float64(float32(v))).Float64()
		if got := round(Array{Of(BF16, 1), []float64{v}}); got.Data[0] != want {
			t.Errorf("%v rounds to %v, want %v", v, got.Data[0], want)
		}
	}
	for v, want := range map[float64]float64{math.MaxFloat32: math.Inf(1), -1e300: math.Inf(-1), math.Inf(1): math.Inf(1)} {
		if got := round(Array{Of(BF16, 1), []float64{v}}); got.Data[0] != want {
			t.Errorf("%v rounds to %v, want %v", v, got.Data[0], want)
		}
	}
}

// What each dtype makes of a number.
func TestRound(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		d        DType
		in, want float64
	}{
		{F32, 0.1, float64(float32(0.1))}, {F32, 1e-46, 0}, {F32, 1e39, inf}, {F32, nan, nan}, {F32, math.Copysign(0, -1), math.Copysign(0, -1)},
		{F64, 0.1, 0.1}, {F64, 5e-324, 5e-324},
		{I32, 0.5, 0}, {I32, 1.5, 2}, {I32, 2.5, 2}, {I32, -0.5, 0}, {I32, -1.5, -2}, {I32, 3e9, math.MaxInt32}, {I32, -3e9, math.MinInt32}, {I32, nan, 0}, {I32, -inf, math.MinInt32},
		{U8, 254.5, 254}, {U8, 255.5, 255}, {U8, -1, 0}, {U8, 1e9, 255}, {U8, nan, 0}, {U8, 0.5, 0},
	} {
		got := round(Array{Of(c.d, 1), []float64{c.in}}).Data[0]
		if got != c.want && (got == got || c.want == c.want) || math.Signbit(got) != math.Signbit(c.want) && c.d.Float() {
			t.Errorf("%v as %v is %v, want %v", c.in, c.d, got, c.want)
		}
	}
}

// The dtype of a Go type goes by its kind: types with names of their own are no bytes.
func TestDTypeOf(t *testing.T) {
	type (
		meters float32
		label  int32
		level  uint8
		exact  float64
	)
	for _, c := range []struct{ got, want DType }{
		{dtypeOf[float32](), F32}, {dtypeOf[float64](), F64}, {dtypeOf[int32](), I32}, {dtypeOf[uint8](), U8},
		{dtypeOf[meters](), F32}, {dtypeOf[exact](), F64}, {dtypeOf[label](), I32}, {dtypeOf[level](), U8},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
	if n := len(bytesOf([]label{1, 2, 3})); n != 12 {
		t.Errorf("three labels have %d bytes", n)
	}
	if n := len(bytesOf([]float64(nil))); n != 0 {
		t.Errorf("nothing has %d bytes", n)
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int]string{0: "0 bytes", 1023: "1023 bytes", 3 << 20: "3.0 MiB", 5 << 29: "2.50 GiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

// fma32 rounds once: against big numbers, also where float64 would round first and go wrong.
func TestFMA32(t *testing.T) {
	cases := [][3]float32{
		{1 + 1.0/4096, 1 + 1.0/4096, 0x1p-60}, {1, 1, 0x1p-24}, {1, 1, -0x1p-25}, {3, 1.0 / 3, -1}, {0x1p-75, 0x1p-75, 1},
		{0x1p-75, 0x1p-74, 0}, {0x1p100, 0x1p27, -0x1p127}, {1.5, -0x1.fffffep0, 0x1p-20},
	}
	state := uint32(1)
	for range 20000 {
		var c [3]float32
		for i := range c {
			state = state*1664525 + 1013904223
			c[i] = math.Float32frombits(state&0x807fffff | (state>>9%20+118)<<23)
		}
		cases = append(cases, c)
	}
	for _, c := range cases {
		exact := func(x float32) *big.Float { return new(big.Float).SetPrec(400).SetFloat64(float64(x)) }
		sum := exact(c[0])
		sum.Mul(sum, exact(c[1])).Add(sum, exact(c[2]))
		want, _ := sum.Float32()
		if got := fma32(c[0], c[1], c[2]); got != want {
			t.Fatalf("%x·%x + %x is %x, want %x", c[0], c[1], c[2], got, want)
		}
	}
	inf := float32(math.Inf(1))
	for _, s := range []float32{inf, -inf} {
		if got := fma32(s, 1, 1); got != s {
			t.Errorf("%v + 1 is %v", s, got)
		}
	}
	if got := fma32(inf, 1, -inf); got == got {
		t.Errorf("∞ - ∞ is %v", got)
	}
}
