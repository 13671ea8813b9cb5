package rng

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// Known answers of Random123's kat_vectors.
func TestPhilox(t *testing.T) {
	ones := ^uint32(0)
	for _, c := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    string
	}{
		{[4]uint32{}, [2]uint32{}, "[6627e8d5 e169c58d bc57ac4c 9b00dbd8]"},
		{[4]uint32{ones, ones, ones, ones}, [2]uint32{ones, ones}, "[408f276d 41c83b0e a20bc7c6 6d5451fd]"},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			"[d16cfe09 94fdcceb 5001e420 24126ea1]"},
	} {
		if got := fmt.Sprintf("%08x", philox(c.counter, c.key)); got != c.want {
			t.Errorf("philox(%x, %x) = %s, want %s", c.counter, c.key, got, c.want)
		}
	}
}

func TestKeys(t *testing.T) {
	one := New(1)
	for _, c := range []struct {
		name string
		got  any
		want string
	}{
		{"block", fmt.Sprintf("%08x", one.Block(0)), "[e3e80670 e50a0ebc 95f222c0 b615aa27]"},
		{"fold", fmt.Sprintf("%x", one.Fold("init").Fold("Layer1.0.Conv1.Weight")), "{9385a9a9fee25637 338b1756362bdf56}"},
		{"at", fmt.Sprintf("%x", one.Fold("augment").At(3).At(1234).At(1)), "{6498b9b9ab416a90 17cf9b742d119f96}"},
	} {
		if c.got != c.want {
			t.Errorf("%s = %v, want %s", c.name, c.got, c.want)
		}
	}
}

func TestStream(t *testing.T) {
	s := New(1).Stream()
	for i, want := range []float32{0.89025915, 0.8946847, 0.5857259, 0.71126807, 0.67199826} {
		if got := s.Float32(); got != want {
			t.Errorf("Float32 %d = %v, want %v", i, got, want)
		}
	}
	s = New(1).Stream()
	var got []int
	for range 5 {
		got = append(got, s.IntN(10))
	}
	got = append(got, s.IntN(1000), s.IntN(1000))
	if want := []int{8, 8, 5, 7, 6, 874, 475}; !slices.Equal(got, want) {
		t.Errorf("IntN = %v, want %v", got, want)
	}
	if got, want := New(1).Stream().Perm(8), []int{1, 0, 4, 2, 5, 3, 6, 7}; !slices.Equal(got, want) {
		t.Errorf("Perm(8) = %v, want %v", got, want)
	}
}

// IntN of a range that does not divide 2³² must still be uniform: chi-square with 2 degrees.
func TestIntNUniform(t *testing.T) {
	s, n := New(7).Stream(), 3<<29 // a third of all words would be biased without redrawing
	var count [3]float64
	const draws = 30000
	for range draws {
		count[s.IntN(n)>>29]++
	}
	chi := 0.0
	for _, c := range count {
		chi += (c - draws/3) * (c - draws/3) / (draws / 3)
	}
	if chi > 13.8 { // p = 0.001
		t.Errorf("counts %v: chi-square %.1f", count, chi)
	}
}

func TestIntNPanics(t *testing.T) {
	for _, n := range []int{0, -1, 1<<31 + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("IntN(%d) did not panic", n)
				}
			}()
			New(1).Stream().IntN(n)
		}()
	}
}

func TestNormal(t *testing.T) {
	x := make([]float32, 20001) // odd: the last pair gives one number
	New(3).Stream().Normal(x)
	sum, square := 0.0, 0.0
	for _, v := range x {
		sum += float64(v)
		square += float64(v) * float64(v)
	}
	n := float64(len(x))
	if mean, sd := sum/n, math.Sqrt(square/n); math.Abs(mean) > 0.03 || math.Abs(sd-1) > 0.02 {
		t.Errorf("mean %v, deviation %v", mean, sd)
	}
}

func ExampleKey() {
	key := New(1).Fold("augment").At(2).At(37) // epoch 2, image 37
	fmt.Println(key.Stream().Float32() == key.Stream().Float32())
	// Output: true
}
