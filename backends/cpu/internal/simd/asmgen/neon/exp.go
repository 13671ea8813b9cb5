package main

import "math"

// Constants of the exponential, each in a register of its own: eˣ = 2ⁿ·eʳ with n = round(x/ln 2) and
// r = x - n·ln 2 in two parts. The polynomial is that of the Cephes library, as in ../loops/exp.go.
const (
	expLow = vec(18 + iota)
	expHigh
	expLog2e
	expMagic // 1.5·2²³: adding it rounds to an integer, which then stands in the low bits
	expLn2Hi
	expLn2Lo
	expOne
	expBias // 127
	expP    // six coefficients, highest power first
)

func expConstants() {
	f := math.Float32bits
	for i, w := range []uint32{
		f(-104), f(89), f(1.44269504088896341), f(1.5 * (1 << 23)), f(-0.693359375), f(2.12194440e-4), f(1), 127,
		f(1.9875691500e-4), f(1.3981999507e-3), f(8.3334519073e-3), f(4.1665795894e-2), f(1.6666665459e-1), f(5.0000001201e-1),
	} {
		spread(expLow+vec(i), w)
	}
}

// expBody sets x to eˣ. It uses four more registers.
func expBody(x vec, r []vec) {
	t, n, y, k := r[0], r[1], r[2], r[3]
	// The clamp keeps n in range; beyond it the result is 0 or infinite either way. NaN passes.
	most(x, expLow, t)
	least(x, expHigh, t)
	move(t, expMagic)
	fma(t, x, expLog2e)
	sub(n, t, expMagic)
	subInt(t, t, expMagic) // n as an integer
	fma(x, n, expLn2Hi)
	fma(x, n, expLn2Lo) // r
	move(y, expP)
	for i := 1; i < 6; i++ {
		move(k, expP+vec(i))
		fma(k, y, x)
		y, k = k, y
	}
	mul(n, x, x)
	fma(x, y, n) // r + y·r²
	add(x, x, expOne)
	// 2ⁿ in two factors, so that the first product is exact and the second rounds once, also to
	// zero, a denormal or infinity.
	shiftRight(n, t, 1)
	subInt(t, t, n)
	addInt(n, n, expBias)
	addInt(t, t, expBias)
	shiftLeft(n, n, 23)
	shiftLeft(t, t, 23)
	mul(x, x, n)
	mul(x, x, t)
}

func exp() {
	pointwise("exp", "func(dst, x []float32)", []string{"x"}, 2, 5, expConstants, func(p place) {
		x := p.in(p.regs[0], 1)
		expBody(x, p.regs[1:])
		p.out(x, 0)
	})

	fn("expSumNEON", "func(lanes, x []float32, s float32)",
		"adds exp(x[i] - s) to lanes[i mod 16]; the length of x is a multiple of 16.")
	loadBases("lanes", "x")
	paramLen("x", count)
	const s = vec(17)
	paramFloat("s", s)
	spreadFirst(s)
	expConstants()
	acc := vecs(10, 4)
	sixteen("FLDPQ", pointer(0), acc)
	ins("CBZ", count, "end")
	label("more")
	for i, a := range acc {
		x := vec(i % 2 * 5)
		ins("FMOVQ", mem{pointer(1), 16 * i}, x.f())
		sub(x, x, s)
		expBody(x, vecs(int(x)+1, 4))
		add(a, a, x)
	}
	ins("ADD", imm(64), pointer(1))
	ins("SUBS", imm(16), count)
	ins("BNE", "more")
	label("end")
	sixteen("FSTPQ", pointer(0), acc)
	ins("RET")
}
