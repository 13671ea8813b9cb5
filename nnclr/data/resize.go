package data

import "math"

// A Filter is the kernel of a resize.
type Filter uint8

// The filters, as Pillow defines them. Both widen with the scale, so shrinking does not alias.
const (
	Bicubic  Filter = iota // a = -1/2, support 2
	Bilinear               // a triangle, support 1
)

// String returns "bicubic" or "bilinear".
func (f Filter) String() string { return [...]string{"bicubic", "bilinear"}[f] }

func (f Filter) support() float64 { return [...]float64{2, 1}[f] }

// at is the filter's value at t. The conversions forbid fused multiply-adds: a weight that rounds
// the other way would be a pixel that differs from Pillow's.
func (f Filter) at(t float64) float64 {
	const a = -0.5
	t = math.Abs(t)
	switch {
	case f == Bilinear:
		return max(0, 1-t)
	case t < 1:
		return float64(float64(float64(float64((a+2)*t)-(a+3))*t)*t) + 1
	case t < 2:
		return float64((float64((float64((t-5)*t)+8)*t) - 4) * a)
	}
	return 0
}

// Weights are fixed point numbers with 22 bits behind the point: a byte times a weight fits in
// 32 bits with room for the overshoot of the cubic.
const weightBits = 22

// taps are the weights of one axis of a resize: output o is the sum of w[o·k+j] · input[at[o]+j].
type taps struct {
	k  int     // weights per output, padded with zeros
	at []int32 // first input of each output; at+k never exceeds the inputs, unless k does
	w  []int64
}

// tapsFor computes the weights for in inputs and out outputs: spec/data.md 6.3.
func tapsFor(f Filter, in, out int) *taps {
	scale := float64(in) / float64(out)
	wide := max(scale, 1)
	support := f.support() * wide
	k := min(int(math.Ceil(support))*2+1, in)
	t := &taps{k: k, at: make([]int32, out), w: make([]int64, out*k)}
	w := make([]float64, k+1)
	for o := range out {
		center := float64((float64(o) + 0.5) * scale)
		lo := max(int(center-support+0.5), 0)
		hi := min(int(center+support+0.5), in)
		sum := 0.0
		for x := lo; x < hi; x++ {
			w[x-lo] = f.at(float64((float64(x) - center + 0.5) * (1 / wide)))
			sum += w[x-lo]
		}
		// The row begins early enough for k inputs to exist; the weights move with it.
		at := max(min(lo, in-k), 0)
		t.at[o] = int32(at)
		for x := lo; x < hi; x++ {
			t.w[o*k+x-at] = fixed(w[x-lo] / sum)
		}
	}
	return t
}

// fixed rounds a weight to fixed point, halves away from zero.
func fixed(w float64) int64 {
	if w < 0 {
		return int64(float64(w*(1<<weightBits)) - 0.5)
	}
	return int64(float64(w*(1<<weightBits)) + 0.5)
}

// A resizer crops and resizes pictures, equal to Pillow in every bit. It keeps its scratch memory
// and its weights, so one goroutine uses it at a time.
//
// Two bytes ride in one 64-bit word, the second in the upper half. A product of such a word and a
// weight is two products, and sums of them stay apart as long as each fits in an int32: the lower
// sum borrows from the upper one when it is negative, which unpacking gives back.
type resizer struct {
	taps  map[tapsKey]*taps
	pair  []int64 // two source rows, interleaved
	rows  []int64 // result of the horizontal pass: two neighboring bytes a word
	sum   []int64
	bytes []byte // a resized row
}

type tapsKey struct {
	f       Filter
	in, out int
}

// A window is what a resize computes: the box (x, y, w, h) of the source scaled to outW×outH, of
// which the W×H pixels at (left, top) are wanted.
type window struct {
	x, y, w, h int
	outW, outH int
	left, top  int
	W, H       int
}

// whole is the window of a box whose W×H pixels are all wanted.
func whole(x, y, w, h, size int) window {
	return window{x: x, y: y, w: w, h: h, outW: size, outH: size, W: size, H: size}
}

func (r *resizer) weights(f Filter, in, out int) *taps {
	key := tapsKey{f, in, out}
	if t, ok := r.taps[key]; ok {
		return t
	}
	// Sources of any size give up to one entry per crop width; a few thousand are some MB.
	if r.taps == nil || len(r.taps) >= 2048 {
		r.taps = make(map[tapsKey]*taps)
	}
	t := tapsFor(f, in, out)
	r.taps[key] = t
	return t
}

// A sink takes the rows of a resized picture, top to bottom. A row is valid until the next one.
// It is an interface and not a function, since closures are allocated.
type sink interface{ put(y int, row []byte) }

// resize hands the rows of the window to the sink, 3·W bytes each.
func (r *resizer) resize(src *Picture, f Filter, v window, to sink) {
	if v.w == v.outW && v.h == v.outH { // all weights are 0 or 1
		for y := range v.H {
			at := 3 * ((v.y+v.top+y)*src.W + v.x + v.left)
			to.put(y, src.Pix[at:at+3*v.W])
		}
		return
	}
	tx, ty := r.weights(f, v.w, v.outW), r.weights(f, v.h, v.outH)
	// Only the source rows that the vertical pass will read.
	first := int(ty.at[v.top])
	last := int(ty.at[v.top+v.H-1]) + ty.k
	half := (3*v.W + 1) / 2 // words per row
	r.rows = grow(r.rows, half*(last-first+1))
	for y := first; y < last; y += 2 {
		below := min(y+1, last-1)
		r.interleave(row(src, v, y), row(src, v, below))
		at := half * (y - first)
		horizontal(r.rows[at:at+half], r.rows[at+half:at+2*half], r.pair, tx, v.left, v.W)
	}
	r.sum, r.bytes = grow(r.sum, half), growBytes(r.bytes, 2*half)
	for y := range v.H {
		o := v.top + y
		w := ty.w[o*ty.k : (o+1)*ty.k]
		vertical(r.bytes, r.sum, r.rows[half*(int(ty.at[o])-first):], w)
		to.put(y, r.bytes[:3*v.W])
	}
}

// row is row y of the window's box.
func row(src *Picture, v window, y int) []byte {
	at := 3 * ((v.y+y)*src.W + v.x)
	return src.Pix[at : at+3*v.w]
}

func (r *resizer) interleave(a, b []byte) {
	r.pair = grow(r.pair, len(a))
	b, pair := b[:len(a)], r.pair[:len(a)]
	for i, x := range a {
		pair[i] = int64(x) | int64(b[i])<<32
	}
}

// halfUnit is one half in both sums of a word, for rounding.
const halfUnit = 1<<(weightBits-1) | 1<<(weightBits-1+32)

// horizontal writes W pixels of two rows. pair holds the rows side by side; a and b take one row
// each, repacked for the vertical pass: bytes 2i and 2i+1 in word i.
func horizontal(a, b, pair []int64, t *taps, left, W int) {
	var top, bottom [6]int64 // bytes of two pixels
	for x := 0; x < W; x += 2 {
		n := min(2, W-x)
		for p := range n {
			o := left + x + p
			w := t.w[o*t.k : (o+1)*t.k]
			in := pair[3*int(t.at[o]):]
			in = in[:3*len(w)]
			r, g, bl := int64(halfUnit), int64(halfUnit), int64(halfUnit)
			for j, w := range w {
				q := in[3*j : 3*j+3 : 3*j+3]
				r += q[0] * w
				g += q[1] * w
				bl += q[2] * w
			}
			top[3*p], bottom[3*p] = unpack(r)
			top[3*p+1], bottom[3*p+1] = unpack(g)
			top[3*p+2], bottom[3*p+2] = unpack(bl)
		}
		i := x / 2 * 3
		for j := 0; j < 3*n; j += 2 {
			a[i+j/2] = top[j] | top[j+1]<<32
			b[i+j/2] = bottom[j] | bottom[j+1]<<32
		}
	}
}

// vertical sums weighted rows into dst. rows begins with the first of them; a row has len(sum)
// words.
func vertical(dst []byte, sum, rows []int64, w []int64) {
	for i := range sum {
		sum[i] = halfUnit
	}
	n := len(sum)
	for j, w := range w {
		if w == 0 {
			continue
		}
		in := rows[j*n : (j+1)*n]
		in = in[:len(sum)]
		for i, x := range in {
			sum[i] += x * w
		}
	}
	dst = dst[:2*len(sum)]
	for i, s := range sum {
		a, b := unpack(s)
		dst[2*i], dst[2*i+1] = byte(a), byte(b)
	}
}

// unpack returns the two sums of a word as bytes: shifted to units and clamped.
func unpack(s int64) (lower, upper int64) {
	lower = int64(int32(s))
	upper = (s - lower) >> 32
	return clampByte(lower >> weightBits), clampByte(upper >> weightBits)
}

func clampByte(v int64) int64 { return max(0, min(v, 255)) }

func grow(s []int64, n int) []int64 {
	if cap(s) < n {
		return make([]int64, n)
	}
	return s[:n]
}

func growBytes(s []byte, n int) []byte {
	if cap(s) < n {
		return make([]byte, n)
	}
	return s[:n]
}

// Scale resizes the whole of src to w×h pixels, equal to Pillow's Image.resize in every bit.
func Scale(src *Picture, f Filter, w, h int) *Picture {
	dst := new(Picture)
	dst.Resize(w, h)
	v := window{w: src.W, h: src.H, outW: w, outH: h, W: w, H: h}
	new(resizer).resize(src, f, v, dst)
	return dst
}

// put makes a picture a sink.
func (p *Picture) put(y int, row []byte) { copy(p.Pix[3*p.W*y:], row) }
