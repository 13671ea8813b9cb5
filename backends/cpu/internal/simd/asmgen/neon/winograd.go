package main

import (
	"fmt"
	"math"
)

// The one-dimensional transforms of F(4×4, 3×3). The order of operations is part of the definition: it
// is that of simd/winograd.go, where they are written as Go.

// factors are what the transforms multiply by. They stay in the last four registers, from which a
// multiply-add takes one by its number.
var factors = []float32{
	1.5, 2, -0.5, -2, 0.5, 4, 0.25, -8, 0.125, 1.0 / 3,
	-16.0 / 15, -8.0 / 15, -4.0 / 15, 1.0 / 15, -2.0 / 15, 4.0 / 15,
}

const firstFactor = vec(28)

// A wino is the registers of one line: each value gets a new one, and the next line begins anew.
type wino struct{ used int }

func (w *wino) vec() vec {
	if w.used == int(firstFactor) {
		panic("a transform needs more registers than there are")
	}
	w.used++
	return vec(w.used - 1)
}

func (w *wino) add(x, y vec) vec {
	r := w.vec()
	add(r, x, y)
	return r
}

func (w *wino) sub(x, y vec) vec {
	r := w.vec()
	sub(r, x, y)
	return r
}

func factor(f float32) (vec, int) {
	for i, g := range factors {
		if f == g {
			return firstFactor + vec(i/4), i % 4
		}
	}
	panic(fmt.Sprintf("no factor %v", f))
}

// fma returns f·x + y, rounded once. It spends y.
func (w *wino) fma(f float32, x, y vec) vec {
	by, i := factor(f)
	fmaBy(y, x, by, i)
	return y
}

func (w *wino) mul(f float32, x vec) vec {
	by, i := factor(f)
	r := w.vec()
	mulBy(r, x, by, i)
	return r
}

// keep returns x in a register that may be spent.
func (w *wino) keep(x vec) vec {
	r := w.vec()
	move(r, x)
	return r
}

func (w *wino) bt(d []vec) []vec {
	e, f := w.sub(d[3], d[1]), w.sub(d[4], d[2])
	p, q := w.sub(d[0], d[2]), w.sub(d[5], d[3])
	s, t := w.add(d[2], d[3]), w.sub(d[3], d[2])
	return []vec{
		w.fma(1.5, e, w.add(p, f)), w.fma(1.5, s, w.add(f, e)),
		w.fma(1.5, t, w.sub(f, e)), w.fma(2, e, w.keep(f)),
		w.fma(-0.5, e, w.keep(f)), w.fma(1.5, f, w.sub(q, e)),
	}
}

func (w *wino) at(m []vec) []vec {
	a, b, c := w.add(m[1], m[2]), w.sub(m[1], m[2]), w.add(m[3], m[4])
	return []vec{
		w.add(w.add(m[0], a), c),
		w.fma(-2, m[4], w.fma(0.5, m[3], w.keep(b))),
		w.fma(4, m[4], w.fma(0.25, m[3], a)),
		w.fma(-8, m[4], w.fma(0.125, m[3], w.add(b, m[5]))),
	}
}

func (w *wino) a(y []vec) []vec {
	a, b := w.add(y[0], y[2]), w.add(y[1], y[3])
	return []vec{
		y[0], w.add(a, b), w.sub(a, b),
		w.fma(0.125, y[3], w.fma(0.25, y[2], w.fma(0.5, y[1], w.keep(y[0])))),
		w.fma(-8, y[3], w.fma(4, y[2], w.fma(-2, y[1], w.keep(y[0])))),
		y[3],
	}
}

func (w *wino) g(g []vec) []vec {
	s := w.add(g[0], g[2])
	return []vec{
		g[0], w.mul(1.0/3, w.add(s, g[1])), w.mul(1.0/3, w.sub(g[1], s)),
		w.fma(-4.0/15, g[2], w.fma(-8.0/15, g[1], w.mul(-16.0/15, g[0]))),
		w.fma(4.0/15, g[2], w.fma(-2.0/15, g[1], w.mul(1.0/15, g[0]))),
		g[2],
	}
}

func (w *wino) gt(u []vec) []vec {
	d, s := w.sub(u[1], u[2]), w.add(u[1], u[2])
	return []vec{
		w.fma(1.0/15, u[4], w.fma(-16.0/15, u[3], w.fma(1.0/3, d, u[0]))),
		w.fma(-2.0/15, u[4], w.fma(-8.0/15, u[3], w.mul(1.0/3, s))),
		w.fma(4.0/15, u[4], w.fma(-4.0/15, u[3], w.fma(1.0/3, d, u[5]))),
	}
}

// Fields of Transform, 8 bytes each, in order.
const (
	tTiles = 8 * iota
	tMap
	tRow
	tPixel
	tStepMap
	tParts
	tPart
	tStepParts
	tRun
	tTmp
	tRows
	tCols
	tAdd
)

// Registers of both kinds of transforms.
const (
	tArg    = gp(0)
	tLeft   = gp(1) // tiles
	tDone   = gp(2) // bytes of the run
	past    = gp(3) // distance of the tile's part of the map from the first tile's
	pastP   = gp(4) // the same of its components
	pixel   = gp(5)
	part    = gp(6)
	toRow   = gp(7)
	toPixel = gp(8)
	toPart  = gp(9)
	tmp     = gp(10)
	at      = gp(11)
	lines   = gp(12) // rows of pixels that exist
	pixels  = gp(13) // columns
	adding  = gp(14)
)

func field(f int) mem    { return mem{tArg, f} }
func scratch(i int) mem  { return mem{tmp, 16 * i} }
func load(m mem, v vec)  { ins("FMOVQ", m, v.f()) }
func store(v vec, m mem) { ins("FMOVQ", v.f(), m) }

// beginTransform emits the heads of the loops over tiles and over the run.
func beginTransform(name string) {
	fn(name+"NEON", "func(t *Transform)", "is "+name+".")
	param("t", tArg)
	for _, f := range []struct {
		field int
		to    gp
	}{{tTiles, tLeft}, {tRow, toRow}, {tPixel, toPixel}, {tPart, toPart}, {tTmp, tmp}, {tRows, lines}, {tCols, pixels}, {tAdd, adding}} {
		ins("MOVD", field(f.field), f.to)
	}
	for i, f := range factors {
		v := firstFactor + vec(i/4)
		ins("MOVD", fmt.Sprintf("$0x%x", math.Float32bits(f)), gp(19))
		ins("VMOV", gp(19), fmt.Sprintf("V%d.S[%d]", int(v), i%4))
	}
	ins("MOVD", "ZR", past)
	ins("MOVD", "ZR", pastP)
	label("tile")
	ins("MOVD", "ZR", tDone)
	label("run")
	ins("MOVD", field(tMap), pixel)
	ins("ADD", past, pixel)
	ins("ADD", tDone, pixel)
	ins("MOVD", field(tParts), part)
	ins("ADD", pastP, part)
	ins("ADD", tDone, part)
}

// endTransform emits the tails of the loops.
func endTransform() {
	ins("ADD", imm(16), tDone)
	ins("MOVD", field(tRun), at)
	ins("CMP", at, tDone)
	ins("BLT", "run")
	ins("MOVD", field(tStepMap), at)
	ins("ADD", at, past)
	ins("MOVD", field(tStepParts), at)
	ins("ADD", at, pastP)
	ins("SUBS", imm(1), tLeft)
	ins("BNE", "tile")
	ins("RET")
}

// spreadPixels emits a transform of n×n pixels into 36 components, down the columns, then along the
// rows.
func spreadPixels(name string, n int, line func(w *wino, x []vec) []vec) {
	beginTransform(name)
	for j := range n {
		w := &wino{}
		var x []vec
		ins("MOVD", pixel, at)
		for i := range n {
			x = append(x, w.vec())
			load(mem{at, 0}, x[i])
			if i+1 < n {
				ins("ADD", toRow, at)
			}
		}
		for i, y := range line(w, x) {
			store(y, scratch(i*n+j))
		}
		ins("ADD", toPixel, pixel)
	}
	for i := range 6 {
		w := &wino{}
		var x []vec
		for j := range n {
			x = append(x, w.vec())
			load(scratch(i*n+j), x[j])
		}
		for _, y := range line(w, x) {
			store(y, mem{part, 0})
			ins("ADD", toPart, part)
		}
	}
	endTransform()
}

// collectPixels emits the transform of 36 components into 4×4 pixels, along the rows, then down the
// columns. Pixels beyond Rows and Cols are left out and Add is obeyed.
func collectPixels(name string) {
	const n = 4
	beginTransform(name)
	for i := range 6 {
		w := &wino{}
		var x []vec
		for j := range 6 {
			x = append(x, w.vec())
			load(mem{part, 0}, x[j])
			ins("ADD", toPart, part)
		}
		for j, y := range w.at(x) {
			store(y, scratch(i*n+j))
		}
	}
	for j := range n {
		w := &wino{}
		var x []vec
		for i := range 6 {
			x = append(x, w.vec())
			load(scratch(i*n+j), x[i])
		}
		storeColumn(fmt.Sprint(j), w.at(x), w.vec())
		if j+1 < n {
			ins("ADD", toPixel, pixel)
			ins("CMP", imm(j+1), pixels)
			ins("BLE", "done")
		}
	}
	label("done")
	endTransform()
}

// storeColumn sets or adds a column of pixels, those that exist.
func storeColumn(name string, y []vec, old vec) {
	down := func(to string, each func(v vec)) {
		ins("MOVD", pixel, at)
		for i, v := range y {
			if i > 0 {
				ins("ADD", toRow, at)
				ins("CMP", imm(i), lines)
				ins("BLE", to)
			}
			each(v)
		}
		label(to)
	}
	ins("CBZ", adding, "set"+name)
	down("set"+name, func(v vec) {
		load(mem{at, 0}, old)
		add(v, old, v)
	})
	down("next"+name, func(v vec) { store(v, mem{at, 0}) })
}

// collectFilter emits the transform of 36 components into 3×3 taps: columns first.
func collectFilter(name string) {
	beginTransform(name)
	const six = lines // the way from a row of components to the next
	ins("MOVD", imm(6), six)
	ins("MUL", toPart, six)
	for j := range 6 {
		w := &wino{}
		var x []vec
		ins("MOVD", part, at)
		for i := range 6 {
			x = append(x, w.vec())
			load(mem{at, 0}, x[i])
			if i < 5 {
				ins("ADD", six, at)
			}
		}
		for i, y := range w.gt(x) {
			store(y, scratch(i*6+j))
		}
		ins("ADD", toPart, part)
	}
	for i := range 3 {
		w := &wino{}
		var x []vec
		for j := range 6 {
			x = append(x, w.vec())
			load(scratch(i*6+j), x[j])
		}
		ins("MOVD", pixel, at)
		for _, y := range w.gt(x) {
			store(y, mem{at, 0})
			ins("ADD", toPixel, at)
		}
		ins("ADD", toRow, pixel)
	}
	endTransform()
}

func winograd() {
	spreadPixels("winoInput", 6, (*wino).bt)
	spreadPixels("winoGrad", 4, (*wino).a)
	spreadPixels("winoFilter", 3, (*wino).g)
	collectPixels("winoOutput")
	collectFilter("winoFilterGrad")
}
