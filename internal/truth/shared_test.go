package truth

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"kith/internal/format/safetensors"
	"kith/nn"
	"kith/tensor"
	"kith/tensor/rng"
)

// numbers are the shared numbers of spec/testing.md 1.10: x = (k - 2²³)·2⁻²³·2ᵉ with k the top 24
// bits of each word, which float32 holds exactly. Around a center, three low bits are dropped so
// that the sum is exact too. testdata/gen/philox.py is the other side.
func numbers(k rng.Key, n, e int, center float64) []float64 {
	out, s := make([]float64, n), k.Stream()
	for i := range out {
		word := s.Uint32() >> 8
		if center != 0 {
			word &^= 7
		}
		out[i] = math.Ldexp(float64(int(word)-1<<23), e-23) + center
	}
	return out
}

// digest is the SHA-256 of the values as little-endian float32.
func digest(v []float64) string {
	var b bytes.Buffer
	for _, x := range v {
		b.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(x))))
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:])
}

// A weight tells how a generator made a parameter, under torch's name and in torch's layout.
type weight struct {
	Shape  []int
	E      int
	Center float64
	SHA256 string
}

// A golden is an open golden file.
type golden struct {
	*safetensors.File
	t       testing.TB
	weights map[string]weight
}

func openGolden(t testing.TB, name string) golden {
	t.Helper()
	f, err := safetensors.Open(filepath.Join("../../testdata/golden", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	g := golden{f, t, nil}
	if text := f.Metadata["weights"]; text != "" {
		g.decode(text, &g.weights)
	}
	return g
}

func (g golden) decode(text string, into any) {
	g.t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		g.t.Fatal(err)
	}
}

// floats are the elements of a tensor.
func (g golden) floats(name string) []float64 {
	g.t.Helper()
	v, err := safetensors.Values[float64](g.File, name)
	if err != nil {
		g.t.Fatal(err)
	}
	return v
}

func (g golden) ints(name string) []int32 {
	g.t.Helper()
	v, err := safetensors.Values[int32](g.File, name)
	if err != nil {
		g.t.Fatal(err)
	}
	return v
}

func (g golden) shape(name string) []int {
	g.t.Helper()
	info, ok := g.Lookup(name)
	if !ok {
		g.t.Fatalf("golden has no tensor %q", name)
	}
	return info.Shape
}

// swap moves axis 1 of [a, b, rest] behind the rest: KCRS to KRSC, NCHW to NHWC. unswap is back.
func swap(v []float64, shape []int) []float64 {
	a, b, rest := shape[0], shape[1], tensor.Shape(shape[2:]).Size()
	out := make([]float64, len(v))
	for i := range a {
		for j := range b {
			for k := range rest {
				out[(i*rest+k)*b+j] = v[(i*b+j)*rest+k]
			}
		}
	}
	return out
}

func unswap(v []float64, shape []int) []float64 { // shape as torch has it
	a, b, rest := shape[0], shape[1], tensor.Shape(shape[2:]).Size()
	out := make([]float64, len(v))
	for i := range a {
		for j := range b {
			for k := range rest {
				out[(i*b+j)*rest+k] = v[(i*rest+k)*b+j]
			}
		}
	}
	return out
}

// torchLayout is a parameter of kith's as torch orders it.
func torchLayout(v []float64, s tensor.Shape) []float64 {
	if len(s) != 4 {
		return v
	}
	return unswap(v, []int{s[0], s[3], s[1], s[2]})
}

// setWeights starts every parameter of a model from the shared numbers below root, after checking
// that they are the bits the generator saw.
func (g golden) setWeights(model any, key rng.Key) {
	g.t.Helper()
	seen := 0
	for name, p := range nn.Params(model) {
		torch := nn.TorchName(name)
		w, ok := g.weights[torch]
		if !ok {
			g.t.Fatalf("golden does not know parameter %s", torch)
		}
		v := numbers(key.Fold(torch), tensor.Shape(w.Shape).Size(), w.E, w.Center)
		if got := digest(v); got != w.SHA256 {
			g.t.Fatalf("%s: shared numbers hash to %s, generator had %s", torch, got, w.SHA256)
		}
		if len(w.Shape) == 4 {
			v = swap(v, w.Shape)
		}
		if len(v) != p.Value.Shape.Size() {
			g.t.Fatalf("%s has shape %v, torch's has %v", name, p.Value.Shape, w.Shape)
		}
		tensor.Set(p.Value, v)
		seen++
	}
	if seen != len(g.weights) {
		g.t.Fatalf("model has %d parameters, golden %d", seen, len(g.weights))
	}
}

// samplePlaces are the flat indices of the elements that summaries keep: all, or n spread by
// Fibonacci hashing.
func samplePlaces(size, n int) []int {
	if size <= n {
		return span(0, 1, size)
	}
	out := make([]int, n)
	for i := range out {
		out[i] = int(uint64(uint32(i)*0x9E3779B1) * uint64(size) >> 32)
	}
	return out
}

// summary is norm, sum and sampled elements of a tensor: what goldens keep of large ones.
func summary(v []float64, n int) []float64 {
	squares, total := 0.0, 0.0
	for _, x := range v {
		squares += x * x
		total += x
	}
	out := []float64{math.Sqrt(squares), total}
	for _, i := range samplePlaces(len(v), n) {
		out = append(out, v[i])
	}
	return out
}

// far is how far a summary is from a golden one, relative to the norm: of the norms, of the sums
// (whose rounding grows with √size), and of the sampled elements in the L2 sense.
func far(got, want []float64, size int) float64 {
	norm := want[0]
	if norm == 0 {
		norm = 1
	}
	worst := math.Abs(got[0]-want[0]) / norm
	worst = max(worst, math.Abs(got[1]-want[1])/(norm*math.Sqrt(float64(size))))
	diff, ref := 0.0, 0.0
	for i := 2; i < len(want); i++ {
		d := got[i] - want[i]
		diff, ref = diff+d*d, ref+want[i]*want[i]
	}
	// A sample of k elements holds about k/size of the squares.
	share := norm * norm * float64(len(want)-2) / float64(size)
	return max(worst, math.Sqrt(diff/max(ref, share)))
}

// values is Data in float64.
func values(t testing.TB, x *tensor.Tensor) []float64 {
	t.Helper()
	v, err := tensor.Data[float64](x)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// relL2 is ‖a - b‖/‖b‖.
func relL2(a, b []float64) float64 {
	diff, ref := 0.0, 0.0
	for i := range b {
		diff += (a[i] - b[i]) * (a[i] - b[i])
		ref += b[i] * b[i]
	}
	return math.Sqrt(diff / ref)
}

// TestSharedNumbers compares with values printed by testdata/gen/philox.py.
func TestSharedNumbers(t *testing.T) {
	got := numbers(rng.New(1).Fold("resnets").Fold("conv1.weight"), 3, -3, 0)
	around := numbers(rng.New(1).Fold("resnets").Fold("bn1.weight"), 2, -3, 1)
	if want := []float64{0.039133623242378235, 0.11029073596000671, -0.0923454612493515, 0.9218239784240723, 1.0891144275665283}; !slices.Equal(append(got, around...), want) {
		t.Errorf("shared numbers are %v and %v, want %v", got, around, want)
	}
	if s := fmt.Sprint(samplePlaces(1000, 5)); s != "[0 618 236 854 472]" {
		t.Errorf("sampled places are %s", s)
	}
}
