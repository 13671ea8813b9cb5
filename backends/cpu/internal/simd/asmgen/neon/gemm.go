package main

import "fmt"

// Tiles of family F and W: as many rows as leave registers for the panel, 16 of its 32 columns at a
// time. So a pass over a panel reads whole cache lines.
const (
	tallest = 6
	across  = 4 // vectors of a row of a tile
	passes  = 2 // over a panel of 32 columns
)

// Accumulators come first, then panel, then values of a.
func acc(row, i int) vec { return vec(across*row + i) }
func panel(i int) vec    { return vec(across*tallest + i) }
func value(i int) vec    { return vec(across*(tallest+1) + i%4) }

// clear zeros the accumulators of m rows.
func clear(m int) {
	for i := range across * m {
		zero(vec(i))
	}
}

// loadPanel loads 16 columns of one depth.
func loadPanel(from mem) {
	for i := 0; i < across; i += 2 {
		ins("FLDPQ", from.offset(16*i), pair(panel(i), panel(i+1)))
	}
}

// storeTile emits c = acc, or c += acc where the register add is not 0; c is the first row and is
// spent, and so is scratch.
func storeTile(m int, add, c, pitch, scratch gp) {
	ins("CBZ", add, "set")
	ins("MOVD", c, scratch)
	for r := range m {
		loadPanel(mem{scratch, 0})
		for i := range across {
			addRow(acc(r, i), panel(i))
		}
		if r+1 < m {
			ins("ADD", pitch, scratch)
		}
	}
	label("set")
	for r := range m {
		for i := 0; i < across; i += 2 {
			ins("FSTPQ", pair(acc(r, i), acc(r, i+1)), mem{c, 16 * i})
		}
		if r+1 < m {
			ins("ADD", pitch, c)
		}
	}
}

func addRow(sum, old vec) { add(sum, old, sum) }

// Fields of TileF, 8 bytes each, in order.
const (
	fTiles = 8 * iota
	fTaps
	fOff
	fDepth
	fA0
	fA1
	fLDA
	fB
	fC0
	fC1
	fLDC
	fStepA
	fStepC
	fAdd
	fAhead
)

// tileF emits family F for m rows. Each has a pointer of its own, so that a value of a is one load
// and no arithmetic.
func tileF(m int) {
	fn(fmt.Sprintf("tileF%dNEON", m), "func(t *TileF)", "is tileF of this many rows.")
	const (
		t, tiles, half = gp(0), gp(1), gp(2)
		pastA, pastC   = gp(3), gp(4) // distance of the current tile from the first
		taps, off      = gp(5), gp(6)
		depth, b       = gp(7), gp(8)
		pitch, tmp     = gp(9), gp(10)
	)
	a := func(r int) gp { return gp(11+r) + gp(r/5*3) } // R11 to R15, R19
	field := func(f int) mem { return mem{t, f} }
	next := ahead{t, fAhead}
	param("t", t)
	next.load()
	ins("MOVD", field(fTiles), tiles)
	ins("MOVD", "ZR", pastA)
	ins("MOVD", "ZR", pastC)
	label("tile")
	ins("MOVD", "ZR", half)
	label("half")
	clear(m)
	ins("MOVD", field(fB), b)
	ins("ADD", half, b)
	ins("MOVD", field(fLDA), pitch)
	ins("MOVD", field(fTaps), taps)
	ins("MOVD", field(fOff), off)

	label("tap")
	ins("MOVD", field(fA0), a(0))
	ins("MOVD.P", mem{off, 8}, tmp)
	ins("ADD", pastA, a(0))
	ins("ADD", tmp, a(0))
	for r := 1; r < m; r++ {
		ins("ADD", pitch, a(r-1), a(r))
	}
	ins("MOVD", field(fDepth), depth)
	const unroll = 4
	ins("SUBS", imm(unroll), depth)
	ins("BLT", "rest")
	label("depth")
	for k := range unroll {
		stepF(m, mem{b, 128 * k}, func(r int) mem { return mem{a(r), 4 * k} })
		next.fetch(k)
	}
	ins("ADD", imm(128*unroll), b)
	for r := range m {
		ins("ADD", imm(4*unroll), a(r))
	}
	ins("SUBS", imm(unroll), depth)
	ins("BGE", "depth")
	// Single steps to the end: reading past a row may meet a NaN or the end of a page.
	label("rest")
	ins("ADDS", imm(unroll), depth)
	ins("BEQ", "next")
	label("single")
	stepF(m, mem{b, 0}, func(r int) mem { return mem{a(r), 0} })
	ins("ADD", imm(128), b)
	for r := range m {
		ins("ADD", imm(4), a(r))
	}
	ins("SUBS", imm(1), depth)
	ins("BNE", "single")
	label("next")
	ins("SUBS", imm(1), taps)
	ins("BNE", "tap")

	ins("MOVD", field(fC0), tmp)
	ins("ADD", pastC, tmp)
	ins("ADD", half, tmp)
	ins("MOVD", field(fLDC), pitch)
	ins("MOVD", field(fAdd), depth)
	storeTile(m, depth, tmp, pitch, b)
	ins("ADD", imm(16*across), half)
	ins("CMP", imm(16*across*passes), half)
	ins("BLT", "half")
	ins("MOVD", field(fStepA), tmp)
	ins("ADD", tmp, pastA)
	ins("MOVD", field(fStepC), tmp)
	ins("ADD", tmp, pastC)
	ins("SUBS", imm(1), tiles)
	ins("BNE", "tile")
	next.store()
	ins("RET")
	next.turn()
}

// stepF emits one step of depth: the products of m values at a(row) and 16 columns at b.
func stepF(m int, b mem, a func(row int) mem) {
	loadPanel(b)
	for r := range m {
		// A load of one float leaves the arithmetic units alone; one that spreads it does not.
		ins("FMOVS", a(r), value(r).f())
		for i := range across {
			fmaBy(acc(r, i), panel(i), value(r), 0)
		}
	}
}

// Fields of TileW, 8 bytes each, in order.
const (
	wRows = 8 * iota
	wCols
	wA
	wLDA
	wRowA
	wB
	wLDB
	wRowB
	wC
	wLDC
	wAdd
	wAhead
)

// tileW emits family W for m rows of c.
func tileW(m int) {
	fn(fmt.Sprintf("tileW%dNEON", m), "func(t *TileW)", "is tileW of this many rows.")
	const (
		t, half    = gp(0), gp(1)
		a, b       = gp(2), gp(3)
		lda, ldb   = gp(4), gp(5)
		rowA, rowB = gp(6), gp(7)
		rows, cols = gp(8), gp(9)
		tmp        = gp(10)
	)
	field := func(f int) mem { return mem{t, f} }
	next := ahead{t, wAhead}
	param("t", t)
	next.load()
	ins("MOVD", "ZR", half)
	label("half")
	clear(m)
	ins("MOVD", field(wLDA), lda)
	ins("MOVD", field(wLDB), ldb)
	ins("MOVD", field(wA), rowA)
	ins("MOVD", field(wB), rowB)
	ins("ADD", half, rowB)
	ins("MOVD", field(wRows), rows)

	label("row")
	ins("MOVD", rowA, a)
	ins("MOVD", rowB, b)
	ins("MOVD", field(wCols), cols)
	step := func() {
		stepW(m, a, b)
		ins("ADD", lda, a)
		ins("ADD", ldb, b)
	}
	const unroll = 4
	ins("SUBS", imm(unroll), cols)
	ins("BLT", "rest")
	label("col")
	for k := range unroll {
		step()
		next.fetch(k)
	}
	ins("SUBS", imm(unroll), cols)
	ins("BGE", "col")
	label("rest")
	ins("ADDS", imm(unroll), cols)
	ins("BEQ", "next")
	label("single")
	step()
	ins("SUBS", imm(1), cols)
	ins("BNE", "single")
	label("next")
	ins("MOVD", field(wRowA), tmp)
	ins("ADD", tmp, rowA)
	ins("MOVD", field(wRowB), tmp)
	ins("ADD", tmp, rowB)
	ins("SUBS", imm(1), rows)
	ins("BNE", "row")

	ins("MOVD", field(wC), a)
	ins("ADD", half, a)
	ins("MOVD", field(wLDC), lda)
	ins("MOVD", field(wAdd), cols)
	storeTile(m, cols, a, lda, b)
	ins("ADD", imm(16*across), half)
	ins("CMP", imm(16*across*passes), half)
	ins("BLT", "half")
	next.store()
	ins("RET")
	next.turn()
}

// stepW emits the products of m neighbors at a and 16 columns at b, and reads no more than that.
func stepW(m int, a, b gp) {
	loadPanel(mem{b, 0})
	for r := 0; r < m; {
		load, n := "FMOVQ", 4
		switch {
		case m-r == 1:
			load, n = "FMOVS", 1
		case m-r < 4:
			load, n = "FMOVD", 2
		}
		v := value(r / 2)
		ins(load, mem{a, 4 * r}, v.f())
		for e := range n {
			for i := range across {
				fmaBy(acc(r+e, i), panel(i), v, e)
			}
		}
		r += n
	}
}

// peak emits a loop of independent multiply-adds in registers: the rate that shares are of.
func peak() {
	n := across * tallest
	fn("peakNEON", "func(loops int)", fmt.Sprintf("runs %d·loops independent fused multiply-adds of 4 lanes.", n))
	param("loops", 0)
	clear(tallest)
	zero(panel(0))
	zero(value(0))
	label("loop")
	for i := range n {
		fmaBy(vec(i), panel(0), value(0), 0)
	}
	ins("SUBS", imm(1), gp(0))
	ins("BNE", "loop")
	ins("RET")
}
