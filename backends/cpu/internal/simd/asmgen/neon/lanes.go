package main

// lanes emits flat reductions into 16 lanes, four registers. Lengths are multiples of 16; Go adds the
// rest to the lanes and folds them.
func lanes() {
	acc, x, y := vecs(0, 4), vecs(4, 4), vecs(8, 4)
	reduce := func(name, signature, doc string, params []string, body func(i int)) {
		fn(name+"NEON", signature, doc+"; the length of x is a multiple of 16.")
		loadBases(append([]string{"lanes"}, params...)...)
		paramLen("x", count)
		sixteen("FLDPQ", pointer(0), acc)
		ins("CBZ", count, "end")
		label("more")
		for i := range params {
			sixteen("FLDPQ", pointer(1+i), vecs(4+4*i, 4))
		}
		for i := range acc {
			body(i)
		}
		for i := range params {
			ins("ADD", imm(64), pointer(1+i))
		}
		ins("SUBS", imm(16), count)
		ins("BNE", "more")
		label("end")
		sixteen("FSTPQ", pointer(0), acc)
		ins("RET")
	}
	one := []string{"x"}
	reduce("sum", "func(lanes, x []float32)", "adds x[i] to lanes[i mod 16]", one,
		func(i int) { add(acc[i], acc[i], x[i]) })
	reduce("sumSq", "func(lanes, x []float32)", "adds x[i]² to lanes[i mod 16]", one,
		func(i int) { fma(acc[i], x[i], x[i]) })
	reduce("dot", "func(lanes, x, y []float32)", "adds x[i]·y[i] to lanes[i mod 16]", []string{"x", "y"},
		func(i int) { fma(acc[i], x[i], y[i]) })
	// A NaN wins: x is taken where not acc > x, unless acc is NaN already.
	reduce("max", "func(lanes, x []float32)", "raises lanes[i mod 16] to x[i], or to NaN", one, func(i int) {
		greater, number := vec(12), vec(13)
		above(greater, acc[i], x[i])
		where(x[i], acc[i], greater)
		equal(number, acc[i], acc[i])
		where(acc[i], x[i], number)
	})
}
