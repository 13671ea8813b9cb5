package eval

import (
	"math"
	"slices"

	"kith/tensor"
	"kith/tensor/rng"
)

// KNN is the weighted vote of the K nearest images by cosine, each with weight exp(cos/T).
// Wu et al. 2018 (InstDisc); K 20 and T 0.07 are shown during training.
type KNN struct {
	K int
	T float64
}

// chunkBytes bounds what a search holds of bank and queries.
const (
	chunkBytes = 64 << 20
	queryRows  = 256
	bankRows   = 8192
)

// A Vote is the outcome for one query.
type Vote struct {
	Label int32             // the winner; ties go to the lower; -1: nobody voted
	Score map[int32]float64 // of each label that has a vote
}

// neighbor is a bank image with its cosine.
type neighbor struct {
	at    int
	score float64
}

// Votes lets the bank vote on each query. Bank images without label are left out. Results do not
// depend on how bank and queries are cut into chunks.
func (k KNN) Votes(f *Finder, bank, queries *Features) ([]Vote, error) {
	best, err := f.search(bank, queries, k.K)
	if err != nil {
		return nil, err
	}
	votes := make([]Vote, queries.Len())
	for i, list := range best {
		votes[i] = k.vote(bank, list)
	}
	return votes, nil
}

func (k KNN) vote(bank *Features, list []neighbor) Vote {
	v := Vote{Label: -1, Score: map[int32]float64{}}
	for _, n := range list {
		v.Score[bank.Label[n.at]] += math.Exp(n.score / k.T)
	}
	for _, n := range list {
		l := bank.Label[n.at]
		if v.Label < 0 || v.Score[l] > v.Score[v.Label] || v.Score[l] == v.Score[v.Label] && l < v.Label {
			v.Label = l
		}
	}
	return v
}

// Accuracy is the share of labeled queries whose vote is right.
func (k KNN) Accuracy(f *Finder, bank, queries *Features) (float64, error) {
	votes, err := k.Votes(f, bank, queries)
	if err != nil {
		return 0, err
	}
	right, labeled := 0, 0
	for i, v := range votes {
		if queries.Label[i] < 0 {
			continue
		}
		labeled++
		if v.Label == queries.Label[i] {
			right++
		}
	}
	return float64(right) / float64(max(labeled, 1)), nil
}

// search finds the k labeled bank rows with the largest cosine for each query, best first, ties to
// the smaller index.
func (r *Finder) search(bank, queries *Features, k int) ([][]neighbor, error) {
	f := r.chunks(bank.Width, k)
	best := make([][]neighbor, queries.Len())
	for from := 0; from < bank.Len(); from += f.bank {
		f.setBank(bank, from)
		for q := 0; q < queries.Len(); q += f.queries {
			index, score, err := f.find(queries, q)
			if err != nil {
				return nil, err
			}
			for i := range min(f.queries, queries.Len()-q) {
				for j := range f.k {
					if at := index[i*f.k+j]; at >= 0 {
						best[q+i] = append(best[q+i], neighbor{from + int(at), score[i*f.k+j]})
					}
				}
			}
		}
		for i, list := range best {
			best[i] = nearest(list, k)
		}
	}
	return best, nil
}

// nearest keeps the k best of a list in which earlier rows come first among equals.
func nearest(list []neighbor, k int) []neighbor {
	slices.SortStableFunc(list, func(a, b neighbor) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return a.at - b.at
	})
	return list[:min(k, len(list))]
}

// A Finder searches in a root. It keeps its chunks, so that evaluations during training take no new
// memory there.
type Finder struct {
	root *tensor.Scope
	kept map[[2]int]*chunks // by width and k
}

// NewFinder makes a finder in root.
func NewFinder(root *tensor.Scope) *Finder { return &Finder{root, map[[2]int]*chunks{}} }

// chunks is a search of fixed sizes in root tensors.
type chunks struct {
	root             *tensor.Scope
	bank, queries, k int
	width            int
	rows, rowID      *tensor.Tensor
	q                *tensor.Tensor
	index, score     *tensor.Tensor
}

// chunks are those for rows of a width; they hold at most chunkBytes.
func (r *Finder) chunks(width, k int) *chunks {
	if f := r.kept[[2]int{width, k}]; f != nil {
		return f
	}
	fit := max(chunkBytes/(4*width), 1)
	f := &chunks{root: r.root, width: width, bank: min(bankRows, fit), queries: min(queryRows, fit)}
	f.k = min(k, f.bank)
	f.rows = r.root.New(tensor.Of(tensor.F32, f.bank, width))
	f.rowID = r.root.New(tensor.Of(tensor.I32, f.bank))
	f.q = r.root.New(tensor.Of(tensor.F32, f.queries, width))
	f.index = r.root.New(tensor.Of(tensor.I32, f.queries, f.k))
	f.score = r.root.New(tensor.Of(tensor.F32, f.queries, f.k))
	r.kept[[2]int{width, k}] = f
	return f
}

// setBank puts bank rows from on into the chunk; the rest, and rows without label, cannot be found.
func (f *chunks) setBank(bank *Features, from int) {
	rows := make([]float32, f.bank*f.width)
	n := copy(rows, bank.Rows[from*f.width:]) / f.width
	id := slices.Repeat([]int32{-2}, f.bank)
	for i := range n {
		if bank.Label[from+i] >= 0 {
			id[i] = -1
		}
	}
	tensor.Set(f.rows, rows)
	tensor.Set(f.rowID, id)
}

// find searches the chunk for queries from on.
func (f *chunks) find(queries *Features, from int) (index []int32, score []float64, err error) {
	rows := make([]float32, f.queries*f.width)
	copy(rows, queries.Rows[from*f.width:])
	tensor.Set(f.q, rows)
	f.root.Run(func(s *tensor.Scope) {
		q, bank, rowID := s.Enter(f.q).Unit(), s.Enter(f.rows).Unit(), s.Enter(f.rowID)
		nobody := q.Iota(0).Fill(-1)
		i, v := q.NearestRow(bank, nobody, rowID, tensor.NearestRow{K: f.k})
		s.Report(f.index, i)
		s.Report(f.score, v)
	})
	if index, err = tensor.Data[int32](f.index); err != nil {
		return nil, nil, err
	}
	score, err = tensor.Data[float64](f.score)
	return index, score, err
}

// FewLabels is n images of f, as equally many of each label as there are, drawn by key: what few
// labels are worth.
func FewLabels(f *Features, n int, key rng.Key) *Features {
	order := key.Fold("few-labels").Stream().Perm(f.Len())
	of := map[int32][]int{}
	var labels []int32
	for _, i := range order {
		l := f.Label[i]
		if l < 0 {
			continue
		}
		if of[l] == nil {
			labels = append(labels, l)
		}
		of[l] = append(of[l], i)
	}
	slices.Sort(labels)
	var chosen []int
	for round := 0; len(chosen) < n; round++ {
		before := len(chosen)
		for _, l := range labels {
			if round < len(of[l]) && len(chosen) < n {
				chosen = append(chosen, of[l][round])
			}
		}
		if len(chosen) == before {
			break
		}
	}
	few := &Features{Width: f.Width}
	for _, i := range chosen {
		few.Rows = append(few.Rows, f.row(i)...)
		few.Label, few.ID = append(few.Label, f.Label[i]), append(few.ID, f.ID[i])
	}
	return few
}
