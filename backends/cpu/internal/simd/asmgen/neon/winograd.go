package main

import (
	"fmt"
	"math"
)

// A side is a transform along one side of a tile.
type side struct {
	line   func(w *wino, x []vec) []vec
	pixels int
	parts  []int // components, of 6
}

var (
	all  = []int{0, 1, 2, 3, 4, 5}
	some = []int{0, 1, 2, 3, 5} // of a tile of 3 pixels

	inputs  = []side{{input4, 6, all}, {input3, 5, some}}
	grads   = []side{{grad4, 4, all}, {grad3, 3, some}}
	outputs = []side{{output4, 4, all}, {output3, 3, some}}
	taps    = side{filter, 3, all}
)

// winograd emits all transforms; those that depend on the size of a tile, for both sizes of each side.
func winograd() {
	for r := range 2 {
		for c := range 2 {
			size := fmt.Sprintf("%d%d", 4-r, 4-c)
			spreadPixels("winoInput"+size, inputs[r], inputs[c])
			spreadPixels("winoGrad"+size, grads[r], grads[c])
			collectPixels("winoOutput"+size, outputs[r], outputs[c])
		}
	}
	spreadPixels("winoFilter", taps, taps)
	collectFilter("winoFilterGrad")
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

// loadLine loads n vectors; at emits what it takes to reach one and returns where that is.
func loadLine(w *wino, n int, at func(i int) mem) (x []vec) {
	for i := range n {
		x = append(x, w.vec())
		load(at(i), x[i])
	}
	return x
}

// skip takes part from one component to a later one, and returns that.
func skip(from, to int) int {
	for n, shift := to-from, 3; n > 0; shift-- {
		for ; n >= 1<<shift; n -= 1 << shift {
			ins("ADD", fmt.Sprintf("%v<<%d", toPart, shift), part)
		}
	}
	return to
}

// spreadPixels emits a transform of pixels into components, down the columns, then along the rows.
func spreadPixels(name string, rows, cols side) {
	beginTransform(name)
	for j := range cols.pixels {
		w := &wino{}
		ins("MOVD", pixel, at)
		x := loadLine(w, rows.pixels, func(i int) mem {
			if i > 0 {
				ins("ADD", toRow, at)
			}
			return mem{at, 0}
		})
		for i, y := range rows.line(w, x) {
			store(y, scratch(i*cols.pixels+j))
		}
		ins("ADD", toPixel, pixel)
	}
	now := 0 // component that part points to
	for i, r := range rows.parts {
		w := &wino{}
		x := loadLine(w, cols.pixels, func(j int) mem { return scratch(i*cols.pixels + j) })
		for k, y := range cols.line(w, x) {
			now = skip(now, 6*r+cols.parts[k])
			store(y, mem{part, 0})
		}
	}
	endTransform()
}

// collectPixels emits the transform of components into pixels, along the rows, then down the columns.
// Pixels beyond Rows and Cols are left out and Add is obeyed.
func collectPixels(name string, rows, cols side) {
	beginTransform(name)
	n, now := cols.pixels, 0
	for i, r := range rows.parts {
		w := &wino{}
		x := loadLine(w, len(cols.parts), func(k int) mem {
			now = skip(now, 6*r+cols.parts[k])
			return mem{part, 0}
		})
		for j, y := range cols.line(w, x) {
			store(y, scratch(i*n+j))
		}
	}
	for j := range n {
		w := &wino{}
		x := loadLine(w, len(rows.parts), func(i int) mem { return scratch(i*n + j) })
		storeColumn(fmt.Sprint(j), rows.line(w, x), w.vec())
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
		ins("MOVD", part, at)
		x := loadLine(w, 6, func(i int) mem {
			if i > 0 {
				ins("ADD", six, at)
			}
			return mem{at, 0}
		})
		for i, y := range filterGrad(w, x) {
			store(y, scratch(i*6+j))
		}
		ins("ADD", toPart, part)
	}
	for i := range 3 {
		w := &wino{}
		x := loadLine(w, 6, func(j int) mem { return scratch(i*6 + j) })
		ins("MOVD", pixel, at)
		for _, y := range filterGrad(w, x) {
			store(y, mem{at, 0})
			ins("ADD", toPixel, at)
		}
		ins("ADD", toRow, pixel)
	}
	endTransform()
}
