package product

// A unit is a panel of a block of rows and a sweep of the depth.
type unit struct {
	Tile     // the rows, and the columns of a group
	n    int // first column of the panel, from the first of the group
	k0   int // first depth of the sweep
}

// wide returns the columns of a unit.
func (u unit) wide() int { return min(cols, u.Cols-u.n) }

// after returns the unit after u, and whether it belongs to the same chunk. If not it is the first one of
// the next chunk of this thread, if chunks go round; it has no columns if there is none.
func (t *gemmF) after(u unit) (next unit, same bool) {
	if u.n += cols; u.n < u.Cols {
		return u, true
	}
	return t.sweepAfter(u)
}

// sweepAfter returns the first unit of the sweep after that of u, as after does.
func (t *gemmF) sweepAfter(u unit) (next unit, same bool) {
	u.n = 0
	if u.k0 += t.sweep; u.k0 < t.g.K {
		return u, true
	}
	u.k0 = 0
	if next := t.below(u.Tile); next.Rows > 0 {
		return unit{Tile: next}, true
	}
	return unit{Tile: t.first(u.Col/t.group*t.chunks + u.Chunk + t.e.pool.Threads())}, false
}

// share returns the part of the sweep after that of u for which u is to fetch or copy rows, each unit some of
// them, the number of its first row in that sweep, and whether it belongs to the same chunk.
func (t *gemmF) share(u unit) (next unit, row int, same bool) {
	i, all := u.n/cols, panels(u.Cols)
	next, same = t.sweepAfter(u)
	row = next.Rows * i / all
	next.Row, next.Rows = next.Row+row, next.Rows*(i+1)/all-row
	return next, row, same
}

// idleRows is how far copies of a panel are behind its fetching, in pairs of lines.
const idleRows = 16

// prepare has the kernels of unit u fetch what the next one needs, and fetch or copy rows of the next sweep
// and its first panels. What is copied is fetched before: a copy that waits for L3 would hold up the kernel.
// Panels that are only fetched come last, since there may not be time for all of them.
func (w *walk) prepare(u unit) {
	h := &w.s.ahead
	h.clear()
	v, same := w.after(u)
	first := v.Cols > 0 && w.firstUse(v)
	w.full = first && same && !w.g.TransB && v.wide() == cols
	if v.Cols > 0 {
		if w.full {
			w.movePanel(v)
		}
		w.fetchTiles(v, v.n, v.wide())
	}
	w.fetchDone(u, u.n, u.wide())
	rows, row, next := w.share(u)
	if w.moveA && next {
		deep := w.deep(rows.k0)
		h.move(w.other[row*spread(deep):], spread(deep), w.a.Data[rows.Row*w.g.K+rows.k0:], w.g.K, rows.Rows, deep)
		w.ready = u.n+cols >= u.Cols
		if rows = v; v.Cols > 0 {
			rows, _, _ = w.share(v)
		}
	}
	w.fetchRows(rows)
	switch deep := w.deep(v.k0); {
	case first && !same || w.full: // another chunk, whose panels go where those of this one are
	case first && w.g.TransB:
		h.add(w.w.b[(v.Col+v.n)*w.g.K+v.k0:], w.g.K, v.wide(), deep)
		h.add(w.panel(v), 0, 1, deep*cols)
	case first:
		h.add(w.w.b[v.k0*w.g.N+v.Col+v.n:], w.g.N, deep, v.wide())
	case w.far && v.Cols > 0:
		h.add(w.panel(v), 0, 1, deep*cols)
	}
	w.s.f.Ahead, w.s.f.Moves = h.list(), h.moves()
}

// movePanel has the panel of the next unit v packed, where it is needed for the first time. Of a matrix of
// many columns all lines of a panel fall into a few sets of L2. They do not last there, so they are
// fetched and copied in one go, the copies behind by some dummies.
func (w *walk) movePanel(v unit) {
	h, deep := &w.s.ahead, w.deep(v.k0)
	src := w.w.b[v.k0*w.g.N+v.Col+v.n:]
	h.add(src, w.g.N, deep, cols)
	h.move(w.edge, cols, w.edge, cols, idleRows, cols)
	h.move(w.panel(v), cols, src, w.g.N, deep, cols)
}

// fetchSweep has the kernels of a sweep fetch what the next one needs.
func (w *walk) fetchSweep(u unit) {
	w.s.ahead.clear()
	w.fetchDone(u, 0, u.Cols)
	if next, _ := w.sweepAfter(u); next.Cols > 0 {
		w.fetchTiles(next, 0, next.Cols)
		w.fetchRows(next)
	}
	w.s.f.Ahead = w.s.ahead.list()
}

// fetchDone names what is read beside n columns of the result when its last sweep is done.
func (w *walk) fetchDone(u unit, col, n int) {
	if u.k0+w.sweep < w.g.K {
		return
	}
	for _, x := range w.out.Near {
		w.s.ahead.source(x, w.g.N, u.Row, u.Rows, u.Col+col, n)
	}
}

// fetchTiles names n columns of the result.
func (w *walk) fetchTiles(u unit, col, n int) {
	switch col += u.Col; {
	case w.direct():
		w.s.ahead.add(w.out.Data[u.Row*w.g.N+col:], w.g.N, u.Rows, n)
	case w.w.to != nil:
		w.s.ahead.scatter(w.w.to, w.out.Data, w.g.N, u.Row, u.Rows, col, n)
	}
}

// fetchRows names rows of a sweep.
func (w *walk) fetchRows(u unit) {
	switch deep := w.deep(u.k0); {
	case u.Cols <= 0:
	case w.w.im != nil:
		w.s.ahead.patches(w.w.im, w.a, u.Row, u.Rows, u.k0, deep)
	default:
		w.s.ahead.operand(w.a, w.g.K, u.Row, u.Rows, u.k0, deep)
	}
}
