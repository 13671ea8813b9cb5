package main

import "fmt"

// The assembler has vector arithmetic on integers, little on floats. What it lacks is written as
// words, beside which stands what they mean in the notation of the architecture.

// Words of instructions on four floats, or two doubles, with all registers 0.
const (
	wFADD   = 0x4E20D400
	wFSUB   = 0x4EA0D400
	wFMUL   = 0x6E20DC00
	wFDIV   = 0x6E20FC00
	wFCMEQ  = 0x4E20E400
	wFCMGE  = 0x6E20E400
	wFCMGT  = 0x6EA0E400
	wFSQRT  = 0x6EA1F800
	wSSHR   = 0x4F000400
	wFMLAE  = 0x4F801000 // by element
	wFMULE  = 0x4F809000 // by element
	wFADD2D = 0x4E60D400
	wFSUB2D = 0x4EE0D400
	wFMUL2D = 0x6E60DC00
	wFCVTL  = 0x0E617800
)

// word emits one.
func word(w uint32, meaning string, args ...any) {
	ins(fmt.Sprintf("WORD $0x%08x // %s", w, fmt.Sprintf(meaning, args...)))
}

// three emits an instruction of three registers, as in dst = x - y.
func three(w uint32, name string, dst, x, y vec) {
	word(w|uint32(y)<<16|uint32(x)<<5|uint32(dst), "%s v%d.4s, v%d.4s, v%d.4s", name, dst, x, y)
}

func add(dst, x, y vec) { three(wFADD, "fadd", dst, x, y) }
func sub(dst, x, y vec) { three(wFSUB, "fsub", dst, x, y) }
func mul(dst, x, y vec) { three(wFMUL, "fmul", dst, x, y) }
func div(dst, x, y vec) { three(wFDIV, "fdiv", dst, x, y) }

// equal, atLeast and above set an element to ones where x = y, x ≥ y, x > y, and to zeros elsewhere,
// also where one is NaN.
func equal(dst, x, y vec)   { three(wFCMEQ, "fcmeq", dst, x, y) }
func atLeast(dst, x, y vec) { three(wFCMGE, "fcmge", dst, x, y) }
func above(dst, x, y vec)   { three(wFCMGT, "fcmgt", dst, x, y) }

// fma is acc += x·y, rounded once.
func fma(acc, x, y vec) { ins("VFMLA", x.s4(), y.s4(), acc.s4()) }

// fmaBy is acc += x·y[i], rounded once, mulBy dst = x·y[i].
func fmaBy(acc, x, y vec, i int) { byElement(wFMLAE, "fmla", acc, x, y, i) }
func mulBy(dst, x, y vec, i int) { byElement(wFMULE, "fmul", dst, x, y, i) }

func byElement(w uint32, name string, dst, x, y vec, i int) {
	w |= uint32(i&1)<<21 | uint32(i>>1)<<11 // L and H
	word(w|uint32(y)<<16|uint32(x)<<5|uint32(dst), "%s v%d.4s, v%d.4s, v%d.s[%d]", name, dst, x, y, i)
}

func sqrt(dst, x vec) { word(wFSQRT|uint32(x)<<5|uint32(dst), "fsqrt v%d.4s, v%d.4s", dst, x) }

// shiftRight shifts words with their sign.
func shiftRight(dst, x vec, by int) {
	word(wSSHR|uint32(64-by)<<16|uint32(x)<<5|uint32(dst), "sshr v%d.4s, v%d.4s, #%d", dst, x, by)
}

// double makes two doubles of the lower two floats.
func double(dst, x vec) { word(wFCVTL|uint32(x)<<5|uint32(dst), "fcvtl v%d.2d, v%d.2s", dst, x) }

func threeDouble(w uint32, name string, dst, x, y vec) {
	word(w|uint32(y)<<16|uint32(x)<<5|uint32(dst), "%s v%d.2d, v%d.2d, v%d.2d", name, dst, x, y)
}

func addDouble(dst, x, y vec) { threeDouble(wFADD2D, "fadd", dst, x, y) }
func subDouble(dst, x, y vec) { threeDouble(wFSUB2D, "fsub", dst, x, y) }
func mulDouble(dst, x, y vec) { threeDouble(wFMUL2D, "fmul", dst, x, y) }

// The assembler's integer instructions, dst first like the rest.
func addInt(dst, x, y vec)            { ins("VADD", y.s4(), x.s4(), dst.s4()) }
func subInt(dst, x, y vec)            { ins("VSUB", y.s4(), x.s4(), dst.s4()) }
func and(dst, x, y vec)               { ins("VAND", y.b16(), x.b16(), dst.b16()) }
func or(dst, x, y vec)                { ins("VORR", y.b16(), x.b16(), dst.b16()) }
func xor(dst, x, y vec)               { ins("VEOR", y.b16(), x.b16(), dst.b16()) }
func shiftLeft(dst, x vec, by int)    { ins("VSHL", imm(by), x.s4(), dst.s4()) }
func shiftLogical(dst, x vec, by int) { ins("VUSHR", imm(by), x.s4(), dst.s4()) }

// where sets dst to x where mask is ones, unless where it is zeros.
func where(dst, x, mask vec)  { ins("VBIT", mask.b16(), x.b16(), dst.b16()) }
func unless(dst, x, mask vec) { ins("VBIF", mask.b16(), x.b16(), dst.b16()) }

// spread fills a register with one word, or with its own first element.
func spread(dst vec, w uint32) {
	ins("MOVD", fmt.Sprintf("$0x%x", w), gp(19))
	ins("VDUP", gp(19), dst.s4())
}

func spreadFirst(v vec) { ins("VDUP", fmt.Sprintf("V%d.S[0]", int(v)), v.s4()) }
