// Command winograd writes the transforms of F(4×4, 3×3) convolution: see simd/winograd.go.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// A machine is a level as the transforms see it.
type machine struct {
	suffix string
	bytes  int // of a vector
	vec    func() reg.VecVirtual
}

var machines = []machine{
	{"AVX2", 32, YMM},
	{"AVX512", 64, ZMM},
}

func main() {
	constants()
	for _, v := range machines {
		v.spread("winoInput", 6, v.bt)
		v.spread("winoGrad", 4, v.a)
		v.spread("winoFilter", 3, v.g)
		v.collect("winoOutput", 4, v.at, true)
		v.collect("winoFilterGrad", 3, v.gt, false)
	}
	emit.Write("winograd")
}

// Fields of Transform, 8 bytes each, in order.
const (
	fTiles = 8 * iota
	fMap
	fRow
	fPixel
	fStepMap
	fParts
	fPart
	fStepParts
	fRun
	fTmp
	fRows
	fCols
	fAdd
)

// Registers of both kinds of transforms.
var (
	arg     = reg.RDI
	tiles   = reg.R15
	run     = reg.R14 // bytes of the run done
	past    = reg.RAX // distance of the tile's part of the map from the first tile's
	pastP   = reg.RCX // the same of its components
	pixel   = reg.RSI
	part    = reg.RDX
	one     = reg.R8
	three   = reg.R9
	five    = reg.R10
	toPixel = reg.R11
	toPart  = reg.R12
	tmp     = reg.R13
)

func field(f int) Mem { return Mem{Base: arg, Disp: f} }

// begin emits the heads of the loops over tiles and over the run.
func begin(name, doc string) {
	emit.Func(name, "func(t *Transform)", doc)
	Load(Param("t"), arg)
	MOVQ(field(fTiles), tiles)
	MOVQ(field(fRow), one)
	LEAQ(Mem{Base: one, Index: one, Scale: 2}, three)
	LEAQ(Mem{Base: one, Index: one, Scale: 4}, five)
	MOVQ(field(fPixel), toPixel)
	MOVQ(field(fPart), toPart)
	MOVQ(field(fTmp), tmp)
	XORQ(past, past)
	XORQ(pastP, pastP)
	Label("tile")
	XORQ(run, run)
	Label("run")
	MOVQ(field(fMap), pixel)
	ADDQ(past, pixel)
	ADDQ(run, pixel)
	MOVQ(field(fParts), part)
	ADDQ(pastP, part)
	ADDQ(run, part)
}

// end emits the tails of the loops.
func (v machine) end() {
	ADDQ(Imm(uint64(v.bytes)), run)
	CMPQ(run, field(fRun))
	JL(LabelRef("run"))
	ADDQ(field(fStepMap), past)
	ADDQ(field(fStepParts), pastP)
	DECQ(tiles)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

// row returns the address of row i of the current column of pixels.
func row(i int) Mem {
	switch i {
	case 0:
		return Mem{Base: pixel}
	case 1, 2, 4:
		return Mem{Base: pixel, Index: one, Scale: uint8(i)}
	case 3:
		return Mem{Base: pixel, Index: three, Scale: 1}
	}
	return Mem{Base: pixel, Index: five, Scale: 1}
}

func (v machine) temp(i int) Mem { return Mem{Base: tmp, Disp: i * v.bytes} }

// load returns a vector from memory.
func (v machine) load(m Mem) reg.VecVirtual {
	r := v.vec()
	VMOVUPS(m, r)
	return r
}

// spread emits a transform of n×n pixels into 36 components, down the columns, then along the rows.
func (v machine) spread(name string, n int, line func(x []reg.VecVirtual) []reg.VecVirtual) {
	begin(name+v.suffix, "is "+name+".")
	for j := range n {
		var x []reg.VecVirtual
		for i := range n {
			x = append(x, v.load(row(i)))
		}
		for i, y := range line(x) {
			VMOVUPS(y, v.temp(i*n+j))
		}
		ADDQ(toPixel, pixel)
	}
	for i := range 6 {
		var x []reg.VecVirtual
		for j := range n {
			x = append(x, v.load(v.temp(i*n+j)))
		}
		for _, y := range line(x) {
			VMOVUPS(y, Mem{Base: part})
			ADDQ(toPart, part)
		}
	}
	v.end()
}

// collect emits a transform of 36 components into n×n pixels: along the rows, then down the columns,
// or the other way round for filters. Where cut is set, pixels beyond Rows and Cols are left out and
// Add is obeyed.
func (v machine) collect(name string, n int, line func(x []reg.VecVirtual) []reg.VecVirtual, cut bool) {
	begin(name+v.suffix, "is "+name+".")
	if !cut {
		v.collectFilter(n, line)
		v.end()
		return
	}
	for i := range 6 {
		var x []reg.VecVirtual
		for range 6 {
			x = append(x, v.load(Mem{Base: part}))
			ADDQ(toPart, part)
		}
		for j, y := range line(x) {
			VMOVUPS(y, v.temp(i*n+j))
		}
	}
	for j := range n {
		var x []reg.VecVirtual
		for i := range 6 {
			x = append(x, v.load(v.temp(i*n+j)))
		}
		y := line(x)
		label := string(rune('a' + j))
		CMPQ(field(fAdd), Imm(0))
		JE(LabelRef("set" + label))
		for i := range n {
			CMPQ(field(fRows), Imm(uint64(i)))
			JLE(LabelRef("set" + label))
			VADDPS(row(i), y[i], y[i])
		}
		Label("set" + label)
		for i := range n {
			if i > 0 {
				CMPQ(field(fRows), Imm(uint64(i)))
				JLE(LabelRef("next" + label))
			}
			VMOVUPS(y[i], row(i))
		}
		Label("next" + label)
		if j+1 < n {
			ADDQ(toPixel, pixel)
			CMPQ(field(fCols), Imm(uint64(j+1)))
			JLE(LabelRef("done"))
		}
	}
	Label("done")
	v.end()
}

// collectFilter emits the body for filters: columns of the 6×6 components first.
func (v machine) collectFilter(n int, line func(x []reg.VecVirtual) []reg.VecVirtual) {
	for j := range 6 {
		LEAQ(Mem{Base: part}, reg.RBX)
		var x []reg.VecVirtual
		for i := range 6 {
			x = append(x, v.load(Mem{Base: reg.RBX}))
			if i < 5 {
				for range 6 {
					ADDQ(toPart, reg.RBX)
				}
			}
		}
		for i, y := range line(x) {
			VMOVUPS(y, v.temp(i*6+j))
		}
		ADDQ(toPart, part)
	}
	base := pixel
	for i := range n {
		var x []reg.VecVirtual
		for j := range 6 {
			x = append(x, v.load(v.temp(i*6+j)))
		}
		y := line(x)
		VMOVUPS(y[0], Mem{Base: base})
		VMOVUPS(y[1], Mem{Base: base, Index: toPixel, Scale: 1})
		VMOVUPS(y[2], Mem{Base: base, Index: toPixel, Scale: 2})
		ADDQ(one, base)
	}
}
