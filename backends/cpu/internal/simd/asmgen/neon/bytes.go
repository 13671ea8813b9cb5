package main

import "fmt"

// Kernels that read or write bytes, bits or halves of floats: 16 elements at a time.

// zip and unzip emit the interleaving of two registers, as elements of some size, and its reverse.
func zip(half int, size string, dst, x, y vec)   { shuffle("VZIP", half, size, dst, x, y) }
func unzip(half int, size string, dst, x, y vec) { shuffle("VUZP", half, size, dst, x, y) }

func shuffle(op string, half int, size string, dst, x, y vec) {
	as := func(v vec) string { return fmt.Sprintf("V%d.%s", int(v), size) }
	ins(fmt.Sprint(op, half), as(y), as(x), as(dst))
}

// widenMask makes four masks of floats of one of bytes, each bit of which is repeated.
func widenMask(dst []vec, mask vec) {
	lo, hi := dst[0], dst[2]
	zip(2, "B16", hi, mask, mask)
	zip(1, "B16", lo, mask, mask)
	zip(2, "H8", dst[3], hi, hi)
	zip(1, "H8", dst[2], hi, hi)
	zip(2, "H8", dst[1], lo, lo)
	zip(1, "H8", dst[0], lo, lo)
}

// narrowMask makes a mask of bytes, in the first register, of four masks of floats.
func narrowMask(m []vec) {
	unzip(1, "H8", m[0], m[0], m[1])
	unzip(1, "H8", m[2], m[2], m[3])
	unzip(1, "B16", m[0], m[0], m[2])
}

// choose emits Select.
func choose() {
	fn("selectNEON", "func(dst, a, b []float32, cond []uint8)", "is Select for a multiple of 16 elements.")
	loadBases("dst", "a", "b", "cond")
	a, b, mask, cond := vecs(0, 4), vecs(4, 4), vecs(8, 4), vec(12)
	whole(16, func() {
		ins("FMOVQ", mem{pointer(3), 0}, cond.f())
		ins("VCMTST", cond.b16(), cond.b16(), cond.b16())
		widenMask(mask, cond)
		sixteen("FLDPQ", pointer(1), a)
		sixteen("FLDPQ", pointer(2), b)
		for i := range b {
			where(b[i], a[i], mask[i])
		}
		sixteen("FSTPQ", pointer(0), b)
		advance(64, 64, 64, 16)
	})
}

// aboveBits emits Above: masks of 32 floats become bytes, each with the bit that is its own, and
// neighbors are added until four bytes are left.
func aboveBits() {
	fn("aboveNEON", "func(mask []uint32, x, y []float32)", "is Above.")
	loadBases("mask", "x", "y")
	x, y, weights, ones := vecs(0, 8), vecs(8, 8), vec(16), vec(17)
	for i := 0; i < 8; i += 4 {
		ins("FLDPQ", mem{pointer(2), 16 * i}, pair(y[i], y[i+1]))
		ins("FLDPQ", mem{pointer(2), 16*i + 32}, pair(y[i+2], y[i+3]))
	}
	ins("MOVD", "$0x8040201008040201", gp(19))
	ins("VDUP", gp(19), weights.d2())
	ins("VCMEQ", ones.b16(), ones.b16(), ones.b16())
	whole(1, func() {
		for i := 0; i < 8; i += 2 {
			ins("FLDPQ", mem{pointer(1), 16 * i}, pair(x[i], x[i+1]))
		}
		for i := range x {
			atLeast(x[i], y[i], x[i])
		}
		narrowMask(x[:4])
		narrowMask(x[4:])
		sum := func(dst, lo, hi vec) { ins("VADDP", hi.b16(), lo.b16(), dst.b16()) }
		and(x[0], x[0], weights)
		and(x[4], x[4], weights)
		sum(x[0], x[0], x[4])
		sum(x[0], x[0], x[0])
		sum(x[0], x[0], x[0])
		xor(x[0], x[0], ones) // not x ≤ y
		ins("FMOVS", x[0].f(), mem{pointer(0), 0})
		advance(4, 128)
	})
}

// pool emits the kernels that compare bytes with a tap.
func pool() {
	tap := vec(31)
	begin := func(slices ...string) {
		loadBases(slices...)
		ins("MOVBU", address(frame.Params().Lookup("tap")), gp(19))
		ins("VDUP", gp(19), tap.b16())
	}
	fn("maxTapNEON", "func(best []float32, arg []uint8, x []float32, tap uint8)", "is MaxTap for a multiple of 16 elements.")
	begin("best", "arg", "x")
	best, x, up, number, arg := vecs(0, 4), vecs(4, 4), vecs(8, 4), vec(12), vec(13)
	whole(16, func() {
		sixteen("FLDPQ", pointer(0), best)
		sixteen("FLDPQ", pointer(2), x)
		for i := range best { // not best ≥ x, and best no NaN
			atLeast(up[i], best[i], x[i])
			equal(number, best[i], best[i])
			xor(up[i], up[i], number)
			and(up[i], up[i], number)
			where(best[i], x[i], up[i])
		}
		sixteen("FSTPQ", pointer(0), best)
		narrowMask(up)
		ins("FMOVQ", mem{pointer(1), 0}, arg.f())
		where(arg, tap, up[0])
		ins("FMOVQ", arg.f(), mem{pointer(1), 0})
		advance(64, 16, 64)
	})

	fn("addWhenNEON", "func(dst, dy []float32, arg []uint8, tap uint8)", "is AddWhen for a multiple of 16 elements.")
	begin("dst", "dy", "arg")
	dst, dy, mask := vecs(0, 4), vecs(4, 4), vecs(8, 4)
	whole(16, func() {
		ins("FMOVQ", mem{pointer(2), 0}, arg.f())
		ins("VCMEQ", tap.b16(), arg.b16(), arg.b16())
		widenMask(mask, arg)
		sixteen("FLDPQ", pointer(0), dst)
		sixteen("FLDPQ", pointer(1), dy)
		for i := range dst {
			add(dy[i], dst[i], dy[i])
			where(dst[i], dy[i], mask[i])
		}
		sixteen("FSTPQ", pointer(0), dst)
		advance(64, 64, 16)
	})
}

// Constants of the rounding to bfloat16.
const (
	halfOne = vec(28 + iota)
	halfLess
	halfTop
	halfQuiet
)

func halfConstants() {
	for i, w := range []uint32{1, 0x7fff, 0xffff0000, 0x400000} {
		spread(halfOne+vec(i), w)
	}
}

// halve rounds x to bfloat16 in place, in integers: half of the last place that stays, less one where
// that place is even. A NaN stays one.
func halve(x, t, number vec) {
	equal(number, x, x)
	shiftLogical(t, x, 16)
	and(t, t, halfOne)
	addInt(t, t, halfLess)
	addInt(t, t, x)
	or(x, x, halfQuiet)
	where(x, t, number)
	and(x, x, halfTop)
}

func convert() {
	pointwise("round", "func(dst, x []float32)", []string{"x"}, 4, 3, halfConstants, func(p place) {
		x := p.in(p.regs[0], 1)
		halve(x, p.regs[1], p.regs[2])
		p.out(x, 0)
	})

	fn("widenNEON", "func(dst []float32, x []uint16)", "is Widen for a multiple of 16 elements.")
	loadBases("dst", "x")
	zero(vec(6))
	whole(16, func() {
		ins("FLDPQ", mem{pointer(1), 0}, pair(4, 5))
		for i := range 4 {
			zip(1+i%2, "H8", vec(i), 6, vec(4+i/2))
		}
		sixteen("FSTPQ", pointer(0), vecs(0, 4))
		advance(64, 32)
	})

	fn("narrowNEON", "func(dst []uint16, x []float32)", "is Narrow for a multiple of 16 elements.")
	loadBases("dst", "x")
	halfConstants()
	whole(16, func() {
		x := vecs(0, 4)
		sixteen("FLDPQ", pointer(1), x)
		for i := range x {
			halve(x[i], vec(4+i), vec(8+i))
		}
		unzip(2, "H8", x[0], x[0], x[1]) // upper halves
		unzip(2, "H8", x[1], x[2], x[3])
		ins("FSTPQ", pair(x[0], x[1]), mem{pointer(0), 0})
		advance(32, 64)
	})
}
