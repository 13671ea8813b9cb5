package cpu

import (
	"kith/tensor"
	"kith/tensor/rng"
)

// draws adds the random numbers.
func draws(b *Backend) {
	wide(b, b.uniform)
}

// uniform draws blocks of four words; element e is word e, whoever draws it.
func (b *Backend) uniform(o tensor.Uniform, out, in []view) {
	b.job(out, nil)
	b.jobs.key = o.Key.At(uint64(in[1].i32()[0]))
	b.rows((out[0].n+3)/4, 64, func(j *rowJob, from, to int) {
		dst := j.out[0].f32()
		for i := from; i < to; i++ {
			block := j.b.jobs.key.Block(uint64(i))
			for k, v := range dst[4*i : min(4*i+4, len(dst))] {
				_ = v
				dst[4*i+k] = rng.Float32(block[k])
			}
		}
	})
}
