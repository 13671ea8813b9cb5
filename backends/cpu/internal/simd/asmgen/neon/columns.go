package main

// columns emits sums down the columns of a matrix that lies in L1: blocks of columns in registers, row
// after row. So each sum is one chain in row order.
func columns() {
	fn("addRowsNEON", "func(sum, x []float32)", "is AddRows; x holds whole rows.")
	blocks([]string{"sum"}, 8, func(n int) columnBody {
		sum, x := vecs(0, n), vecs(8, n)
		return columnBody{
			kept: [][]vec{sum}, results: 1, x: x,
			row: func(i int) { add(sum[i], sum[i], x[i]) },
		}
	})
	fn("addMomentsNEON", "func(sum, sq, pivot, x []float32)", "is AddMoments; x holds whole rows.")
	blocks([]string{"sum", "sq", "pivot"}, 4, func(n int) columnBody {
		sum, sq, pivot, x := vecs(0, n), vecs(4, n), vecs(8, n), vecs(12, n)
		return columnBody{
			kept: [][]vec{sum, sq, pivot}, results: 2, x: x,
			row: func(i int) {
				sub(x[i], x[i], pivot[i])
				add(sum[i], sum[i], x[i])
				fma(sq[i], x[i], x[i])
			},
		}
	})
}

// A columnBody is what happens in one block: vectors of columns that are kept through the rows, how
// many of them are results, a row's own, and what vector i of a row does.
type columnBody struct {
	kept    [][]vec
	results int
	x       []vec
	row     func(i int)
}

// blocks emits the loops: blocks of n vectors of columns, then of one, then single columns; in each,
// all rows. Vectors of columns are named by params, the first of which tells how many there are.
func blocks(params []string, n int, body func(n int) columnBody) {
	const cols, x = count, gp(6)
	const rows, pitch, cursor, left = gp(7), gp(8), gp(9), gp(10) // rows and pitch in bytes
	loadBases(params...)
	paramBase("x", x)
	paramLen("x", rows)
	ins("CBZ", rows, "end")
	ins("LSL", imm(2), cols, pitch)
	ins("LSL", imm(2), rows)
	block := func(name string, n, bytes int) {
		move := map[int]string{16: "FMOVQ", 4: "FMOVS"}[bytes]
		b := body(n)
		for p, vectors := range b.kept {
			for i, v := range vectors {
				ins(move, mem{pointer(p), bytes * i}, v.f())
			}
		}
		ins("MOVD", x, cursor)
		ins("MOVD", rows, left)
		label(name + "row")
		for i, v := range b.x {
			ins(move, mem{cursor, bytes * i}, v.f())
		}
		for i := range n {
			b.row(i)
		}
		ins("ADD", pitch, cursor)
		ins("SUBS", pitch, left)
		ins("BGT", name+"row")
		for p, vectors := range b.kept[:b.results] {
			for i, v := range vectors {
				ins(move, v.f(), mem{pointer(p), bytes * i})
			}
		}
		for p := range params {
			ins("ADD", imm(n*bytes), pointer(p))
		}
		ins("ADD", imm(n*bytes), x)
	}
	descend("many", cols, 4*n, func() { block("many", n, 16) })
	descend("one", cols, 4, func() { block("one", 1, 16) })
	descend("element", cols, 1, func() { block("element", 1, 4) })
	label("end")
	ins("RET")
}
