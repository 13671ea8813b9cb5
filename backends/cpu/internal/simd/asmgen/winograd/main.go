// Command winograd writes the transforms of F(4×4, 3×3) convolution: see simd/winograd.go.
package main

import (
	"fmt"

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
	split  int             // times that lines are computed in, so that registers hold what is between; 0: in memory
	held   map[float32]vec // factors in registers
}

var machines = []*machine{
	{suffix: "AVX2", bytes: 32, vec: YMM},
	{suffix: "AVX512", bytes: 64, vec: ZMM, split: 2},
}

// A side is a transform along one side of a tile.
type side struct {
	line
	pixels  int
	parts   []int     // components, of 6
	factors []float32 // of those in registers
}

var (
	all  = []int{0, 1, 2, 3, 4, 5}
	some = []int{0, 1, 2, 3, 5} // of a tile of 3 pixels

	inputs  = []side{{input4, 6, all, []float32{1.5, 2, -0.5}}, {input3, 5, some, []float32{1.5, 2, -0.5, 2.5}}}
	grads   = []side{{grad4, 4, all, []float32{0.125, 0.25, 0.5, -8, 4, -2}}, {grad3, 3, some, []float32{0.25, 0.5}}}
	outputs = []side{{output4, 4, all, nil}, {output3, 3, some, nil}}
	taps    = side{filter, 3, all, []float32{1.0 / 3, -16.0 / 15, -8.0 / 15, -4.0 / 15, 1.0 / 15, -2.0 / 15, 4.0 / 15}}
	tapGrad = side{filterGrad, 3, all, nil}
)

func main() {
	constants()
	for _, v := range machines {
		for r := range 2 {
			for c := range 2 {
				size := fmt.Sprintf("%d%d", 4-r, 4-c)
				v.spread("winoInput"+size, inputs[r], inputs[c])
				v.spread("winoGrad"+size, grads[r], grads[c])
				v.collect("winoOutput"+size, outputs[r], outputs[c])
			}
		}
		v.spread("winoFilter", taps, taps)
		v.collectFilter("winoFilterGrad", tapGrad)
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
func (v *machine) begin(name string, rows, cols side) {
	emit.Func(name+v.suffix, "func(t *Transform)", "is "+name+".")
	Load(Param("t"), arg)
	v.held = nil
	if v.split > 0 {
		v.hold(union(rows.factors, cols.factors)...)
	}
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
	v.toPixels()
	MOVQ(field(fParts), part)
	ADDQ(pastP, part)
	ADDQ(run, part)
}

// toPixels sets pixel to the tile's first one.
func (v *machine) toPixels() {
	MOVQ(field(fMap), pixel)
	ADDQ(past, pixel)
	ADDQ(run, pixel)
}

func union(a, b []float32) (u []float32) {
	seen := map[float32]bool{}
	for _, f := range append(append(u, a...), b...) {
		if !seen[f] {
			u = append(u, f)
		}
		seen[f] = true
	}
	return u
}

// end emits the tails of the loops.
func (v *machine) end() {
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

func (v *machine) temp(i int) Mem { return Mem{Base: tmp, Disp: i * v.bytes} }

// load returns a vector from memory.
func (v *machine) load(m Mem) reg.VecVirtual {
	r := v.vec()
	VMOVUPS(m, r)
	return r
}

// column returns n pixels of the current column and goes to the next one.
func (v *machine) column(n int) (x []vec) {
	for i := range n {
		x = append(x, v.load(row(i)))
	}
	ADDQ(toPixel, pixel)
	return x
}

// ahead is the distance in bytes at which lines of components are fetched that will be written.
const ahead = 128

// spread emits a transform of pixels into components, down the columns, then along the rows.
func (v *machine) spread(name string, rows, cols side) {
	v.begin(name, rows, cols)
	at := 0 // component that part points to
	if v.split > 0 {
		for half := range v.split {
			n := len(rows.parts)
			want := rows.parts[half*n/v.split : (half+1)*n/v.split]
			if half > 0 {
				v.toPixels()
			}
			mid := make([][]vec, len(want)) // [row][column]
			for range cols.pixels {
				for i, y := range rows.line(v, v.column(rows.pixels), want) {
					mid[i] = append(mid[i], y)
				}
			}
			for i, x := range mid {
				at = v.put(cols, x, at, 6*want[i])
			}
		}
		v.end()
		return
	}
	for j := range cols.pixels {
		for i, y := range rows.line(v, v.column(rows.pixels), rows.parts) {
			VMOVUPS(y, v.temp(i*cols.pixels+j))
		}
	}
	for i, r := range rows.parts {
		var x []vec
		for j := range cols.pixels {
			x = append(x, v.load(v.temp(i*cols.pixels+j)))
		}
		at = v.put(cols, x, at, 6*r)
	}
	v.end()
}

// put emits the transform of a row whose first component is first, and returns where it left part.
func (v *machine) put(cols side, x []vec, at, first int) int {
	for k, y := range cols.line(v, x, cols.parts) {
		at = move(at, first+cols.parts[k])
		VMOVUPS(y, Mem{Base: part})
		// Else the store waits for the line to come from L2: a quarter of the transform.
		PREFETCHT0(Mem{Base: part, Disp: ahead})
	}
	return at
}

// move takes part from one component to a later one.
func move(from, to int) int {
	for n := to - from; n > 0; {
		step := 1
		for step < 8 && 2*step <= n {
			step *= 2
		}
		if step == 1 {
			ADDQ(toPart, part)
		} else {
			LEAQ(Mem{Base: part, Index: toPart, Scale: uint8(step)}, part)
		}
		n -= step
	}
	return to
}

// collect emits a transform of components into pixels, along the rows, then down the columns. Pixels
// beyond Rows and Cols are left out, and Add is obeyed.
func (v *machine) collect(name string, rows, cols side) {
	v.begin(name, rows, cols)
	n, at := cols.pixels, 0
	for i, r := range rows.parts {
		var x []vec
		for _, c := range cols.parts {
			at = move(at, 6*r+c)
			x = append(x, v.load(Mem{Base: part}))
		}
		for j, y := range cols.line(v, x, all[:n]) {
			VMOVUPS(y, v.temp(i*n+j))
		}
	}
	for j := range n {
		var x []vec
		for i := range rows.parts {
			x = append(x, v.load(v.temp(i*n+j)))
		}
		v.pixels(rows.line(v, x, all[:rows.pixels]), j)
		if j+1 < n {
			ADDQ(toPixel, pixel)
			CMPQ(field(fCols), Imm(uint64(j+1)))
			JLE(LabelRef("done"))
		}
	}
	Label("done")
	v.end()
}

// pixels sets or adds column j of a tile.
func (v *machine) pixels(y []vec, j int) {
	label := string(rune('a' + j))
	CMPQ(field(fAdd), Imm(0))
	JE(LabelRef("set" + label))
	for i := range y {
		CMPQ(field(fRows), Imm(uint64(i)))
		JLE(LabelRef("set" + label))
		VADDPS(row(i), y[i], y[i])
	}
	Label("set" + label)
	for i := range y {
		if i > 0 {
			CMPQ(field(fRows), Imm(uint64(i)))
			JLE(LabelRef("next" + label))
		}
		VMOVUPS(y[i], row(i))
	}
	Label("next" + label)
}

// collectFilter emits the transform of components into the gradient of filters: columns of the 6×6
// components first.
func (v *machine) collectFilter(name string, s side) {
	v.begin(name, s, s)
	for j := range 6 {
		LEAQ(Mem{Base: part}, reg.RBX)
		var x []vec
		for i := range 6 {
			x = append(x, v.load(Mem{Base: reg.RBX}))
			if i < 5 {
				LEAQ(Mem{Base: reg.RBX, Index: toPart, Scale: 4}, reg.RBX)
				LEAQ(Mem{Base: reg.RBX, Index: toPart, Scale: 2}, reg.RBX)
			}
		}
		for i, y := range s.line(v, x, all[:3]) {
			VMOVUPS(y, v.temp(i*6+j))
		}
		ADDQ(toPart, part)
	}
	for i := range 3 {
		var x []vec
		for j := range 6 {
			x = append(x, v.load(v.temp(i*6+j)))
		}
		y := s.line(v, x, all[:3])
		VMOVUPS(y[0], Mem{Base: pixel})
		VMOVUPS(y[1], Mem{Base: pixel, Index: toPixel, Scale: 1})
		VMOVUPS(y[2], Mem{Base: pixel, Index: toPixel, Scale: 2})
		ADDQ(one, pixel)
	}
	v.end()
}
