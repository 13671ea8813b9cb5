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
	x := 0
	for ; x+2 <= W; x += 2 {
		r0, g0, b0 := t.pixel(pair, left+x)
		r1, g1, b1 := t.pixel(pair, left+x+1)
		i := x / 2 * 3
		repack(&a[i], &b[i], r0, g0)
		repack(&a[i+1], &b[i+1], b0, r1)
		repack(&a[i+2], &b[i+2], g1, b1)
	}
	if x < W {
		r0, g0, b0 := t.pixel(pair, left+x)
		i := x / 2 * 3
		repack(&a[i], &b[i], r0, g0)
		repack(&a[i+1], &b[i+1], b0, 0)
	}
}

// pixel is output o of two rows: red, green and blue sums.
func (t *taps) pixel(pair []int64, o int) (r, g, b int64) {
	w := t.w[o*t.k : (o+1)*t.k]
	in := pair[3*int(t.at[o]):]
	in = in[:3*len(w)]
	r, g, b = halfUnit, halfUnit, halfUnit
	for _, w := range w {
		r += in[0] * w
		g += in[1] * w
		b += in[2] * w
		in = in[3:]
	}
	return r, g, b
}

// repack turns two words that each hold a byte of the upper and of the lower row into a word of the
// upper row and one of the lower.
func repack(upper, lower *int64, p, q int64) {
	pu, pl := unpack(p)
	qu, ql := unpack(q)
	*upper, *lower = pu|qu<<32, pl|ql<<32
}

// vertical sums weighted rows into dst. rows begins with the first of them; a row has len(sum)
// words. Four rows at a time save three quarters of the traffic of sum.
func vertical(dst []byte, sum, rows []int64, w []int64) {
	for i := range sum {
		sum[i] = halfUnit
	}
	n := len(sum)
	for ; len(w) >= 4; w, rows = w[4:], rows[4*n:] {
		w0, w1, w2, w3 := w[0], w[1], w[2], w[3]
		a, b, c, d := rows[:n], rows[n:2*n], rows[2*n:3*n], rows[3*n:4*n]
		a, b, c, d = a[:len(sum)], b[:len(sum)], c[:len(sum)], d[:len(sum)]
		for i := range sum {
			sum[i] += a[i]*w0 + b[i]*w1 + c[i]*w2 + d[i]*w3
		}
	}
	for ; len(w) > 0; w, rows = w[1:], rows[n:] {
		w0, a := w[0], rows[:n]
		a = a[:len(sum)]
		for i := range sum {
			sum[i] += a[i] * w0
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

// clampByte is v within 0..255: negative numbers give 0, larger ones 255, by their sign.
func clampByte(v int64) int64 {
	if uint64(v) > 255 {
		return ^(v >> 63) & 255
	}
	return v
}

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
