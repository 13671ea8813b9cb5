package cpu

import (
	"math"

	"kith/tensor"
)

// losses adds the softmax cross-entropy and its gradient.
func losses(b *Backend) {
	wide(b, func(_ tensor.CrossEntropy, out, in []view) { b.crossEntropy(out, in) })
	wide(b, func(_ tensor.CrossEntropyGrad, out, in []view) { b.crossEntropyGrad(out, in) })
}

// crossEntropy walks each row twice: for its maximum, and for the sum of exponentials, which is
// kept in float64 between chunks.
func (b *Backend) crossEntropy(out, in []view) {
	b.job(out, in)
	b.rows(in[1].n, 8*in[0].Shape[1], func(j *rowJob, from, to int) {
		k := j.in[0].Shape[1]
		x, label := j.in[0].f32(), j.in[1].i32()
		loss, lse := j.out[0].f32(), j.out[1].f32()
		for i := from; i < to; i++ {
			row := x[i*k:][:k]
			top := j.b.k.Max(row)
			log := math.Log(j.b.expSum(row, top))
			lse[i] = float32(float64(top) + log)
			loss[i] = 0
			if label[i] >= 0 {
				loss[i] = float32(float64(top) - float64(row[label[i]]) + log)
			}
		}
	})
}

// expSum adds chunks of 4,096 exponentials in float64.
func (b *Backend) expSum(x []float32, shift float32) float64 {
	var s float64
	for len(x) > 0 {
		n := min(len(x), totalLen)
		s += float64(b.k.ExpSum(x[:n], shift))
		x = x[n:]
	}
	return s
}

// crossEntropyGrad is (softmax - onehot)·dloss, tile by tile.
func (b *Backend) crossEntropyGrad(out, in []view) {
	b.job(out, in)
	b.rows(in[1].n, 8*in[0].Shape[1], func(j *rowJob, from, to int) {
		k := j.in[0].Shape[1]
		x, label, lse, dloss := j.in[0].f32(), j.in[1].i32(), j.in[2].f32(), j.in[3].f32()
		dst := j.out[0].f32()
		for i := from; i < to; i++ {
			row := dst[i*k:][:k]
			if label[i] < 0 {
				clear(row)
				continue
			}
			for at := 0; at < k; at += totalLen {
				n := min(totalLen, k-at)
				y := row[at:][:n]
				j.b.k.Shift(y, x[i*k+at:][:n], -lse[i])
				j.b.k.Exp(y, y)
				if l := int(label[i]) - at; l >= 0 && l < n {
					y[l]--
				}
				j.b.k.Scale(y, y, dloss[i])
			}
		}
	})
}
