package product

// Blocking of the gradient of a stem's filters.
const (
	stemLine   = 28  // most elements in a row of taps: two tiles of 14
	stemPixels = 448 // most pixels of one sum
	stemSlabs  = 16
)

// A stemW is the gradient of filters that see few channels. A row of their taps is a short run of
// the input, so the roles are exchanged: tiles hold elements of taps by 32 filters, and read dy where
// it lies and the input from a strip. A chunk sums a slab of rows into [R·S·C][K] of its own; at the
// end the slabs are added and transposed.
type stemW struct {
	e     *Engine
	c     Conv
	p     patches
	x, dy Operand
	out   Output

	rows, blocks int // rows of the output in a block, blocks of all images
	slabs, slab  int // slabs, blocks of each
	partial      []float32
	last         bool
}

// stem reports whether the gradient with respect to w is computed with exchanged roles.
func (c Conv) stem() bool {
	return !c.plain() && c.S*c.C <= stemLine && c.K%cols == 0 && c.Q() >= stripWidth
}

func (e *Engine) gradStem(dw Output, dy, x Operand, c Conv) {
	t := &e.stemW
	*t = stemW{e: e, c: c, p: c.patches(), x: x, dy: dy, out: dw}
	t.rows = max(1, min(t.p.p, stemPixels/t.p.q))
	t.blocks = c.N * ceil(t.p.p, t.rows)
	t.slab = max(1, ceil(t.blocks, stemSlabs))
	t.slabs = ceil(t.blocks, t.slab)
	t.partial = e.share(t.slabs * t.size())
	strip := ((t.rows-1)*t.p.stride + t.p.r) * t.p.stripWide() * t.p.c
	e.reserve(max(strip+t.rows*t.p.q*c.K, tallRows*c.R*c.S*c.C))
	e.pool.Run(t.slabs, t)
	t.last = true
	e.pool.Run(ceil(c.K, tallRows), t)
	*t = stemW{}
}

// size returns the elements of the gradient.
func (t *stemW) size() int { return t.c.K * t.c.R * t.c.S * t.c.C }

// Chunk sums slab i, or finishes rows of filters.
func (t *stemW) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	if t.last {
		t.finish(s, i)
		return
	}
	sum := t.partial[i*t.size() : (i+1)*t.size()]
	clear(sum)
	strip := s.floats(((t.rows-1)*t.p.stride + t.p.r) * t.p.stripWide() * t.p.c)
	grad := s.floats(t.rows * t.p.q * t.c.K)
	each := ceil(t.p.p, t.rows)
	for b := i * t.slab; b < min((i+1)*t.slab, t.blocks); b++ {
		image, o0 := b/each, b%each*t.rows
		o1 := min(o0+t.rows, t.p.p)
		t.p.strip(strip, t.x, image, o0, o1)
		at, n := (image*t.p.p+o0)*t.p.q*t.c.K, (o1-o0)*t.p.q*t.c.K
		dy := grad
		if t.dy.Load == nil {
			dy = t.dy.Data[at : at+n]
		} else {
			t.dy.run(grad[:n], at, t.c.K)
		}
		t.block(s, sum, strip, dy, o0, o1)
	}
}

// block adds rows [o0, o1) of one image.
func (t *stemW) block(s *slot, sum, strip, dy []float32, o0, o1 int) {
	p, k, line := &t.p, t.c.K, t.p.s*t.p.c
	w := &s.w
	w.Cols, w.LDA, w.RowA = p.q, 4*p.stride*p.c, 4*p.stride*p.stripWide()*p.c
	w.LDB, w.RowB, w.LDC, w.Add = 4*k, 4*p.q*k, 4*k, 1
	pieces, size, big := split(line, t.e.kern.Rows)
	for r := range p.r {
		// Only rows whose tap r lies on the image.
		lo := max(o0, ceil(max(0, p.top-r), p.stride))
		hi := min(o1, (p.h-1+p.top-r+p.stride)/p.stride)
		if w.Rows = hi - lo; w.Rows <= 0 {
			continue
		}
		for n := 0; n < k; n += cols {
			w.B = &dy[(lo-o0)*p.q*k+n]
			for i, e := 0, 0; i < pieces; i++ {
				m := size
				if i < big {
					m++
				}
				w.A = &strip[((lo-o0)*p.stride+r)*p.stripWide()*p.c+e]
				w.C = &sum[(r*line+e)*k+n]
				t.e.kern.W[m](w)
				e += m
			}
		}
	}
}

// finish adds the slabs of up to tallRows filters, in order, and stores them as [k][r·s·c].
func (t *stemW) finish(s *slot, chunk int) {
	k0, k1 := chunk*tallRows, min((chunk+1)*tallRows, t.c.K)
	wide := t.c.R * t.c.S * t.c.C
	tile := Tile{Data: s.floats((k1 - k0) * wide), Pitch: wide, Row: k0, Rows: k1 - k0, Cols: wide, Chunk: chunk}
	add := t.out.Data != nil && t.out.Add
	if t.out.Data != nil {
		tile.Data = t.out.Data[k0*wide : k1*wide]
	}
	for e := range wide {
		sum := t.partial[e*t.c.K+k0 : e*t.c.K+k1]
		for slab := 1; slab < t.slabs; slab++ {
			addRows(sum, t.partial[slab*t.size()+e*t.c.K+k0:], true)
		}
		for k, v := range sum {
			if add {
				v += tile.Data[k*wide+e]
			}
			tile.Data[k*wide+e] = v
		}
	}
	if t.out.Done != nil {
		t.out.Done(tile)
	}
}
