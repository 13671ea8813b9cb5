package eval

import (
	"math"
	"slices"
	"testing"

	"kith/backends/ref"
	"kith/tensor"
	"kith/tensor/rng"
)

// fill is the reproducible matrix of the specification, entries in [-1, 1).
func fill(k uint32, r, c int) []float32 {
	x := make([]float32, r*c)
	for i := range x {
		h := uint32(i)*0x9E3779B1 + k*0x85EBCA77
		h ^= h >> 16
		h *= 0x7FEB352D
		h ^= h >> 15
		h *= 0x846CA68B
		h ^= h >> 16
		x[i] = float32(h>>16)/32768 - 1
	}
	return x
}

func features(rows []float32, width int, label func(i int) int32) *Features {
	f := &Features{Rows: rows, Width: width}
	for i := range len(rows) / width {
		f.Label, f.ID = append(f.Label, label(i)), append(f.ID, int32(i))
	}
	return f
}

func mod(n int) func(int) int32 { return func(i int) int32 { return int32(i % n) } }

func TestGoldenVotes(t *testing.T) {
	bank, queries := features(fill(11, 20, 8), 8, mod(4)), features(fill(12, 5, 8), 8, mod(1))
	for _, c := range []struct {
		knn   KNN
		score [4]float64 // of query 0
	}{
		{KNN{5, .1}, [4]float64{0, 130.347410669101, 487.859789877072, 31.827543505864}},
		{KNN{5, .07}, [4]float64{0, 1050.932612219983, 5461.188949345394, 111.338488850651}},
		{KNN{20, .1}, [4]float64{7.923200631144, 144.283567130058, 487.968396691835, 34.157721445551}},
	} {
		votes, err := c.knn.Votes(NewFinder(tensor.Open(ref.New())), bank, queries)
		if err != nil {
			t.Fatal(err)
		}
		var got []int32
		for _, v := range votes {
			got = append(got, v.Label)
		}
		if want := []int32{2, 2, 1, 2, 1}; !slices.Equal(got, want) {
			t.Errorf("%+v: %v, want %v", c.knn, got, want)
		}
		for label, want := range c.score {
			if got := votes[0].Score[int32(label)]; math.Abs(got-want) > 1e-11*math.Max(1, want) {
				t.Errorf("%+v: score of %d is %.12f, want %.12f", c.knn, label, got, want)
			}
		}
	}
}

// Rows without label do not vote, ids of classes need not be contiguous, k may exceed the bank, and
// a class may be missing among the queries.
func TestOddBanks(t *testing.T) {
	bank := &Features{Rows: []float32{1, 0, .9, .1, 0, 1, -1, 0}, Width: 2, Label: []int32{-1, 700, 3, 3}, ID: []int32{0, 1, 2, 3}}
	queries := &Features{Rows: []float32{1, 0}, Width: 2, Label: []int32{700}, ID: []int32{0}}
	got, err := KNN{50, .07}.Accuracy(NewFinder(tensor.Open(ref.New())), bank, queries)
	if err != nil || got != 1 {
		t.Errorf("accuracy %v, %v", got, err)
	}
	unlabeled := &Features{Rows: []float32{1, 0}, Width: 2, Label: []int32{-1}, ID: []int32{0}}
	if got, err := (KNN{1, 1}).Accuracy(NewFinder(tensor.Open(ref.New())), bank, unlabeled); err != nil || got != 0 {
		t.Errorf("accuracy over nothing is %v, %v", got, err)
	}
	votes, err := KNN{3, 1}.Votes(NewFinder(tensor.Open(ref.New())), unlabeled, queries)
	if err != nil || votes[0].Label != -1 {
		t.Errorf("a bank without labels voted %+v, %v", votes, err)
	}
}

// Equal scores go to the lower label.
func TestTies(t *testing.T) {
	bank := &Features{Rows: []float32{1, 0, 1, 0}, Width: 2, Label: []int32{9, 4}, ID: []int32{0, 1}}
	votes, err := KNN{2, 1}.Votes(NewFinder(tensor.Open(ref.New())), bank, &Features{Rows: []float32{1, 0}, Width: 2, Label: []int32{4}, ID: []int32{0}})
	if err != nil || votes[0].Label != 4 {
		t.Errorf("got %+v, %v", votes, err)
	}
}

// Merging chunks gives what one list would give.
func TestNearest(t *testing.T) {
	list := []neighbor{{3, .5}, {7, .5}, {1, .9}, {2, .5}}
	if got, want := nearest(slices.Clone(list), 3), []neighbor{{1, .9}, {2, .5}, {3, .5}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A bank in several chunks votes as a bank in one.
func TestChunks(t *testing.T) {
	const n, d = bankRows + 37, 2
	bank, queries := features(fill(3, n, d), d, mod(7)), features(fill(4, 300, d), d, mod(7))
	got, err := NewFinder(tensor.Open(ref.Round())).search(bank, queries, 4)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []int{0, 17, 299} {
		var all []neighbor
		for i := range n {
			all = append(all, neighbor{i, cosine(bank.row(i), queries.row(q))})
		}
		want := nearest(all, 4)
		for j := range want {
			if math.Abs(got[q][j].score-want[j].score) > 1e-6 {
				t.Errorf("query %d: %v, want %v", q, got[q], want)
				break
			}
		}
	}
}

func cosine(a, b []float32) float64 {
	ab, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

func TestFewLabels(t *testing.T) {
	f := features(fill(1, 50, 2), 2, mod(3))
	f.Label[0] = -1
	few := FewLabels(f, 10, rng.New(1))
	count := map[int32]int{}
	for _, l := range few.Label {
		count[l]++
	}
	if few.Len() != 10 || count[0] < 3 || count[1] < 3 || count[2] < 3 || count[-1] > 0 {
		t.Errorf("labels %v", count)
	}
	if all := FewLabels(f, 500, rng.New(1)); all.Len() != 49 {
		t.Errorf("%d of 49 labeled images", all.Len())
	}
}

func TestCentered(t *testing.T) {
	f := features([]float32{1, 10, 3, 30}, 2, mod(2))
	c := f.Centered(f.Mean())
	if want := []float32{-1, -10, 1, 10}; !slices.Equal(c.Rows, want) {
		t.Errorf("got %v, want %v", c.Rows, want)
	}
}
