// Package golden reads stored right answers, for tests. They lie in testdata/golden at the top of the
// module as safetensors, each made by a script in testdata/gen, whose command, versions and seeds
// are in the file's metadata.
//
// Large inputs are not stored: [Fill] and [Numbers] make them by rules that the scripts share, exact
// in every bit, so both sides compute from the same numbers.
package golden

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"kith/internal/format/safetensors"
	"kith/tensor/rng"
)

// A File is an open golden. Its methods end the test where something is not as expected: a golden
// that lacks a tensor is a mistake of the test, not a case to handle.
type File struct {
	t    testing.TB
	name string
	file *safetensors.File
}

// Open opens testdata/golden/name, closed with the test.
func Open(t testing.TB, name string) *File {
	t.Helper()
	f, err := safetensors.Open(filepath.Join(Root(t), "testdata", "golden", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if f.Metadata["command"] == "" {
		t.Fatalf("golden %s does not say what made it: metadata lacks command", name)
	}
	return &File{t, name, f}
}

// Root is the top folder of the module. Tests run in the folder of their package, so it is above.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if text, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && isKith(text) {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod of kith above this folder")
		}
		dir = parent
	}
}

// isKith tells kith's go.mod from those of its nested modules, which are called kith/….
func isKith(mod []byte) bool {
	const line = "module kith\n"
	return len(mod) >= len(line) && string(mod[:len(line)]) == line
}

// Names lists the tensors in the order of their data.
func (f *File) Names() []string {
	var names []string
	for _, t := range f.file.Tensors() {
		names = append(names, t.Name)
	}
	return names
}

// Has tells whether there is a tensor of that name.
func (f *File) Has(name string) bool {
	_, ok := f.file.Lookup(name)
	return ok
}

// Shape is the shape of a tensor.
func (f *File) Shape(name string) []int {
	f.t.Helper()
	info, ok := f.file.Lookup(name)
	if !ok {
		f.t.Fatalf("golden %s has no tensor %q", f.name, name)
	}
	return info.Shape
}

// Float64 is a tensor of floats, widened if it is stored narrower.
func (f *File) Float64(name string) []float64 { f.t.Helper(); return values[float64](f, name) }

// Float32 is a tensor of floats, rounded if it is stored wider.
func (f *File) Float32(name string) []float32 { f.t.Helper(); return values[float32](f, name) }

// Int32 is a tensor of whole numbers or of a mask.
func (f *File) Int32(name string) []int32 { f.t.Helper(); return values[int32](f, name) }

// Bytes is a tensor of bytes, such as the pixels of a picture.
func (f *File) Bytes(name string) []byte { f.t.Helper(); return values[uint8](f, name) }

// values reads a tensor or ends the test with the golden's name.
func values[T safetensors.Number](f *File, name string) []T {
	f.t.Helper()
	v, err := safetensors.Values[T](f.file, name)
	if err != nil {
		f.t.Fatalf("golden %s: %v", f.name, err)
	}
	return v
}

// Meta is an entry of the metadata.
func (f *File) Meta(key string) string {
	f.t.Helper()
	text, ok := f.file.Metadata[key]
	if !ok {
		f.t.Fatalf("golden %s has no metadata %q", f.name, key)
	}
	return text
}

// MetaJSON reads an entry of the metadata that holds JSON into v.
func (f *File) MetaJSON(key string, v any) {
	f.t.Helper()
	if err := json.Unmarshal([]byte(f.Meta(key)), v); err != nil {
		f.t.Fatalf("golden %s: metadata %q: %v", f.name, key, err)
	}
}

// Fill is an r×c matrix of reproducible numbers in [-1, 1), all multiples of 2⁻¹⁵: the inputs of the
// goldens of the loss, kNN and regression, named by k.
func Fill(k uint32, r, c int) [][]float64 {
	flat, rows := FillFlat(k, r*c), make([][]float64, r)
	for i := range rows {
		rows[i] = flat[i*c : (i+1)*c : (i+1)*c]
	}
	return rows
}

// FillFlat is the first n numbers of Fill(k, …), row after row.
func FillFlat(k uint32, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(mix(k, uint32(i))>>16)/32768 - 1
	}
	return x
}

// FillBytes is n bytes of the same rule, for pictures.
func FillBytes(k uint32, n int) []byte {
	x := make([]byte, n)
	for i := range x {
		x[i] = byte(mix(k, uint32(i)) >> 24)
	}
	return x
}

// mix hashes word n of matrix k. It needs 32-bit integers only, so any language has it.
func mix(k, n uint32) uint32 {
	h := n*0x9E3779B1 + k*0x85EBCA77
	h ^= h >> 16
	h *= 0x7FEB352D
	h ^= h >> 15
	h *= 0x846CA68B
	return h ^ h>>16
}

// Numbers is n shared numbers (k-2²³)·2⁻²³·2ᵉ, k the top 24 bits of each word of key's stream: the
// weights and inputs of large goldens, in [-2ᵉ, 2ᵉ). Nothing is rounded anywhere.
func Numbers(key rng.Key, n, e int) []float32 {
	x, s := make([]float32, n), key.Stream()
	for i := range x {
		x[i] = float32(math.Ldexp(float64(int(s.Uint32()>>8)-1<<23), e-23))
	}
	return x
}

// Around is Numbers about 1, for scales such as γ. The three lowest bits are dropped, so that the
// sum is exact for -4 ≤ e ≤ 0.
func Around(key rng.Key, n, e int) []float32 {
	x, s := make([]float32, n), key.Stream()
	for i := range x {
		k := int(s.Uint32()>>8) &^ 7
		x[i] = float32(1 + math.Ldexp(float64(k-1<<23), e-23))
	}
	return x
}

// Exponent is the e whose 2ᵉ is nearest to bound, in octaves.
func Exponent(bound float64) int { return int(math.RoundToEven(math.Log2(bound))) }

// Digest is the SHA-256 of float32 elements, little-endian: what large goldens keep of a weight.
func Digest(x []float32) string {
	h := sha256.New()
	// A hash takes what it is given; encoding through an entry keeps one form of bytes.
	if err := safetensors.Of("", []int{len(x)}, x).Write(h); err != nil {
		panic(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Places is the flat indices that a summary samples of a tensor of size elements: all of them, or n
// spread by Fibonacci hashing.
func Places(size, n int) []int {
	at := make([]int, min(size, n))
	for i := range at {
		at[i] = i
		if size > n {
			at[i] = int(uint64(uint32(i)*0x9E3779B1) * uint64(size) >> 32)
		}
	}
	return at
}
