package data

import (
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	"math"
	"slices"
	"testing"

	"kith/internal/testflag"
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

// TestPatchBaselines measures what raw pixels are worth: cosine kNN, k = 20, τ = 0.07.
func TestPatchBaselines(t *testing.T) {
	if !testflag.Long() {
		t.Skip("takes minutes in plain Go: -long")
	}
	plain, centered := patchKNN(t, 20, 0.07)
	t.Logf("raw pixels, k=20 τ=0.07: plain %.2f %%, centered %.2f %%", 100*plain, 100*centered)
	if plain < 0.435 || plain > 0.465 {
		t.Errorf("plain kNN %.4f, want 0.435 to 0.465", plain)
	}
	if centered < 0.49 || centered > 0.54 {
		t.Errorf("centered kNN %.4f, want 0.49 to 0.54", centered)
	}
}

func patchKNN(t *testing.T, k int, temperature float64) (plain, centered float64) {
	t.Helper()
	sets, err := Open([]string{"builtin:patches"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	bank, bankLabels := pixels(t, sets.Bank)
	query, queryLabels := pixels(t, sets.Score)
	plain = knn(unit1(bank), bankLabels, unit1(query), queryLabels, k, temperature)
	mean := make([]float32, len(bank[0]))
	for i := range mean {
		s := 0.0
		for _, x := range bank {
			s += float64(x[i])
		}
		mean[i] = float32(s / float64(len(bank)))
	}
	for _, set := range [][][]float32{bank, query} {
		for _, x := range set {
			for i := range x {
				x[i] -= mean[i]
			}
		}
	}
	return plain, knn(unit1(bank), bankLabels, unit1(query), queryLabels, k, temperature)
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

// unit1 returns rows of length 1.
func unit1(x [][]float32) [][]float32 {
	out := make([][]float32, len(x))
	for i, row := range x {
		s := 0.0
		for _, v := range row {
			s += float64(v) * float64(v)
		}
		s = 1 / math.Sqrt(s)
		out[i] = make([]float32, len(row))
		for j, v := range row {
			out[i][j] = float32(float64(v) * s)
		}
	}
	return out
}

func knn(bank [][]float32, bankLabel []int, query [][]float32, label []int, k int, temperature float64) float64 {
	right := 0
	sim := make([]float64, len(bank))
	order := make([]int, len(bank))
	for q, x := range query {
		for i, b := range bank {
			sim[i], order[i] = float64(dot(x, b)), i
		}
		slices.SortFunc(order, func(a, b int) int {
			switch {
			case sim[a] > sim[b]:
				return -1
			case sim[a] < sim[b]:
				return 1
			}
			return a - b
		})
		var score [64]float64
		for _, i := range order[:k] {
			score[bankLabel[i]] += math.Exp(sim[i] / temperature)
		}
		best := 0
		for c, s := range score {
			if s > score[best] {
				best = c
			}
		}
		if best == label[q] {
			right++
		}
	}
	return float64(right) / float64(len(query))
}

func dot(a, b []float32) float32 {
	var s [4]float32
	for i := 0; i+4 <= len(a); i += 4 {
		x, y := a[i:i+4:i+4], b[i:i+4:i+4]
		s[0] += x[0] * y[0]
		s[1] += x[1] * y[1]
		s[2] += x[2] * y[2]
		s[3] += x[3] * y[3]
	}
	return s[0] + s[1] + s[2] + s[3]
}
