package simd

import (
	"unsafe"

	"kith/internal/bf16"
)

// Pointers are the operands of a kernel of Halves: the destinations, then the sources.
type Pointers [8]unsafe.Pointer

// Halves is kernels that read and write bf16 numbers where they lie, each in one pass what would take
// many on tiles of float32. Elements named h are bf16, the others float32; what is bf16 by its dtype
// but kept as float32 is rounded as a store would. Nothing is contracted.
//
// They give the bits of the kernels of which they are made: those of Kernels.
type Halves struct {
	Norm, NormMax         func(p *Pointers, n int) // dst = round((h - m)·a + b), and its ReLU
	NormHalf, NormMaxHalf func(p *Pointers, n int) // the same, to a destination of bf16
	NormAdd, NormAddMax   func(p *Pointers, n int) // dst = round(round((h - m)·a + b) + h'), and its ReLU
	NormAddHalf           func(p *Pointers, n int) // the same, to a destination of bf16
	NormAddMaxHalf        func(p *Pointers, n int)
	SubHalf               func(p *Pointers, n int) // dst = h - m
	Mask                  func(p *Pointers, n int) // dst = g where round((h - m)·a + b) > 0, else 0; d = h - m
	AddMask               func(p *Pointers, n int) // dst = round(g + h) where h' > 0, else 0
	Gradient              func(p *Pointers, n int) // h = round((h' - (h" - m)·k - c)·a)
}

// HalvesOf returns the kernels of a level, nil where it has none of its own.
func HalvesOf(l Level) *Halves {
	if l != AVX512 && l != AMX {
		return nil
	}
	return halvesAVX512()
}

// halvesOn is the kernels: those of fast on whole vectors of 16, where there are some, and plain Go on
// what is behind. Without any it is the definition.
func halvesOn(fast Halves) *Halves {
	k := func(fast func(p *Pointers, n int), body func(i int, p *element)) func(p *Pointers, n int) {
		return func(p *Pointers, n int) {
			from := 0
			if fast != nil {
				from = n &^ 15
				fast(p, from)
			}
			for i := from; i < n; i++ {
				body(i, (*element)(p))
			}
		}
	}
	return &Halves{
		Norm:           k(fast.Norm, func(i int, p *element) { p.set(0, i, bf16.Round(p.norm(i))) }),
		NormMax:        k(fast.NormMax, func(i int, p *element) { p.set(0, i, relu(bf16.Round(p.norm(i)))) }),
		NormHalf:       k(fast.NormHalf, func(i int, p *element) { p.setHalf(0, i, p.norm(i)) }),
		NormMaxHalf:    k(fast.NormMaxHalf, func(i int, p *element) { p.setHalf(0, i, relu(p.norm(i))) }),
		NormAdd:        k(fast.NormAdd, func(i int, p *element) { p.set(0, i, bf16.Round(p.normAdd(i))) }),
		NormAddMax:     k(fast.NormAddMax, func(i int, p *element) { p.set(0, i, relu(bf16.Round(p.normAdd(i)))) }),
		NormAddHalf:    k(fast.NormAddHalf, func(i int, p *element) { p.setHalf(0, i, p.normAdd(i)) }),
		NormAddMaxHalf: k(fast.NormAddMaxHalf, func(i int, p *element) { p.setHalf(0, i, relu(p.normAdd(i))) }),
		SubHalf:        k(fast.SubHalf, func(i int, p *element) { p.set(0, i, p.half(1, i)-p.wide(2, i)) }),
		Mask: k(fast.Mask, func(i int, p *element) {
			g, d := p.wide(2, i), p.half(3, i)-p.wide(4, i)
			if !(bf16.Round(float32(d*p.wide(5, i))+p.wide(6, i)) > 0) {
				g = 0
			}
			p.set(1, i, d) // first: nobody may want d, whose place is then that of the result
			p.set(0, i, g)
		}),
		AddMask: k(fast.AddMask, func(i int, p *element) {
			g := bf16.Round(p.wide(1, i) + p.half(2, i))
			if !(p.half(3, i) > 0) {
				g = 0
			}
			p.set(0, i, g)
		}),
		Gradient: k(fast.Gradient, func(i int, p *element) {
			d := float32((p.half(2, i) - p.wide(3, i)) * p.wide(4, i))
			p.setHalf(0, i, (p.half(1, i)-d-p.wide(5, i))*p.wide(6, i))
		}),
	}
}

// element is Pointers, element by element.
type element Pointers

func (p *element) wide(k, i int) float32 { return *(*float32)(unsafe.Add(p[k], 4*i)) }
func (p *element) half(k, i int) float32 { return (*(*bf16.Bits)(unsafe.Add(p[k], 2*i))).Wide() }
func (p *element) set(k, i int, v float32) {
	*(*float32)(unsafe.Add(p[k], 4*i)) = v
}
func (p *element) setHalf(k, i int, v float32) {
	*(*bf16.Bits)(unsafe.Add(p[k], 2*i)) = bf16.Narrow(v)
}

// norm is (x - m)·a + b of operands 1 to 4, rounded after each operation.
func (p *element) norm(i int) float32 {
	return float32((p.half(1, i)-p.wide(2, i))*p.wide(3, i)) + p.wide(4, i)
}

// normAdd is that, rounded to bf16, plus operand 5.
func (p *element) normAdd(i int) float32 { return bf16.Round(p.norm(i)) + p.half(5, i) }

// relu is ReLU of one element.
func relu(x float32) float32 {
	if x < 0 {
		return 0
	}
	return x
}
