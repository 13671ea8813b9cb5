package nnclr

import (
	"kith/nn"
	"kith/tensor"
)

// InfoNCE is the contrastive loss of unit rows query and key [n,d]: row i of query shall find row
// i of key among all rows of key. The mean over i of -log softmax_k(queryᵢ·keyₖ/τ) at k = i;
// equation 3 of the paper.
func InfoNCE(c *nn.Ctx, query, key *tensor.Tensor, temperature float64) *tensor.Tensor {
	return diagonal(similarities(query, key, temperature)).Mean()
}

// similarities is query·keyᵀ/τ.
func similarities(query, key *tensor.Tensor, temperature float64) *tensor.Tensor {
	return query.MatMulT(key).Scale(1 / temperature) // [n, n]; row i's positive is column i
}

// diagonal is the cross-entropy of each row whose label is its own number.
func diagonal(logits *tensor.Tensor) *tensor.Tensor {
	return logits.CrossEntropy(logits.Iota(0)) // [n]
}

// eye is 1 on the diagonal of a square, else 0, as U8.
func eye(like *tensor.Tensor) *tensor.Tensor {
	number := like.Iota(0).Cast(like.DType) // [n]
	return like.Fill(1).RowMul(number).Equal(number)
}

// keep puts the positives a·b/τ on the diagonal of the similarities of u and b: only the positive
// is swapped for its neighbor, negatives keep the view.
func keep(a, u, b *tensor.Tensor, temperature float64) *tensor.Tensor {
	logits := similarities(u, b, temperature)
	positive := a.RowDot(b).Scale(1 / temperature) // [n]
	return logits.Fill(1).RowMul(positive).Select(eye(logits), logits)
}

// NTXent is SimCLR's loss of unit rows a and b [n,d]: each of the 2n rows shall find its partner
// among the other 2n-1. Chen et al. 2020, equation 1.
func NTXent(c *nn.Ctx, a, b *tensor.Tensor, temperature float64) *tensor.Tensor {
	all := tensor.Join(a, b) // [2n, d]
	logits := similarities(all, all, temperature)
	// exp(-1e30) is 0: a row is not its own negative.
	logits = logits.Fill(-1e30).Select(eye(logits), logits)
	n := a.Shape[0]
	partner := tensor.Join(a.Iota(n), a.Iota(0)) // row i pairs with row i+n
	return logits.CrossEntropy(partner).Mean()
}
