package product

// A gradM is the gradient of filters by the matrix unit, dw [K, R·S·C] = Σ dy·x over pixels; and any
// product out [M, N] = aᵀ·b whose operands are stored depth-major, as that of filters of one tap is.
// Depth is pixels here. The unit wants one operand as rows of it, the other as rows of pairs: so
// pixels are brought into pairs, and those of dy are turned.
//
// A pair is two images, pixel by pixel, so that no shift by a filter tap splits one. Where a row of
// two images would not fill a step of depth, more pairs stand side by side. Of a matrix, neighboring
// rows are pairs.
//
//	dy    [rows][deep] pairs, [down] each; turned [down] filters, [rows·deep] each
//	x     [tall][stride][wide][nb/2] pairs, [across] each
//
// A task sums a rectangle of filters by channels over a slab of units: some rows of some images.
type gradM struct {
	e     *Engine
	dy, x Operand
	p     patches
	k     int  // filters
	flat  bool // x is a matrix, or its patches are gathered into one
	taps  int  // that are summed apart
	width int  // channels that each of them sums

	images, nb   int // images, and side by side
	rows, blocks int // rows of the output in a unit, blocks of an image
	tall, wide   int // of the strip
	deep         int // pairs of a row of the output, rounded up to steps

	across, down       int // channels and filters of a task
	units, slabs, slab int // units, slabs, units of each
	partial            []float32
	offA, offB         []int
}

// Blocking of gradients of filters.
const (
	rectangle  = 150 << 10 // most sums of a task, 600 KiB
	unitPixels = 512       // most pixels of a unit
	slabPixels = 1024      // least pixels of a slab
)

// gradMatrix computes the gradient of the filters that see patches p; dy has k columns.
func (e *Engine) gradMatrix(out Output, dy, x Operand, p patches, images, k int) {
	t := &e.gradM
	*t = gradM{e: e, dy: dy, x: x, p: p, k: k, images: images}
	t.plan()
	if k == 0 || t.width == 0 {
		return
	}
	if t.down < k || t.flat && p.r*p.s > 1 {
		t.x = e.madeHalf(x, 0, images*p.h*p.w*p.c, p.c)
	}
	if t.across < t.width {
		t.dy = e.madeHalf(dy, 1, images*p.p*p.q*k, k)
	}
	n := t.taps * t.width
	t.partial = e.share(t.slabs * k * n)
	e.off = t.offsets(e.off)
	e.reserve(t.memory())
	e.pool.Run(ceil(k, t.down)*ceil(t.width, t.across)*t.slabs, t)
	partial := t.partial
	*t = gradM{}
	e.slabs = slabTask{out: out, partial: partial, m: k, n: n}
	e.pool.Run(ceil(k, tallRows), &e.slabs)
	e.slabs = slabTask{}
}

// plan cuts the work, by shape alone.
func (t *gradM) plan() {
	p := &t.p
	taps := p.r * p.s
	t.flat = taps == 1 && p.stride == 1 && p.top == 0 && p.left == 0 || p.c < lot || p.stride > 2
	t.taps, t.width = taps, p.c
	pixels := t.images * p.p * p.q
	if t.flat { // one row of all pixels
		t.taps, t.width = 1, taps*p.c
		t.nb, t.rows, t.tall, t.deep = 1, 1, 1, unitPixels/2
		t.units = ceil(pixels, unitPixels)
	} else {
		t.nb = 2
		for t.nb < min(t.images, 32) && (p.q*t.nb < 28 || p.p*p.q*t.nb < unitPixels) {
			t.nb *= 2
		}
		t.deep = ceil(p.q*t.nb/2, 16) * 16
		t.wide = ceil((p.q-1)*p.stride+p.s, p.stride)
		t.blocks = ceil(p.p, max(1, min(p.p, unitPixels/2/t.deep)))
		t.rows = ceil(p.p, max(t.blocks, 1))
		t.tall = (t.rows-1)*p.stride + p.r
		t.units = ceil(t.images, t.nb) * t.blocks
	}
	t.across, t.down = ceil(t.width, lot)*lot, ceil(t.k, lot)*lot
	for t.across*t.down*t.taps > rectangle && max(t.across, t.down) > lot {
		if t.down > lot && t.down >= t.across/2 { // x, with its halo, costs more to bring into pairs
			t.down = ceil(t.down/2, lot) * lot
		} else {
			t.across = ceil(t.across/2, lot) * lot
		}
	}
	tasks := max(1, ceil(t.width, max(t.across, 1))*ceil(t.k, max(t.down, 1)))
	t.slabs = max(1, min(ceil(leastWork, tasks), pixels/slabPixels, t.units))
	t.slab = ceil(t.units, t.slabs)
	t.slabs = max(1, ceil(t.units, max(t.slab, 1)))
}

// row is the pairs in a row of a strip.
func (t *gradM) row() int { return t.p.stride * t.wide * t.nb / 2 }

// strip is the pairs of x that a unit has; what a step reads behind the last one is there too.
func (t *gradM) strip() int {
	if t.flat {
		return t.deep
	}
	return t.tall*t.row() + t.deep
}

// line is the elements of what is loaded at a time: a row of a map, or rows of a matrix.
func (t *gradM) line() int { return max(t.p.w*t.p.c, t.p.q*t.k, 2*t.width, 2*t.k, mostLoad) }

// memory is the float32 elements, that is pairs, that a task needs.
func (t *gradM) memory() int {
	return 2*t.rows*t.deep*t.down + t.strip()*t.across + t.line() + mostLoad
}

// offsets fills the tables of where rows of the output are in dy and in the strip.
func (t *gradM) offsets(table []int) []int {
	table = table[:0]
	for o := range t.rows {
		table = append(table, 4*o*t.deep)
	}
	for o := range t.rows {
		table = append(table, 4*o*t.p.stride*t.row()*t.across)
	}
	t.offA, t.offB = table[:t.rows], table[t.rows:]
	return table
}

// A rectM is the rectangle of a task and its scratch.
type rectM struct {
	k0, k1, c0, c1    int
	dy, turned, strip []uint16 // pairs
	lines             [2][]uint16
	tmp               []float32
}

// Chunk sums a rectangle over a slab.
func (t *gradM) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	slab, i := i%t.slabs, i/t.slabs
	each := ceil(t.width, t.across)
	k0, c0 := i/each*t.down, i%each*t.across
	r := rectM{k0: k0, k1: min(k0+t.down, t.k), c0: c0, c1: min(c0+t.across, t.width)}
	pairs := t.rows * t.deep * t.down
	r.dy, r.turned, r.strip = s.halves(2*pairs), s.halves(2*pairs), s.halves(2*t.strip()*t.across)
	for i := range r.lines {
		r.lines[i] = s.halves(t.line())
	}
	r.tmp = s.floats(mostLoad)
	out := t.partial[slab*t.k*t.taps*t.width:]
	for u := slab * t.slab; u < min((slab+1)*t.slab, t.units); u++ {
		rows := 1
		if t.flat {
			t.pixels(&r, u)
		} else {
			rows = t.maps(&r, u)
		}
		t.e.mat.TurnPairs(word(r.turned), word(r.dy), t.rows*t.deep, t.down, r.k1-r.k0, rows*t.deep)
		t.sums(s, &r, out, rows, u > slab*t.slab)
	}
	if t.units == 0 {
		for row := r.k0 * t.taps; row < r.k1*t.taps; row++ {
			clear(out[row*t.width:][r.c0:r.c1])
		}
	}
}

// sums adds the products of a unit: 32 filters by 32 channels of one tap at a time. All filters are
// one call, as configuring the unit costs some three steps, and the channels' pairs stay in L1.
func (t *gradM) sums(s *slot, r *rectM, out []float32, rows int, add bool) {
	m := &s.m
	m.Segments, m.OffA, m.OffB, m.Steps = rows, &t.offA[0], &t.offB[0], t.deep/16
	m.LDA, m.LDB, m.LDC, m.Add = 4*t.rows*t.deep, 4*t.across, 4*t.taps*t.width, 0
	if add {
		m.Add = 1
	}
	m.StepA, m.StepC = lot*m.LDA, lot*m.LDC
	some := max(1, mostSteps/(rows*m.Steps))
	for c := r.c0; c < r.c1; c += lot {
		for tap := range t.taps {
			at := 0
			if !t.flat {
				y, x := tap/t.p.s, tap%t.p.s
				at = y*t.row() + (x%t.p.stride*t.wide+x/t.p.stride)*t.nb/2
			}
			m.B = &r.strip[2*(at*t.across+c-r.c0)]
			for k := r.k0; k < r.k1; k += lot * m.Blocks {
				m.A, m.C = &r.turned[2*(k-r.k0)*t.rows*t.deep], &out[(k*t.taps+tap)*t.width+c]
				m.Blocks = max(1, min((r.k1-k)/lot, some))
				t.e.tile(m, min(lot, r.k1-k), min(lot, r.c1-c))
			}
		}
	}
}

// pixels readies unit u of a matrix: some rows of both operands.
func (t *gradM) pixels(r *rectM, u int) {
	row := u * unitPixels
	rows := min(unitPixels, t.images*t.p.p*t.p.q-row)
	t.matrix(r, r.dy, t.down, t.dy, nil, t.k, row, rows, r.k0, r.k1-r.k0)
	var im *patches
	if t.taps*t.width != t.p.c || t.p.stride > 1 || t.p.top != 0 || t.p.left != 0 {
		im = &t.p
	}
	t.matrix(r, r.strip, t.across, t.x, im, t.width, row, rows, r.c0, r.c1-r.c0)
}

// matrix brings rows of columns [col, col+n) of a matrix of pitch columns into pairs, ld apart, and
// adds zeros up to t.deep.
func (t *gradM) matrix(r *rectM, dst []uint16, ld int, x Operand, im *patches, pitch, row, rows, col, n int) {
	clear(dst[2*(rows/2)*ld : 2*t.deep*ld])
	for done := 0; done < rows; {
		src, step, some := x.Half, pitch, rows-done
		if x.Half == nil || im != nil {
			some = min(some, max(2, len(r.lines[0])/pitch&^1))
			src, step = r.lines[0], n
			if im != nil {
				step = pitch
				im.gatherHalf(t.e, src, step, x, row+done, some, r.tmp)
				src = src[col:]
			} else {
				t.e.narrowRows(src, step, x, pitch, row+done, some, col, n, r.tmp)
			}
		} else {
			src = src[row*pitch+col:]
		}
		if some > 1 {
			t.e.mat.Interleave(&dst[done*ld], &src[0], &src[step], n, some/2, 2*ld, 2*step)
		}
		if some&1 != 0 { // the last row of all, beside zeros
			last := dst[(done+some-1)*ld:]
			for i, v := range src[(some-1)*step:][:n] {
				last[2*i] = v
			}
		}
		done += some
	}
}

// maps readies unit u of maps, and returns its rows of the output.
func (t *gradM) maps(r *rectM, u int) int {
	first, o0 := u/t.blocks*t.nb, u%t.blocks*t.rows
	rows := min(t.rows, t.p.p-o0)
	for o := range rows {
		row := r.dy[2*o*t.deep*t.down:][:2*t.deep*t.down]
		clear(row[t.p.q*t.nb*t.down:])
		for pair := range t.nb / 2 {
			lo, hi := t.two(r, t.dy, first+2*pair, (o0+o)*t.p.q*t.k, t.p.p*t.p.q*t.k, t.p.q*t.k, t.k)
			t.e.mat.Interleave(&row[2*pair*t.down], &lo[r.k0], &hi[r.k0], r.k1-r.k0, t.p.q, t.nb*t.down, t.k)
		}
	}
	line := 2 * t.row() * t.across
	for y := range (rows-1)*t.p.stride + t.p.r {
		row := r.strip[y*line:][:line]
		h := o0*t.p.stride - t.p.top + y
		if h < 0 || h >= t.p.h {
			clear(row)
			continue
		}
		for pair := range t.nb / 2 {
			lo, hi := t.two(r, t.x, first+2*pair, h*t.p.w*t.p.c, t.p.h*t.p.w*t.p.c, t.p.w*t.p.c, t.p.c)
			t.pairsOf(r, row, lo, hi, pair)
		}
	}
	clear(r.strip[((rows-1)*t.p.stride+t.p.r)*line:][:2*t.deep*t.across])
	return rows
}

// two returns a line of n elements of image i and of the next, zeros where there is none.
func (t *gradM) two(r *rectM, x Operand, i, at, image, n, c int) (lo, hi []uint16) {
	line := func(which, i int) []uint16 {
		if i < t.images && x.Half != nil {
			return x.Half[i*image+at:][:n]
		}
		l := r.lines[which][:n]
		if i >= t.images {
			clear(l)
		} else {
			t.e.narrowRun(l, x, i*image+at, c, r.tmp)
		}
		return l
	}
	return line(0, i), line(1, i+1)
}

// pairsOf puts a row of two maps where its pixels belong in a row of the strip, zeros beside them.
func (t *gradM) pairsOf(r *rectM, row, lo, hi []uint16, pair int) {
	p, half := &t.p, t.nb/2
	for plane := range p.stride {
		// Pixels of this plane are plane − left + stride·i; those on the map are [i0, i1).
		i0 := max(0, ceil(max(0, p.left-plane), p.stride))
		i1 := max(i0, min(t.wide, ceil(max(0, p.w+p.left-plane), p.stride)))
		at := func(i int) []uint16 { return row[2*((plane*t.wide+i)*half+pair)*t.across:] }
		for i := range t.wide {
			if i < i0 || i >= i1 {
				clear(at(i)[:2*(r.c1-r.c0)])
			}
		}
		if i1 > i0 {
			from := (plane-p.left+i0*p.stride)*p.c + r.c0
			t.e.mat.Interleave(&at(i0)[0], &lo[from], &hi[from], r.c1-r.c0, i1-i0, 2*half*t.across, p.stride*p.c)
		}
	}
}
