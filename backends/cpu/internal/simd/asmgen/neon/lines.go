package main

import "fmt"

// The one-dimensional transforms of F(4×4, 3×3). The order of operations is part of the definition: it
// is that of simd/winograd.go, where they are written as Go.

// factors are what the transforms multiply by. They stay in the last five registers, from which a
// multiply-add takes one by its number.
var factors = []float32{
	1.5, 2, -0.5, -2, 0.5, 4, 0.25, -8, 0.125, 1.0 / 3,
	-16.0 / 15, -8.0 / 15, -4.0 / 15, 1.0 / 15, -2.0 / 15, 4.0 / 15, 2.5,
}

const firstFactor = vec(27)

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

func input4(w *wino, d []vec) []vec {
	e, f := w.sub(d[3], d[1]), w.sub(d[4], d[2])
	p, q := w.sub(d[0], d[2]), w.sub(d[5], d[3])
	s, t := w.add(d[2], d[3]), w.sub(d[3], d[2])
	return []vec{
		w.fma(1.5, e, w.add(p, f)), w.fma(1.5, s, w.add(f, e)),
		w.fma(1.5, t, w.sub(f, e)), w.fma(2, e, w.keep(f)),
		w.fma(-0.5, e, w.keep(f)), w.fma(1.5, f, w.sub(q, e)),
	}
}

func input3(w *wino, d []vec) []vec {
	e, f := w.sub(d[3], d[1]), w.sub(d[2], d[1])
	return []vec{
		w.fma(2, e, w.sub(d[0], d[2])), w.mul(1.5, w.add(w.add(d[2], d[3]), e)),
		w.fma(-0.5, f, w.sub(d[3], d[2])), w.mul(2.5, e), w.fma(-0.5, e, w.sub(d[4], d[2])),
	}
}

func output4(w *wino, m []vec) []vec {
	a, b, c := w.add(m[1], m[2]), w.sub(m[1], m[2]), w.add(m[3], m[4])
	return []vec{
		w.add(w.add(m[0], a), c),
		w.fma(-2, m[4], w.fma(0.5, m[3], w.keep(b))),
		w.fma(4, m[4], w.fma(0.25, m[3], a)),
		w.fma(-8, m[4], w.fma(0.125, m[3], w.add(b, m[5]))),
	}
}

// output3 takes components 0, 1, 2, 3 and 5.
func output3(w *wino, m []vec) []vec {
	a, b := w.add(m[1], m[2]), w.sub(m[1], m[2])
	return []vec{w.add(w.add(m[0], a), m[3]), w.fma(0.5, m[3], b), w.fma(0.25, m[3], w.add(a, m[4]))}
}

func grad4(w *wino, y []vec) []vec {
	a, b := w.add(y[0], y[2]), w.add(y[1], y[3])
	return []vec{
		y[0], w.add(a, b), w.sub(a, b),
		w.fma(0.125, y[3], w.fma(0.25, y[2], w.fma(0.5, y[1], w.keep(y[0])))),
		w.fma(-8, y[3], w.fma(4, y[2], w.fma(-2, y[1], w.keep(y[0])))),
		y[3],
	}
}

func grad3(w *wino, y []vec) []vec {
	a := w.add(y[0], y[2])
	return []vec{
		y[0], w.add(a, y[1]), w.sub(a, y[1]),
		w.fma(0.25, y[2], w.fma(0.5, y[1], w.keep(y[0]))), y[2],
	}
}

func filter(w *wino, g []vec) []vec {
	s := w.add(g[0], g[2])
	return []vec{
		g[0], w.mul(1.0/3, w.add(s, g[1])), w.mul(1.0/3, w.sub(g[1], s)),
		w.fma(-4.0/15, g[2], w.fma(-8.0/15, g[1], w.mul(-16.0/15, g[0]))),
		w.fma(4.0/15, g[2], w.fma(-2.0/15, g[1], w.mul(1.0/15, g[0]))),
		g[2],
	}
}

func filterGrad(w *wino, u []vec) []vec {
	d, s := w.sub(u[1], u[2]), w.add(u[1], u[2])
	return []vec{
		w.fma(1.0/15, u[4], w.fma(-16.0/15, u[3], w.fma(1.0/3, d, u[0]))),
		w.fma(-2.0/15, u[4], w.fma(-8.0/15, u[3], w.mul(1.0/3, s))),
		w.fma(4.0/15, u[4], w.fma(-4.0/15, u[3], w.fma(1.0/3, d, u[5]))),
	}
}
