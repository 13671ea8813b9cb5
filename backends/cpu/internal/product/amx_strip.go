package product

// A stripM is a convolution by the matrix unit that reads the map itself, tap by tap. A task copies
// what some rows of the output see of some images into a strip of bf16 pixels, in an order in which
// any 16 neighboring outputs of a row, through any tap, are rows of one pitch: pixels of one row,
// those of each parity apart where the stride is two, and images side by side, pixel by pixel, where
// a row of one image would not fill the unit.
//
//	strip [sub][tall][stride][wide][nb][c]        sums [sub][rows·down][columns][nb][group]
//
// The gradient with respect to the map is such a convolution in each of its phases; all of a task's
// phases read one strip.
type stripM struct {
	e      *Engine
	x      Operand
	packed []uint16
	out    Output

	images, nb, sub int // images; side by side; such groups of a task
	h, w, c         int // of the map
	stride          int
	n, group        int // columns of the output, and of a task
	oh, ow          int // of the output, whose phases are down apart
	down            int
	phases          [4]phaseM
	parts           int // phases in use

	rows, blocks int // rows of a phase in a block, blocks
	groups       int // of images
	top, left    int // of the strip, before a block's first window
	tall, wide   int // of the strip; wide is that of one parity
	offA, offB   []int
}

// A phaseM is a phase and where its filters are.
type phaseM struct {
	phase
	at   int // its panels in the packed filters
	offA int // its first offset
}

// forwardStrip is the forward pass as a strip.
func (c Conv) forwardStrip() (t stripM) {
	f := phase{patches: c.patches(), rows: c.P(), columns: c.Q()}
	t = stripM{images: c.N, h: c.H, w: c.W, c: c.C, stride: c.Stride, n: c.K, oh: c.P(), ow: c.Q(), down: 1, parts: 1}
	t.phases[0].phase = f
	t.plan(c.R * c.S * c.C)
	return t
}

// gradStrip is the gradient with respect to x as a strip.
func (c Conv) gradStrip() (t stripM) {
	t = stripM{images: c.N, h: c.P(), w: c.Q(), c: c.K, stride: 1, n: c.C, oh: c.H, ow: c.W, down: c.Stride, parts: c.phases()}
	at := 0
	for i := range t.parts {
		f := c.phase(i)
		t.phases[i] = phaseM{phase: f, at: at}
		at += 2 * packedHalf(c.C, f.r*f.s*c.K)
	}
	t.plan(c.R * c.S * c.K / (c.Stride * c.Stride))
	return t
}

// plan cuts the work into tasks, by shape alone.
func (t *stripM) plan(depth int) {
	high, across, reach, span := 0, 0, 0, 0
	t.top, t.left = 0, 0
	for _, f := range t.phases[:t.parts] {
		t.top, t.left = max(t.top, f.top), max(t.left, f.left)
		reach, span = max(reach, f.r-f.top), max(span, f.s-f.left)
		high, across = max(high, f.rows), max(across, f.columns)
	}
	t.wide = ceil((across-1)*t.stride+max(span, 1)+t.left, t.stride)
	t.group = panels(t.n) * cols
	// Small maps: several images at a time, so that panels that come from L3 meet 256 outputs.
	t.nb, t.sub = 1, 1
	images := 1
	for images < t.images && (across*images < 24 || high*across*t.down*t.down*images < 256) {
		images *= 2
	}
	images = min(images, max(t.images, 1))
	if t.down == 1 {
		t.nb = images
	} else {
		t.sub = images
	}
	pixels := t.down * t.down * across * images
	for t.group > 4*cols && high*pixels*t.group > taskSums && images > 1 {
		t.group = ceil(t.group/2, cols) * cols
	}
	t.rows = high
	fits := func() bool {
		t.tall = (t.rows-1)*t.stride + reach + t.top
		return t.rows*pixels*t.group <= taskSums && t.tall*t.stride*t.wide*images*t.c <= taskStrip
	}
	for pieces := 2; !fits() && t.rows > 1; pieces++ {
		t.rows = ceil(high, pieces)
	}
	t.blocks, t.groups = ceil(high, max(t.rows, 1)), ceil(t.images, images)
	for t.groups*t.blocks*ceil(t.n, max(t.group, 1)) < leastWork && t.group > 4*cols {
		t.group = ceil(t.group/2, cols) * cols
	}
	fits()
}

// offsets fills the tables of where taps are in the strip and in panels.
func (t *stripM) offsets(table []int) []int {
	table = table[:0]
	most := 0
	for i := range t.parts {
		f := &t.phases[i]
		f.offA = len(table)
		for r := range f.r {
			for s := range f.s {
				x := s - f.left + t.left
				table = append(table, 2*((r*t.stride+x%t.stride)*t.wide+x/t.stride)*t.nb*t.c)
			}
		}
		most = max(most, f.r*f.s)
	}
	t.offA = table
	for i := range most {
		table = append(table, i*t.c*2*cols)
	}
	t.offB = table[len(t.offA):]
	return table
}

// runStripM computes an output whose geometry t holds.
func (e *Engine) runStripM(t stripM, out Output, x Operand, packed []float32) {
	if t.images == 0 || t.n == 0 || t.oh == 0 || t.ow == 0 {
		return
	}
	if t.group < t.n {
		x = e.madeHalf(x, 0, t.images*t.h*t.w*t.c, t.c)
	}
	p := &e.stripM
	*p = t
	p.e, p.out, p.x, p.packed = e, out, x, asHalves(packed)
	e.off = p.offsets(e.off)
	e.reserve(p.sub*(p.stripLen()/2+p.sumsLen()) + t.w*t.c/2 + mostLoad)
	e.pool.Run(p.groups*p.blocks*ceil(p.n, p.group), p)
	*p = stripM{}
}

// row is the elements of a row of a strip, stripLen those of one group of images.
func (t *stripM) row() int      { return t.stride * t.wide * t.nb * t.c }
func (t *stripM) stripLen() int { return t.tall * t.row() }

// sumRow is the outputs in a row of sums, sumsLen the elements of those of one group of images.
func (t *stripM) sumRow() int  { return t.ow * t.nb }
func (t *stripM) sumsLen() int { return t.rows * t.down * t.sumRow() * t.group }

// Chunk computes task i. Neighbors in time share the columns, whose panels are then in cache.
func (t *stripM) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	unit, n0 := i%(t.groups*t.blocks), i/(t.groups*t.blocks)*t.group
	first, i0 := unit/t.blocks*t.nb*t.sub, unit%t.blocks*t.rows
	strip, sums := s.halves(t.sub*t.stripLen()), s.floats(t.sub*t.sumsLen())
	line, tmp := s.halves(t.w*t.c), s.floats(mostLoad)
	for sub := range t.sub {
		t.fill(strip[sub*t.stripLen():][:t.stripLen()], first+sub*t.nb, i0, line, tmp)
	}
	n1 := min(n0+t.group, t.n)
	for n := n0; n < n1; n += cols {
		for p := range t.parts {
			for sub := range t.sub {
				t.panel(s, &t.phases[p], sums[sub*t.sumsLen()+n-n0:], strip[sub*t.stripLen():], i0, n)
			}
		}
	}
	o0, o1 := i0*t.down, min((i0+t.rows)*t.down, t.oh)
	for j := range min(t.nb*t.sub, t.images-first) {
		t.out.finish(Tile{
			Data: sums[j/t.nb*t.sumsLen()+j%t.nb*t.group:], Pitch: t.nb * t.group,
			Row: ((first+j)*t.oh + o0) * t.ow, Rows: (o1 - o0) * t.ow, Col: n0, Cols: n1 - n0, Chunk: unit,
		}, t.n)
	}
}

// fill copies what a block of rows sees of nb images.
func (t *stripM) fill(strip []uint16, first, i0 int, line []uint16, tmp []float32) {
	y0 := i0*t.stride - t.top
	seen := min(t.w, t.wide*t.stride-t.left) // pixels of a row
	for j := range min(t.nb, t.images-first) {
		for y := max(y0, 0); y < min(y0+t.tall, t.h); y++ {
			row := strip[(y-y0)*t.row():][:t.row()]
			at := ((first+j)*t.h + y) * t.w * t.c
			if t.nb == 1 && t.stride == 1 {
				clear(row[:t.left*t.c])
				clear(row[(t.left+seen)*t.c:])
				t.e.narrowRun(row[t.left*t.c:][:seen*t.c], t.x, at, t.c, tmp)
				continue
			}
			src := line[:seen*t.c]
			if t.x.Half != nil {
				src = t.x.Half[at:][:seen*t.c]
			} else {
				t.e.narrowRun(src, t.x, at, t.c, tmp)
			}
			t.spread(row, src, j, seen)
		}
	}
}

// spread puts the pixels of a row of image j where they belong, zeros beside them.
func (t *stripM) spread(row, src []uint16, j, seen int) {
	c := t.c
	for x := range t.wide * t.stride {
		dst := row[((x%t.stride*t.wide+x/t.stride)*t.nb+j)*c:][:c]
		if from := x - t.left; from >= 0 && from < seen {
			copy(dst, src[from*c:][:c])
		} else {
			clear(dst)
		}
	}
}

// panel computes 32 columns of a phase, rows with the same taps on the map at a time.
func (t *stripM) panel(s *slot, f *phaseM, sums []float32, strip []uint16, i0, n int) {
	i1 := min(i0+t.rows, f.rows)
	taps := func(o int) (lo, hi int) { // rows of taps on the map
		return max(0, f.top-o*t.stride), min(f.r, t.h+f.top-o*t.stride)
	}
	for o := i0; o < i1; {
		lo, hi := taps(o)
		end := o + 1
		for end < i1 {
			if l, h := taps(end); l != lo || h != hi {
				break
			}
			end++
		}
		if hi <= lo || f.s == 0 {
			t.clear(f, sums, o-i0, end-i0)
		} else {
			t.rowsOf(s, f, sums, strip, o-i0, end-i0, lo, hi, n)
		}
		o = end
	}
}

// place is where output (o, j) of a phase is in the sums, o and j counted from the block's first.
func (t *stripM) place(f *phaseM, o, j int) int {
	return (((o*t.down+f.h0)*t.ow+f.w0)*t.nb + j*t.down) * t.group
}

// clear sets rows [o, end) of a phase to zero: no tap reaches the map.
func (t *stripM) clear(f *phaseM, sums []float32, o, end int) {
	for ; o < end; o++ {
		for j := range f.columns * t.nb {
			clear(sums[t.place(f, o, j):][:cols])
		}
	}
}

// rowsOf computes rows [o, end) of a phase for the tap rows [lo, hi).
func (t *stripM) rowsOf(s *slot, f *phaseM, sums []float32, strip []uint16, o, end, lo, hi, n int) {
	m := &s.m
	m.Segments, m.OffA, m.OffB = (hi-lo)*f.s, &t.offA[f.offA+lo*f.s], &t.offB[0]
	m.Steps, m.Add = t.c/lot, 0
	m.LDA, m.StepA = 2*t.c, 2*t.stride*t.row()
	m.B, m.LDB = &t.packed[f.at+n*f.r*f.s*t.c+lo*f.s*t.c*cols], 4*cols
	m.LDC, m.StepC = 4*t.down*t.group, 4*t.down*t.sumRow()*t.group
	some := max(1, mostSteps/(m.Segments*m.Steps))
	for j := 0; j < f.columns*t.nb; j += lot {
		for r := o; r < end; r += some {
			m.Blocks = min(some, end-r)
			m.A = &strip[(r*t.stride-f.top+t.top)*t.row()+j*t.c]
			m.C = &sums[t.place(f, r, j)]
			t.e.tile(m, min(lot, f.columns*t.nb-j), cols)
		}
	}
}
