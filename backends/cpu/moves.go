package cpu

import (
	"unsafe"

	"kith/tensor"
)

// moves adds the ops that copy elements of any dtype.
func moves(b *Backend) {
	any := func(tensor.Op, []tensor.Spec) bool { return true }
	register(b, func(o tensor.Gather, in []tensor.Spec) bool { return any(o, in) }, b.gather)
	register(b, func(o tensor.Iota, in []tensor.Spec) bool { return any(o, in) }, iota32)
	register(b, func(o tensor.Unslice, in []tensor.Spec) bool { return any(o, in) }, b.unslice)
	register(b, func(o tensor.Concat, in []tensor.Spec) bool { return any(o, in) }, b.concat)
	register(b, func(o tensor.Permute, in []tensor.Spec) bool { return any(o, in) }, b.permute)
	register(b, func(o tensor.Write, in []tensor.Spec) bool { return any(o, in) },
		func(_ tensor.Write, _, in []view) { b.copy(in[0].bytes(), in[1].bytes()) })
	register(b, func(o tensor.WriteRows, in []tensor.Spec) bool { return any(o, in) }, b.writeRows)
}

// bytesOf makes a view of bytes, for loops that only copy.
func bytesOf(x []byte) view {
	return view{Spec: tensor.Spec{DType: tensor.U8}, p: unsafe.Pointer(unsafe.SliceData(x)), n: len(x)}
}

// copy is copy on all threads.
func (b *Backend) copy(dst, src []byte) {
	n := min(len(dst), len(src))
	j := b.job(nil, nil)
	j.out[0], j.in[0] = bytesOf(dst[:n]), bytesOf(src[:n])
	b.rows((n+63)/64, 16, func(j *rowJob, from, to int) {
		to = min(64*to, j.in[0].n)
		copy(j.out[0].u8()[64*from:to], j.in[0].u8()[64*from:to])
	})
	j.out[0], j.in[0] = view{}, view{} // either may be the caller's
}

// gather copies rows; index -1 gives zeros.
func (b *Backend) gather(_ tensor.Gather, out, in []view) {
	b.job(out, in)
	b.rows(in[1].n, in[0].Shape[1], func(j *rowJob, from, to int) {
		width := j.in[0].Shape[1] * j.in[0].DType.Size()
		src, index, dst := j.in[0].bytes(), j.in[1].i32(), j.out[0].bytes()
		for i := from; i < to; i++ {
			row := dst[i*width:][:width]
			if index[i] < 0 {
				clear(row)
				continue
			}
			copy(row, src[int(index[i])*width:])
		}
	})
}

// iota32 counts rows.
func iota32(o tensor.Iota, out, _ []view) {
	for i, dst := 0, out[0].i32(); i < len(dst); i++ {
		dst[i] = int32(o.From + i)
	}
}

// unslice copies rows into zeros.
func (b *Backend) unslice(o tensor.Unslice, out, in []view) {
	dst, at := out[0].bytes(), 0
	if rows := in[0].Shape[0]; rows > 0 {
		at = o.From * (in[0].n / rows) * in[0].DType.Size()
	}
	n := len(in[0].bytes())
	clear(dst[:at])
	clear(dst[at+n:])
	b.copy(dst[at:at+n], in[0].bytes())
}

// concat copies one input after the other.
func (b *Backend) concat(_ tensor.Concat, out, in []view) {
	dst := out[0].bytes()
	for _, v := range in {
		n := len(v.bytes())
		b.copy(dst[:n], v.bytes())
		dst = dst[n:]
	}
}

// writeRows copies rows to row at and on, wrapping around: two pieces at most, once the rows that
// later ones would overwrite are left out.
func (b *Backend) writeRows(_ tensor.WriteRows, _, in []view) {
	if len(in) == 4 && in[3].u8()[0] == 0 {
		return
	}
	dst, src, m := in[0].bytes(), in[2].bytes(), in[0].Shape[0]
	n, width := in[2].Shape[0], len(dst)/m
	at := int(in[1].i32()[0]) % m
	if n > m {
		at, src, n = (at+n-m)%m, src[(n-m)*width:], m
	}
	head := min(n, m-at) * width
	b.copy(dst[at*width:][:head], src[:head])
	b.copy(dst[:n*width-head], src[head:])
}

// permute walks the output in order, row by row of its last axis.
func (b *Backend) permute(o tensor.Permute, out, in []view) {
	if out[0].n == 0 {
		return
	}
	j := b.job(out, in)
	rank := len(out[0].Shape)
	row := 1
	if rank > 0 {
		row = out[0].Shape[rank-1]
	}
	for i, s := range o.Strides(in[0].Shape) {
		j.k[i] = s
	}
	do := permuteRows[uint32]
	switch in[0].DType.Size() {
	case 1:
		do = permuteRows[uint8]
	case 2:
		do = permuteRows[uint16]
	case 8:
		do = permuteRows[uint64]
	}
	b.rows(out[0].n/row, 4*row, do)
}

// permuteRows copies rows of the output. Steps j.k tell how far apart in the input its neighbors along
// each axis are.
func permuteRows[T any](j *rowJob, from, to int) {
	shape := j.out[0].Shape
	last, row := len(shape)-1, 1
	step := 1
	if last >= 0 {
		row, step = shape[last], j.k[last]
	}
	dst, src := elements[T](j.out[0].p, j.out[0].n), elements[T](j.in[0].p, j.in[0].n)
	for i := from; i < to; i++ {
		at, rest := 0, i
		for axis := last - 1; axis >= 0; axis-- {
			at += rest % shape[axis] * j.k[axis]
			rest /= shape[axis]
		}
		for k := range row {
			dst[i*row+k] = src[at+k*step]
		}
	}
}
