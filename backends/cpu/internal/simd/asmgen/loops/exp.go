package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// Constants of the exponential: eˣ = 2ⁿ·eʳ with n = round(x/ln 2) and r = x - n·ln 2 in two parts.
// The polynomial is that of the Cephes library. All lie in memory, broadcast on use, since AVX2
// has too few registers.
const (
	expLow = 4 * iota
	expHigh
	expLog2e
	expMagic // 1.5·2²³: adding it rounds to an integer, which then stands in the low bits
	expLn2Hi
	expLn2Lo
	expOne
	expBias // 127
	expP    // six coefficients, highest power first
)

var expData Mem

func expConstants() {
	expData = GLOBL("expData", RODATA|NOPTR)
	f := math.Float32bits
	for i, w := range []uint32{
		f(-104), f(89), f(1.44269504088896341), f(1.5 * (1 << 23)), f(-0.693359375), f(2.12194440e-4), f(1), 127,
		f(1.9875691500e-4), f(1.3981999507e-3), f(8.3334519073e-3), f(4.1665795894e-2), f(1.6666665459e-1), f(5.0000001201e-1),
	} {
		DATA(4*i, U32(w))
	}
}

// expBody sets x to eˣ. It uses five more registers; the constants are at base.
func (m *machine) expBody(x vec, r []vec, base reg.GPPhysical) {
	c := func(at int) Mem { return Mem{Base: base, Disp: at} }
	t, n, y, k, s := r[0], r[1], r[2], r[3], r[4]
	// The clamp keeps n in range; beyond it the result is 0 or infinite either way. NaN passes.
	VBROADCASTSS(c(expLow), k)
	m.max(x, x, k)
	VBROADCASTSS(c(expHigh), k)
	m.min(x, x, k)
	VBROADCASTSS(c(expMagic), k)
	VBROADCASTSS(c(expLog2e), y)
	VMOVAPS(k, t)
	m.fma(t, x, y)
	m.sub(n, t, k)
	m.subInt(t, t, k) // n as an integer
	VBROADCASTSS(c(expLn2Hi), y)
	m.fma(x, n, y)
	VBROADCASTSS(c(expLn2Lo), y)
	m.fma(x, n, y) // r
	VBROADCASTSS(c(expP), y)
	for i := 1; i < 6; i++ {
		VBROADCASTSS(c(expP+4*i), k)
		VFMADD213PS(k, x, y) // y = y·x + k
	}
	m.mul(n, x, x)
	VFMADD213PS(x, n, y) // y = y·r² + r
	VBROADCASTSS(c(expOne), k)
	m.add(y, y, k)
	// 2ⁿ in two factors, so that the first product is exact and the second rounds once, also to
	// zero, a denormal or infinity.
	VPSRAD(Imm(1), t, s)
	m.subInt(t, t, s)
	VPBROADCASTD(c(expBias), k)
	m.addInt(s, s, k)
	m.addInt(t, t, k)
	VPSLLD(Imm(23), s, s)
	VPSLLD(Imm(23), t, t)
	m.mul(x, y, s)
	m.mul(x, x, t)
}

func exp(m *machine) {
	if m == avx2 {
		expConstants()
	}
	base := reg.R11
	setup := func() { LEAQ(expData, base) }
	pointwise(m, "exp", "func(dst, x []float32)", "is Exp, within 2 ulp.", []string{"x"}, 2, 6, setup, func(p place) {
		x := p.in(p.regs[0], 1)
		m.expBody(x, p.regs[1:], base)
		p.out(x)
	})

	// Σ exp(x - s) in 16 lanes: two vectors on AVX2.
	emit.Func("expSum"+m.suffix, "func(lanes, x []float32, s float32)",
		"adds exp(x[i] - s) to lanes[i mod 16]; the length of x is a multiple of 16.")
	Load(Param("lanes").Base(), pointers[0])
	Load(Param("x").Base(), pointers[1])
	Load(Param("x").Len(), count)
	setup()
	s := m.top(2)
	spreadParam(m, s)
	per := 16 / m.lanes
	acc := m.vec[12:][:per]
	if !m.wide {
		acc = []vec{m.vec[12], m.vec[14]}
	}
	for i, a := range acc {
		VMOVUPS(Mem{Base: pointers[0], Disp: i * m.bytes()}, a)
	}
	TESTQ(count, count)
	JZ(LabelRef("end"))
	Label("more")
	for i, a := range acc {
		x := m.vec[6*i]
		VMOVUPS(Mem{Base: pointers[1], Disp: i * m.bytes()}, x)
		m.sub(x, x, s)
		m.expBody(x, m.vec[6*i+1:6*i+6], base)
		m.add(a, a, x)
	}
	ADDQ(Imm(64), pointers[1])
	SUBQ(Imm(16), count)
	JNZ(LabelRef("more"))
	Label("end")
	for i, a := range acc {
		VMOVUPS(a, Mem{Base: pointers[0], Disp: i * m.bytes()})
	}
	VZEROUPPER()
	RET()
}
