package simd

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"unsafe"

	"kith/internal/testflag"
)

// Every kernel of Halves gives the bits of its definition, on lengths with a rest, and writes nothing
// beside; numbers are of all kinds, NaN, infinities and denormal ones among them.
func TestHalves(t *testing.T) {
	fast := HalvesOf(Detect())
	if fast == nil {
		testflag.Need(t, "avx512", AVX512.Missing())
	}
	r := rand.New(rand.NewPCG(1, 2))
	number := func() uint32 {
		switch r.IntN(12) {
		case 0:
			return r.Uint32() // anything
		case 1:
			return r.Uint32() & 0x8000ffff // tiny
		}
		return math.Float32bits(float32(r.NormFloat64()))
	}
	f, g := reflect.ValueOf(*fast), reflect.ValueOf(*halvesOn(Halves{}))
	for i := range f.NumField() {
		for _, n := range []int{0, 1, 15, 16, 17, 64, 100} {
			var memory [2][8][]uint32
			var p [2]Pointers
			for j := range p[0] {
				for which := range memory {
					memory[which][j] = make([]uint32, n+16)
				}
				for k := range memory[0][j] {
					memory[0][j][k] = number()
				}
				copy(memory[1][j], memory[0][j])
				for which := range p {
					p[which][j] = unsafe.Pointer(&memory[which][j][0])
				}
			}
			f.Field(i).Interface().(func(*Pointers, int))(&p[0], n)
			g.Field(i).Interface().(func(*Pointers, int))(&p[1], n)
			for j := range memory[0] {
				for k, got := range memory[0][j] {
					if want := memory[1][j][k]; got != want && !bothNaN(got, want) {
						t.Fatalf("%s, n = %d: word %d of operand %d is %x, want %x", f.Type().Field(i).Name, n, k, j, got, want)
					}
				}
			}
		}
	}
}

// bothNaN tells whether two words are NaN as float32; which NaN is not promised.
func bothNaN(a, b uint32) bool {
	x, y := math.Float32frombits(a), math.Float32frombits(b)
	return x != x && y != y
}
