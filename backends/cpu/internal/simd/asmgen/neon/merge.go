package main

import "fmt"

// merge emits the float64 stage of moments, two columns in a register: no operation is fused, so that
// Go rounds alike.
func merge() {
	fn("mergeNEON", "func(mean, m2 []float64, sums, squares, pivots []float32, share, each, cross float64)",
		"is Merge for a multiple of 8 columns.")
	loadBases("mean", "m2", "sums", "squares", "pivots")
	share, each, cross := vec(16), vec(17), vec(18)
	for i, s := range []string{"share", "each", "cross"} {
		v := vec(16 + i)
		ins("FMOVD", address(frame.Params().Lookup(s)), v.f())
		ins("VDUP", fmt.Sprintf("V%d.D[0]", int(v)), v.d2())
	}
	whole(8, func() {
		for i := range 4 {
			d, q, t, delta, old := vec(0), vec(1), vec(2), vec(3), vec(4)
			for j, v := range []vec{d, q, delta} {
				ins("FMOVD", mem{pointer(2 + j), 8 * i}, v.f())
				double(v, v)
			}
			wide := func(p int) mem { return mem{pointer(p), 16 * i} }
			mulDouble(t, d, each)
			addDouble(delta, delta, t)
			ins("FMOVQ", wide(0), old.f())
			subDouble(delta, delta, old)
			mulDouble(d, d, t)
			subDouble(q, q, d) // Σd² - (Σd)²/n
			mulDouble(t, delta, cross)
			mulDouble(t, t, delta)
			addDouble(q, q, t)
			ins("FMOVQ", wide(1), t.f())
			addDouble(q, q, t)
			ins("FMOVQ", q.f(), wide(1))
			mulDouble(delta, delta, share)
			addDouble(delta, delta, old)
			ins("FMOVQ", delta.f(), wide(0))
		}
		advance(64, 64, 32, 32, 32)
	})
}

// rebase emits the change of pivots.
func rebase() {
	fn("rebaseNEON", "func(sums, squares, pivots []float32, n float32)", "is Rebase.")
	loadBases("sums", "squares", "pivots")
	const n = vec(31)
	paramFloat("n", n)
	spreadFirst(n)
	each(3, 1, 5, func(p place) {
		sum, was, pivot, s, t := p.regs[0], p.regs[1], p.regs[2], p.regs[3], p.regs[4]
		p.in(sum, 0)
		p.in(was, 2)
		div(pivot, sum, n)
		add(pivot, was, pivot)
		p.out(pivot, 2)
		sub(s, pivot, was)
		mul(t, n, s) // n·s
		add(was, sum, sum)
		sub(was, was, t)
		mul(was, s, was)
		sub(sum, sum, t)
		p.out(sum, 0)
		p.in(s, 1)
		sub(s, s, was)
		p.out(s, 1)
	})
	ins("RET")
}
