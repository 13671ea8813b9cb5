package backendtest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"kith/internal/testflag"
	"kith/tensor"
	"kith/tensor/rng"
)

// Threads tests that results do not depend on the number of threads.
func Threads(t *testing.T, open func(threads int) tensor.Backend) {
	want := bits(t, open(1), true)
	counts := []int{2, 3}
	if testflag.Long() {
		counts = []int{2, 3, 4, 7}
	}
	for _, n := range counts {
		equal(t, fmt.Sprintf("%d threads", n), bits(t, open(n), true), want)
	}
}

// Same tests that two backends give the same bits in float32, and in BF16 wherever no product is
// summed, which instructions do in orders of their own.
func Same(t *testing.T, a, b func() tensor.Backend) {
	want := bits(t, a(), false)
	equal(t, "the other backend", bits(t, b(), false), want)
}

// A digest is a hash of all outputs of one op.
type digest struct {
	name string
	sum  [sha256.Size]byte
}

func equal(t *testing.T, who string, got, want []digest) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d results, want %d", who, len(got), len(want))
	}
	for i, w := range want {
		if got[i].sum != w.sum {
			t.Errorf("%s: other bits for %s", who, w.name)
		}
	}
}

// bits runs cases, big ones too, sweeps, their BF16 twins and the forms, and closes the backend.
func bits(t *testing.T, b tensor.Backend, products bool) []digest {
	t.Helper()
	g := newGuard(t, b)
	defer g.end()
	var all []digest
	run := func(s *sample) {
		out, err := g.apply(s.Op, s.In)
		if err != nil {
			t.Fatalf("%v: %v", s, err)
		}
		all = append(all, digest{s.String(), hash(out)})
	}
	for _, s := range few(swept()) {
		run(s)
	}
	for c := range tensor.Cases() {
		if c.Err == "" {
			run(newSample(c))
		}
	}
	for _, s := range few(halved()) {
		if products || !product(s.Op) {
			run(s)
		}
	}
	for _, f := range formTable {
		for _, c := range formShapes {
			b := &body{}
			f.make(&former{body: b, d: tensor.F32, c: c})
			run(newSample(tensor.Case{Name: f.name, Op: b.finish(), In: b.draw(rng.New(7))}))
		}
	}
	return all
}

// few is every seventh of the samples, or all of them with -long.
func few(all []*sample) []*sample {
	if testflag.Long() {
		return all
	}
	var some []*sample
	for i := 0; i < len(all); i += 7 {
		some = append(some, all[i])
	}
	return some
}

func product(op tensor.Op) bool {
	switch op.(type) {
	case tensor.MatMul, tensor.Conv2D, tensor.Conv2DGradX, tensor.Conv2DGradW:
		return true
	}
	return false
}

// hash is SHA-256 of the elements, every NaN alike.
func hash(out []tensor.Array) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, a := range out {
		raw := make([]byte, 8*len(a.Data))
		for i, v := range a.Data {
			if v != v {
				v = math.NaN()
			}
			binary.LittleEndian.PutUint64(raw[8*i:], math.Float64bits(v))
		}
		h.Write(raw)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
