// Package bf16 converts between float32 and bfloat16, which is its upper half: a sign, eight bits
// of exponent, seven of fraction. Same range, three digits less.
package bf16

import "math"

// Bits is a bfloat16 number as it is stored.
type Bits uint16

// Narrow rounds x to the nearest bfloat16, ties to even. A NaN keeps its sign and upper fraction.
func Narrow(x float32) Bits {
	u := math.Float32bits(x)
	if x != x {
		return Bits(u>>16 | 0x40) // quiet: what is left of the fraction could be zero, infinity
	}
	// Half of the last place that stays, less one where that place is even: the carry rounds,
	// and beyond the largest number it makes infinity, as it should.
	return Bits((u + 0x7fff + u>>16&1) >> 16)
}

// Wide returns h as a float32, exactly.
func (h Bits) Wide() float32 { return math.Float32frombits(uint32(h) << 16) }

// Round returns the bfloat16 next to x, as a float32.
func Round(x float32) float32 { return Narrow(x).Wide() }
