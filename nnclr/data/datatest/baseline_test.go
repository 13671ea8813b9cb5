package datatest_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"kith/backends"
	"kith/nnclr/data"
	"kith/tensor"
)

// TestPatchBaselines measures what raw pixels are worth: cosine kNN, k = 20, τ = 0.07. The pixels
// follow from the photographs and the cutting rule, so a change of either shows here.
func TestPatchBaselines(t *testing.T) {
	sets, err := data.Open([]string{"builtin:patches"}, data.Options{})
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
func pixels(t *testing.T, d data.Dataset) (x [][]float32, label []int) {
	t.Helper()
	l := &data.Loader{Data: d, Views: []data.View{data.EvalView(d, 32, data.Bicubic, data.Norm{})}, Size: 256}
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
