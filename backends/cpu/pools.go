package cpu

import "kith/tensor"

// pools adds the pooling ops.
func pools(b *Backend) {
	wide(b, b.maxPool)
	wide(b, b.maxPoolGrad)
	wide(b, func(_ tensor.AvgPool, out, in []view) { b.avgPool(out, in) })
	wide(b, func(_ tensor.AvgPoolGrad, out, in []view) { b.avgPoolGrad(out, in) })
}

// maxPool computes rows of the output map.
func (b *Backend) maxPool(o tensor.MaxPool, out, in []view) {
	j := b.job(out, in)
	j.k = [8]int{o.Size, o.Stride, o.Pad}
	y := out[0].Shape
	b.rows(y[0]*y[1], y[2]*y[3]*o.Size*o.Size, maxPoolRows)
}

// maxPoolRows takes the windows of rows from to to of all output maps. The first tap inside the map
// is copied, the others are compared; a border is never chosen.
func maxPoolRows(j *rowJob, from, to int) {
	size, stride, pad := j.k[0], j.k[1], j.k[2]
	xs, ys := j.in[0].Shape, j.out[0].Shape
	h, w, c, q := xs[1], xs[2], xs[3], ys[2]
	x, y, arg := j.in[0].f32(), j.out[0].f32(), j.out[1].u8()
	for i := from; i < to; i++ {
		image, top := i/ys[1], i%ys[1]*stride-pad
		for col := range q {
			best, at := y[(i*q+col)*c:][:c], arg[(i*q+col)*c:][:c]
			first, left := true, col*stride-pad
			for r := max(0, -top); r < min(size, h-top); r++ {
				for s := max(0, -left); s < min(size, w-left); s++ {
					src := x[((image*h+top+r)*w+left+s)*c:][:c]
					tap := uint8(r*size + s)
					if first {
						copy(best, src)
						for k := range at {
							at[k] = tap
						}
						first = false
						continue
					}
					j.b.k.MaxTap(best, at, src, tap)
				}
			}
		}
	}
}

// maxPoolGrad computes rows of the input's map: each place adds what the windows over it pass
// down, so no two threads meet.
func (b *Backend) maxPoolGrad(o tensor.MaxPoolGrad, out, in []view) {
	j := b.job(out, in)
	j.k = [8]int{o.Size, o.Stride, o.Pad}
	x := out[0].Shape
	b.rows(x[0]*x[1], x[2]*x[3]*4, maxPoolGradRows)
}

// maxPoolGradRows adds, for each place of rows from to to of all input maps, the gradients of the
// windows that chose it, from top left to bottom right.
func maxPoolGradRows(j *rowJob, from, to int) {
	size, stride, pad := j.k[0], j.k[1], j.k[2]
	xs, ys := j.out[0].Shape, j.in[0].Shape
	h, w, c, p, q := xs[1], xs[2], xs[3], ys[1], ys[2]
	dx, dy, arg := j.out[0].f32(), j.in[0].f32(), j.in[1].u8()
	for i := from; i < to; i++ {
		image, row := i/h, i%h+pad
		clear(dx[i*w*c:][:w*c])
		for r := min(row, size-1); r >= 0; r-- { // windows from top to bottom
			if (row-r)%stride != 0 || (row-r)/stride >= p {
				continue
			}
			for col := range w {
				dst := dx[(i*w+col)*c:][:c]
				for s := min(col+pad, size-1); s >= 0; s-- {
					if (col+pad-s)%stride != 0 || (col+pad-s)/stride >= q {
						continue
					}
					at := ((image*p+(row-r)/stride)*q + (col+pad-s)/stride) * c
					j.b.k.AddWhen(dst, dy[at:][:c], arg[at:][:c], uint8(r*size+s))
				}
			}
		}
	}
}

// avgPool adds the places of each map, at most 512 in float32, then float64.
func (b *Backend) avgPool(out, in []view) {
	b.job(out, in)
	places := in[0].Shape[1] * in[0].Shape[2]
	b.rows(in[0].Shape[0], places*in[0].Shape[3], func(j *rowJob, from, to int) {
		places, c := j.in[0].Shape[1]*j.in[0].Shape[2], j.in[0].Shape[3]
		x, y := j.in[0].f32(), j.out[0].f32()
		l := j.b.lane()
		defer l.done()
		part := l.floats(c)
		for i := from; i < to; i++ {
			average(j.b, y[i*c:][:c], x[i*places*c:][:places*c], part)
		}
	})
}

// mostPlaces is the number of rows that are added in float32 before their sum is.
const mostPlaces = 512

// average sets y to the mean of the rows of x. Chunks of rows are added in float32, and so are
// their sums, of which there are few.
func average(b *Backend, y, x, part []float32) {
	places := len(x) / max(len(y), 1)
	clear(y)
	for len(x) > 0 {
		n := min(len(x), max(1, min(mostPlaces, chunkLen/max(len(y), 1)))*len(y))
		clear(part)
		b.k.AddRows(part, x[:n])
		b.k.Add(y, y, part)
		x = x[n:]
	}
	for i, v := range y {
		y[i] = float32(float64(v) / float64(places))
	}
}

// avgPoolGrad repeats each row, divided once.
func (b *Backend) avgPoolGrad(out, in []view) {
	b.job(out, in)
	x := out[0].Shape
	b.rows(x[0], x[1]*x[2]*x[3], func(j *rowJob, from, to int) {
		places, c := j.out[0].Shape[1]*j.out[0].Shape[2], j.in[0].Shape[1]
		dx, dy := j.out[0].f32(), j.in[0].f32()
		for i := from; i < to; i++ {
			first := dx[i*places*c:][:c]
			for k, v := range dy[i*c:][:c] {
				first[k] = float32(float64(v) / float64(places))
			}
			for p := 1; p < places; p++ {
				copy(dx[(i*places+p)*c:][:c], first)
			}
		}
	})
}
