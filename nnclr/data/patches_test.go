package data

import (
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	"math"
	"slices"
	"testing"

	"kith/backends"
	"kith/tensor"
	"kith/tensor/rng"
)

// hashes are the first 16 digits of the SHA-256 of each photograph's raw pixels (one channel for
// gray ones), as testdata/gen/patches.py made them.
var hashes = []string{
	"35b831e283249a1e", "57c085bae8351997", "586afa1fbd134ed4", "05fc889ee77e0673",
	"f1ceeaa6e4315fa6", "51a5e315b8c59636", "ba281e2f98fe25b7", "0c9bd0f1fefa4b18",
	"2df66c60aeead3a7", "8cf888f94eb1133a", "d8000ab86999f6f2", "429f9288e32a608d",
}

func TestPhotographs(t *testing.T) {
	photo, err := loadPhotos()
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for i, name := range photos {
		b, _ := photographs.ReadFile("patches/" + name + ".png")
		total += len(b)
		pix := photo[i]
		if i >= 6 { // stored as gray
			one := make([]byte, 0, len(pix)/3)
			for j := 0; j < len(pix); j += 3 {
				if pix[j] != pix[j+1] || pix[j] != pix[j+2] {
					t.Fatalf("%s: pixel %d is not gray", name, j/3)
				}
				one = append(one, pix[j])
			}
			pix = one
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(pix))[:16]; got != hashes[i] {
			t.Errorf("%s: pixels hash to %s, want %s", name, got, hashes[i])
		}
	}
	if total > 2<<20 {
		t.Errorf("photographs take %d bytes", total)
	}
}

// No pixel of a test patch may be seen in training.
func TestPatchSplitsAreDisjoint(t *testing.T) {
	var seen [photoSide][photoSide]bool
	cover := func(split string, visit func(y, x int)) *patches {
		d, err := Patches(split)
		if err != nil {
			t.Fatal(err)
		}
		p := d.(*patches)
		for _, at := range p.place {
			if !at.In(image.Rect(0, 0, photoSide-patchSide+1, photoSide-patchSide+1)) {
				t.Fatalf("patch at %v leaves the photograph", at)
			}
			for y := range patchSide {
				for x := range patchSide {
					visit(at.Y+y, at.X+x)
				}
			}
		}
		return p
	}
	if n := cover("train", func(y, x int) { seen[y][x] = true }).Len(); n != 8400 {
		t.Errorf("%d training patches, want 8400", n)
	}
	overlap := 0
	p := cover("test", func(y, x int) {
		if seen[y][x] {
			overlap++
		}
	})
	if overlap > 0 {
		t.Errorf("%d test pixels are training pixels", overlap)
	}
	if p.Len() != 2040 {
		t.Errorf("%d test patches, want 2040", p.Len())
	}
}

// TestPatchBaselines measures what raw pixels are worth: cosine kNN, k = 20, τ = 0.07. The pixels
// follow from the photographs and the cutting rule, so a change of either shows here.
func TestPatchBaselines(t *testing.T) {
	sets, err := Open([]string{"builtin:patches"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	bank, bankLabels := pixels(t, sets.Bank)
	query, queryLabels := pixels(t, sets.Score)
	plain := knn(t, bank, bankLabels, query, queryLabels)
	mean := make([]float64, len(bank[0]))
	for _, x := range bank {
		for i, v := range x {
			mean[i] += float64(v) / float64(len(bank))
		}
	}
	for _, set := range [][][]float32{bank, query} {
		for _, x := range set {
			for i := range x {
				x[i] -= float32(mean[i])
			}
		}
	}
	centered := knn(t, bank, bankLabels, query, queryLabels)
	t.Logf("raw pixels, k=20 τ=0.07: plain %.2f %%, centered %.2f %%", 100*plain, 100*centered)
	if plain < 0.435 || plain > 0.465 {
		t.Errorf("plain kNN %.4f, want 0.435 to 0.465", plain)
	}
	if centered < 0.49 || centered > 0.54 {
		t.Errorf("centered kNN %.4f, want 0.49 to 0.54", centered)
	}
}

// pixels returns the evaluation views of d as vectors in 0..1.
func pixels(t *testing.T, d Dataset) (x [][]float32, label []int) {
	t.Helper()
	l := &Loader{Data: d, Views: []View{EvalView(d, 32, Bicubic, Norm{})}, Size: 256, Key: rng.New(0)}
	for b, err := range l.All(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		n := len(b.Views[0]) / len(b.Index)
		for i := range b.Index {
			x = append(x, slices.Clone(b.Views[0][i*n:(i+1)*n]))
			label = append(label, int(b.Labels[i]))
		}
	}
	return x, label
}

// knn is the share of queries whose class the 20 nearest of the bank vote for, weighted by
// exp(cosine/0.07).
func knn(t *testing.T, bank [][]float32, bankLabel []int, query [][]float32, label []int) float64 {
	t.Helper()
	right := 0
	for q, sim := range cosines(t, bank, query) {
		var near []int // the best, best first; ties to the smaller index
		for i, x := range sim {
			if len(near) == 20 && x <= sim[near[19]] {
				continue
			}
			at, _ := slices.BinarySearchFunc(near, x, func(j int, x float32) int {
				if sim[j] >= x {
					return -1
				}
				return 1
			})
			near = slices.Insert(near[:min(len(near), 19)], min(at, 19), i)
		}
		var score [12]float64
		for _, i := range near {
			score[bankLabel[i]] += math.Exp(float64(sim[i]) / 0.07)
		}
		if slices.Index(score[:], slices.Max(score[:])) == label[q] {
			right++
		}
	}
	return float64(right) / float64(len(query))
}

// cosines are the similarities of each query with each row of the bank. They are 105 GFLOP, so the
// product runs on the backend.
func cosines(t *testing.T, bank, query [][]float32) [][]float32 {
	t.Helper()
	b, err := backends.Open("cpu")
	if err != nil {
		t.Fatal(err)
	}
	root := tensor.Open(b)
	defer root.Close()
	put := func(rows [][]float32) *tensor.Tensor {
		x := root.New(tensor.Spec{DType: tensor.F32, Shape: tensor.Shape{len(rows), len(rows[0])}})
		tensor.Set(x, slices.Concat(rows...))
		return x
	}
	x, y := put(query), put(bank)
	out := root.New(tensor.Spec{DType: tensor.F32, Shape: tensor.Shape{len(query), len(bank)}})
	root.Run(func(s *tensor.Scope) {
		s.Report(out, s.Enter(x).Unit().MatMulT(s.Enter(y).Unit()))
	})
	flat, err := tensor.Data[float32](out)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(slices.Chunk(flat, len(bank)))
}
