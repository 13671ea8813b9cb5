// Package rng gives random numbers that are functions of a name: Philox4x32-10, counter-based.
//
// There is no generator whose state must be saved. A [Key] names one stream of words; keys are
// derived from a seed by names and indices, so a draw depends on what it is for (seed, epoch,
// image, view) and on nothing else: not on the number of workers, nor on draws made elsewhere.
// The rules are exact, so that Go, PTX and Python agree bit for bit.
//
// Philox: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
package rng

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
)

// A Key names one stream. Keys are comparable; equal keys give equal numbers.
type Key struct{ Hi, Lo uint64 }

// New is the key of a seed, from which all others are derived.
func New(seed uint64) Key { return Key{0, seed} }

// Fold derives the key called name: the first 16 bytes of SHA-256 over k and name.
func (k Key) Fold(name string) Key {
	msg := binary.LittleEndian.AppendUint64(make([]byte, 0, 16+len(name)), k.Hi)
	msg = binary.LittleEndian.AppendUint64(msg, k.Lo)
	sum := sha256.Sum256(append(msg, name...))
	return Key{binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])}
}

// At derives the key of index i; much cheaper than Fold.
func (k Key) At(i uint64) Key {
	// Another key word, lest At(i) and Block(i) of the same key share their bits.
	x := Key{k.Hi, k.Lo ^ 0x9E3779B97F4A7C15}.Block(i)
	return Key{uint64(x[1])<<32 | uint64(x[0]), uint64(x[3])<<32 | uint64(x[2])}
}

// Block is words 4b to 4b+3 of k's stream.
func (k Key) Block(b uint64) [4]uint32 {
	counter := [4]uint32{uint32(b), uint32(b >> 32), uint32(k.Hi), uint32(k.Hi >> 32)}
	return philox(counter, [2]uint32{uint32(k.Lo), uint32(k.Lo >> 32)})
}

// philox is ten rounds of Philox4x32.
func philox(c [4]uint32, k [2]uint32) [4]uint32 {
	for range 10 {
		h0, l0 := bits.Mul32(0xD2511F53, c[0])
		h1, l1 := bits.Mul32(0xCD9E8D57, c[2])
		c = [4]uint32{h1 ^ c[1] ^ k[0], l1, h0 ^ c[3] ^ k[1], l0}
		k[0] += 0x9E3779B9
		k[1] += 0xBB67AE85
	}
	return c
}

// Float32 maps a word to [0, 1): its top 24 bits, times 2⁻²⁴.
func Float32(word uint32) float32 { return float32(word>>8) * (1.0 / (1 << 24)) }

// A Stream reads the words of one key in order.
type Stream struct {
	key   Key
	next  uint64 // block that is read next
	block [4]uint32
	left  int // words of block not read yet
}

// Stream starts reading at word 0.
func (k Key) Stream() *Stream { return &Stream{key: k} }

// Uint32 is the next word.
func (s *Stream) Uint32() uint32 {
	if s.left == 0 {
		s.block, s.left = s.key.Block(s.next), 4
		s.next++
	}
	s.left--
	return s.block[3-s.left]
}

// Float32 is uniform on [0, 1).
func (s *Stream) Float32() float32 { return Float32(s.Uint32()) }

// IntN is uniform on [0, n), without bias (Lemire 2019). It panics unless 0 < n ≤ 2³¹.
func (s *Stream) IntN(n int) int {
	if n <= 0 || n > 1<<31 {
		panic("rng: IntN wants 0 < n <= 2^31")
	}
	reject := uint32(-uint64(n) & math.MaxUint32 % uint64(n))
	for {
		m := uint64(s.Uint32()) * uint64(n)
		if uint32(m) >= reject {
			return int(m >> 32)
		}
	}
}

// Perm is a random order of 0 to n-1 (Fisher-Yates from the end).
func (s *Stream) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j := s.IntN(i + 1)
		p[i], p[j] = p[j], p[i]
	}
	return p
}

// Normal fills x with Gaussian numbers of mean 0 and deviation 1 (Box-Muller in float64).
// Logarithm and sine may differ in the last bit between processor architectures.
func (s *Stream) Normal(x []float32) {
	for i := 0; i < len(x); i += 2 {
		// 1-u lies in (0, 1], so that the logarithm is finite.
		radius := math.Sqrt(-2 * math.Log(1-float64(s.Float32())))
		sin, cos := math.Sincos(2 * math.Pi * float64(s.Float32()))
		x[i] = float32(radius * cos)
		if i+1 < len(x) {
			x[i+1] = float32(radius * sin)
		}
	}
}
