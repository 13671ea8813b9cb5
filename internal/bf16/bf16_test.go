package bf16

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Every bfloat16 survives the way up and down.
func TestWideNarrow(t *testing.T) {
	for u := range 1 << 16 {
		h := Bits(u)
		x := h.Wide()
		if x != x {
			if got := Narrow(x); got != h|0x40 {
				t.Fatalf("NaN %#04x narrows to %#04x, want it quiet, %#04x", h, got, h|0x40)
			}
			continue
		}
		if got := Narrow(x); got != h {
			t.Fatalf("%#04x is %g, which narrows to %#04x", h, x, got)
		}
	}
}

// nearest finds the neighbors of x among all bfloat16 in float64 and picks the closer, the even
// one of equals.
func nearest(x float32) Bits {
	lo := Bits(math.Float32bits(x) >> 16) // toward zero
	hi := lo + 1
	a, b := math.Abs(float64(lo.Wide())-float64(x)), math.Abs(float64(hi.Wide())-float64(x))
	if math.IsInf(float64(hi.Wide()), 0) { // the place where the next number would be
		b = math.Abs(math.Copysign(math.Ldexp(1, 128), float64(x)) - float64(x))
	}
	if a < b || a == b && lo&1 == 0 {
		return lo
	}
	return hi
}

func TestNarrowIsNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	check := func(x float32) {
		if x != x || math.IsInf(float64(x), 0) {
			return
		}
		if got, want := Narrow(x), nearest(x); got != want {
			t.Fatalf("%g (%#08x) narrows to %#04x, want %#04x", x, math.Float32bits(x), got, want)
		}
	}
	for range 200_000 {
		u := r.Uint32()
		check(math.Float32frombits(u))
		check(math.Float32frombits(u&^0xffff | 0x8000)) // a tie
	}
	if got := Narrow(math.Float32frombits(0x7f800001)); got != 0x7fc0 {
		t.Errorf("a NaN with a small payload narrows to %#04x, want 0x7fc0", got)
	}
	check(math.MaxFloat32)
	check(math.SmallestNonzeroFloat32)
}

func ExampleNarrow() {
	h := Narrow(1.01)
	fmt.Printf("%#04x %g\n", h, h.Wide())
	// Output: 0x3f81 1.0078125
}
