package main

// copyPanels emits the packing of a depth-major matrix. It walks the source as it lies: the
// prefetcher follows a row, not a column of 128-byte pieces.
func copyPanels() {
	fn("copyPanelsNEON", "func(dst, src *float32, rows, pitch, panels, step int)", "is copyPanels.")
	const (
		dst, src, rows, pitch, panels, step = gp(0), gp(1), gp(2), gp(3), gp(4), gp(5)
		d, s, n                             = gp(6), gp(7), gp(8)
	)
	for i, name := range []string{"dst", "src", "rows", "pitch", "panels", "step"} {
		param(name, gp(i))
	}
	ins("LSL", imm(2), pitch)
	ins("LSL", imm(2), step)
	label("row")
	ins("MOVD", dst, d)
	ins("MOVD", src, s)
	ins("MOVD", panels, n)
	label("panel")
	for i := 0; i < 8; i += 2 {
		ins("FLDPQ", mem{s, 16 * i}, pair(vec(i), vec(i+1)))
	}
	for i := 0; i < 8; i += 2 {
		ins("FSTPQ", pair(vec(i), vec(i+1)), mem{d, 16 * i})
	}
	ins("ADD", imm(128), s)
	ins("ADD", step, d)
	ins("SUBS", imm(1), n)
	ins("BNE", "panel")
	ins("ADD", imm(128), dst)
	ins("ADD", pitch, src)
	ins("SUBS", imm(1), rows)
	ins("BNE", "row")
	ins("RET")
}

// transpose emits the packing of 32 rows, in blocks of 4×4.
func transpose() {
	fn("transposeNEON", "func(dst, src *float32, depth, pitch int)", "is transpose.")
	const (
		dst, src, depth, pitch = gp(0), gp(1), gp(2), gp(3)
		d, s, n                = gp(4), gp(5), gp(6)
	)
	for i, name := range []string{"dst", "src", "depth", "pitch"} {
		param(name, gp(i))
	}
	ins("LSL", imm(2), pitch)
	label("depth")
	ins("MOVD", dst, d)
	ins("MOVD", src, s)
	ins("MOVD", imm(8), n)
	label("rows")
	a, b := vecs(0, 4), vecs(4, 4)
	for i := range 4 {
		ins("FMOVQ", mem{s, 0}, a[i].f())
		ins("ADD", pitch, s)
	}
	// Rows 0 and 2, 1 and 3 element by element; then both again.
	for i := range 2 {
		zip(1, "S4", b[i], a[i], a[i+2])
		zip(2, "S4", b[i+2], a[i], a[i+2])
	}
	for i := range 2 {
		zip(1, "S4", a[2*i], b[2*i], b[2*i+1])
		zip(2, "S4", a[2*i+1], b[2*i], b[2*i+1])
	}
	for i := range 4 {
		ins("FMOVQ", a[i].f(), mem{d, 128 * i})
	}
	ins("ADD", imm(16), d)
	ins("SUBS", imm(1), n)
	ins("BNE", "rows")
	ins("ADD", imm(16), src)
	ins("ADD", imm(512), dst)
	ins("SUBS", imm(4), depth)
	ins("BNE", "depth")
	ins("RET")
}
