package nnclr

import (
	"fmt"

	"kith/nn"
	"kith/tensor"
	"kith/tensor/rng"
)

// A Queue is the support set: embeddings of past batches, first in, first out, each with the
// image it came from and when. All of it is state: saved, and within a step as the step began, so
// that a batch cannot find itself.
type Queue struct {
	Rows                   *nn.State // F32 [m, d]: unit rows
	ID, Epoch, Step, Label *nn.State // I32 [m] of each row's image; -1: none
	Next, Filled           *nn.State // I32 []: row that is written next; rows written so far
	search                 Search
}

// Search says which rows a query may find, and what it takes from them.
type Search struct {
	Size, Width int     // m rows of d
	Positive    string  // of Positives; "" is "nn"
	TopK        int     // 0 is 1
	SoftTau     float64 // of "soft"; 0 is 0.1
	ExcludeSelf bool    // skip rows of the query's own image
	Empty       bool    // start with no rows to be found, instead of random ones
	Key         rng.Key // draws among the TopK
}

// Positives are what can stand for a query: the nearest row (one of TopK at random), the query
// itself, the mean of the TopK, their mean weighted by softmax, the nearest row of the same label.
var Positives = []string{"nn", "view", "mean", "soft", "oracle"}

// unwritten marks rows that are never found.
const unwritten = -2

// NewQueue makes a support set of Size rows. They start as random directions, which makes the
// first neighbors meaningless and lets the loss rise for a few dozen steps.
func NewQueue(s Search) (*Queue, error) {
	if s.Size < 1 || s.Width < 1 {
		return nil, fmt.Errorf("a support set of %d rows of %d has no room", s.Size, s.Width)
	}
	s.TopK = max(s.TopK, 1)
	if s.TopK > s.Size {
		return nil, fmt.Errorf("top_k %d is more than the %d rows of the support set", s.TopK, s.Size)
	}
	if s.SoftTau == 0 {
		s.SoftTau = 0.1
	}
	numbers := func(start float32) *nn.State {
		return &nn.State{Spec: tensor.Of(tensor.I32, s.Size), Init: nn.Constant(start)}
	}
	cursor := func() *nn.State { return &nn.State{Spec: tensor.Of(tensor.I32), Init: nn.Constant(0)} }
	q := &Queue{
		Rows: &nn.State{Spec: tensor.Of(tensor.F32, s.Size, s.Width), Init: directions},
		ID:   numbers(-1), Epoch: numbers(-1), Step: numbers(-1), Label: numbers(-1),
		Next: cursor(), Filled: cursor(), search: s,
	}
	if s.Empty {
		q.ID.Init = nn.Constant(unwritten)
	}
	return q, nil
}

// directions starts rows as Gaussian vectors of length 1.
func directions(k rng.Key, spec tensor.Spec) []float32 {
	x := nn.Gaussian(1)(k, spec)
	d := spec.Shape[1]
	for row := x; len(row) > 0; row = row[d:] {
		unit(row[:d])
	}
	return x
}

// Found is what queries found: constants, through which no gradient passes.
type Found struct {
	Row   *tensor.Tensor // [n, d]: what stands for the query
	Index *tensor.Tensor // I32 [n]: the nearest row; -1: none, and Row is the query
	Score *tensor.Tensor // [n, 2]: cosine of the nearest and of the second
}

// Nearest finds a positive for each unit row of u [n,d] in the support set as the step began.
func (q *Queue) Nearest(c *nn.Ctx, u *tensor.Tensor, b Batch) Found {
	u = u.Detach()
	rows := c.See(q.Rows)
	index, score := q.find(c, u, b)
	columns := index.Permute(1, 0) // [K, n]: the k-th best of each query
	found := Found{Index: columns.Row(0), Score: score.Permute(1, 0).Slice(0, 2).Permute(1, 0)}
	switch q.search.Positive {
	case "view":
		found.Row = u
	case "mean", "soft":
		found.Row = q.blend(rows, columns, score)
	default:
		found.Row = rows.Gather(q.pick(columns, b))
	}
	found.Row = orElse(found.Row, found.Index, u)
	return found
}

// find is the K best rows of each query; at least two, since the gap to the second tells how safe
// the first is.
func (q *Queue) find(c *nn.Ctx, u *tensor.Tensor, b Batch) (index, score *tensor.Tensor) {
	op := tensor.NearestRow{K: max(q.search.TopK, 2)}
	id, rowID := b.ID.Fill(-1), c.See(q.ID)
	switch {
	case q.search.Positive == "oracle":
		op.Same, id, rowID = true, b.Label, c.See(q.Label)
	case q.search.ExcludeSelf:
		id = b.ID
	}
	return u.NearestRow(c.See(q.Rows), id, rowID, op)
}

// pick draws one of the TopK columns for each query.
func (q *Queue) pick(columns *tensor.Tensor, b Batch) *tensor.Tensor {
	chosen := columns.Row(0)
	if q.search.TopK == 1 {
		return chosen
	}
	const half = 1.0 / (1 << 25) // of a step between two draws: u ≥ k/K as a strict comparison
	u := chosen.Cast(tensor.F32).Uniform(q.search.Key, b.Step)
	for k := 1; k < q.search.TopK; k++ {
		later := u.Shift(half - float64(k)/float64(q.search.TopK)).Positive()
		chosen = columns.Row(k).Select(later, chosen)
	}
	return chosen
}

// blend is the mean of the TopK rows, weighted equally or by softmax(score/SoftTau), as unit rows.
func (q *Queue) blend(rows, columns, score *tensor.Tensor) *tensor.Tensor {
	scores := score.Permute(1, 0) // [K, n]
	best := scores.Row(0)
	var sum *tensor.Tensor
	for k := range q.search.TopK {
		row := rows.Gather(columns.Row(k))
		if q.search.Positive == "soft" {
			// The normalizer of softmax falls away with the length.
			row = row.RowMul(scores.Row(k).Sub(best).Scale(1 / q.search.SoftTau).Exp())
		}
		if sum == nil {
			sum = row
		} else {
			sum = sum.Add(row)
		}
	}
	return sum.Unit()
}

// orElse is rows, or those of other where index is -1.
func orElse(rows, index, other *tensor.Tensor) *tensor.Tensor {
	found := index.Cast(rows.DType).Shift(0.5).Positive().Cast(rows.DType) // [n]: 1 or 0
	missing := found.Scale(-1).Shift(1)
	return rows.RowMul(found).Add(other.RowMul(missing))
}

// Push writes the unit rows of u [n,d] over the oldest ones. It lands at the commit.
func (q *Queue) Push(c *nn.Ctx, u *tensor.Tensor, b Batch) {
	u = u.Detach()
	n, m := u.Shape[0], q.search.Size
	at := c.Scope.Pending(q.Next.Value)
	repeats := n / b.ID.Shape[0] // 2 where both views are pushed
	whole := func(v *tensor.Tensor) *tensor.Tensor {
		if repeats == 1 {
			return v
		}
		return tensor.Join(v, v)
	}
	c.Scope.AssignRows(q.Rows.Value, at, u)
	c.Scope.AssignRows(q.ID.Value, at, whole(b.ID))
	c.Scope.AssignRows(q.Label.Value, at, whole(b.Label))
	c.Scope.AssignRows(q.Epoch.Value, at, whole(b.Epoch.Spread(b.ID)))
	c.Scope.AssignRows(q.Step.Value, at, whole(b.Step.Spread(b.ID)))
	c.Scope.Assign(q.Next.Value, tensor.Apply(tensor.Advance{By: n, Mod: m}, at)[0])
	filled := c.Scope.Pending(q.Filled.Value)
	c.Scope.Assign(q.Filled.Value, tensor.Apply(tensor.Advance{By: n, Max: m}, filled)[0])
}
