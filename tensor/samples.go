package tensor

import (
	"math"

	"kith/tensor/rng"
)

// A Sample makes one input of a Case from a key.
type Sample func(k rng.Key) Array

// Draw makes the inputs of a Case; equal samples at different places give different numbers.
func Draw(samples ...Sample) []Array {
	in := make([]Array, len(samples))
	for i, s := range samples {
		in[i] = s(rng.New(1).Fold("case").At(uint64(i)))
	}
	return in
}

// Normal is F32 with Gaussian elements.
func Normal(shape ...int) Sample {
	return func(k rng.Key) Array {
		a := NewArray(Of(F32, shape...))
		x := make([]float32, len(a.Data))
		k.Stream().Normal(x)
		for i, v := range x {
			a.Data[i] = float64(v)
		}
		return a
	}
}

// Above is s with elements |x| + min: positive for logarithms and roots.
func Above(min float64, s Sample) Sample {
	return each(s, func(v float64) float64 { return math.Abs(v) + min })
}

// Away is s kept at least 0.1 from a kink, so that differences do not straddle it.
func Away(kink float64, s Sample) Sample {
	return each(s, func(v float64) float64 { return v + math.Copysign(0.1, v-kink) })
}

// Distinct is F32 with the numbers 0.1, 0.2, … in random order: no ties.
func Distinct(shape ...int) Sample {
	return func(k rng.Key) Array {
		a := NewArray(Of(F32, shape...))
		for i, p := range k.Stream().Perm(len(a.Data)) {
			a.Data[i] = float64(float32(p+1) / 10)
		}
		return a
	}
}

// Ints is I32 with elements uniform on [lo, hi).
func Ints(lo, hi int, shape ...int) Sample {
	return func(k rng.Key) Array { return draws(k, Of(I32, shape...), lo, hi) }
}

// Mask is U8 with elements 0 and 1.
func Mask(shape ...int) Sample {
	return func(k rng.Key) Array { return draws(k, Of(U8, shape...), 0, 2) }
}

// Exactly is the given elements.
func Exactly(d DType, shape Shape, data ...float64) Sample {
	return func(rng.Key) Array { return Array{Spec{d, shape}, data} }
}

func draws(k rng.Key, spec Spec, lo, hi int) Array {
	a, s := NewArray(spec), k.Stream()
	for i := range a.Data {
		a.Data[i] = float64(lo + s.IntN(hi-lo))
	}
	return a
}

// each maps the elements of a sample, rounded to float32 again.
func each(s Sample, f func(float64) float64) Sample {
	return func(k rng.Key) Array {
		a := s(k)
		for i, v := range a.Data {
			a.Data[i] = float64(float32(f(v)))
		}
		return a
	}
}
