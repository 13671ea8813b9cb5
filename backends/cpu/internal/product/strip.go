package product

// Blocking of convolution over strips.
const (
	stripWidth  = 8        // outputs in a row below which tiles would be too low: patches are gathered
	stripPixels = 896      // most output pixels of a chunk
	stripMost   = 96 << 10 // elements of a strip, 384 KiB
)

// A stripF is a direct convolution whose tiles read the map itself: a tile is up to 14 neighbors in
// one row of the output, and the filter taps are walked inside the kernel. The only copy is a strip
// of rows with a halo of zeros. A chunk is a group of filters of a block of rows of one image.
type stripF struct {
	e      *Engine
	p      patches // geometry; p.p rows of p.q outputs an image
	x      Operand
	packed []float32
	out    Output
	n      int // columns of the output: filters, or channels of dx

	// Output (o, j) of image i is the pixel i·image + (o·down + top)·wide + j·down + left.
	image, wide, down, top, left int

	images, blocks, rows int // row blocks of an image, rows of each
	group                int // columns of a chunk
	off                  []int
}

// strips reports whether a convolution with these patches is computed over strips.
func (p *patches) strips() bool {
	return p.q >= stripWidth && p.r > 0 && p.s > 0 && p.stride*p.c*4%4096 != 0
}

// stripWide returns the pixels in a row of a strip.
func (p *patches) stripWide() int { return (p.q-1)*p.stride + p.s }

// stripRows returns the rows of the output that a chunk takes, a function of the shape.
func (p *patches) stripRows() int {
	most := (stripMost/(p.stripWide()*p.c)-p.r)/p.stride + 1
	return max(1, min(p.p, stripPixels/p.q, most))
}

// runStrips computes an output whose geometry t holds.
func (e *Engine) runStrips(t stripF, images int) {
	s := &e.stripF
	*s = t
	s.e, s.images, s.off = e, images, s.off[:0]
	s.rows = s.p.stripRows()
	s.blocks = ceil(s.p.p, s.rows)
	for s.group = 1024; s.group > 128 && images*s.blocks*ceil(s.n, s.group) < wantTasks; {
		s.group /= 2
	}
	if cap(e.off) < s.p.r {
		e.off = make([]int, s.p.r)
	}
	s.off = e.off[:s.p.r]
	for r := range s.off {
		s.off[r] = 4 * r * s.p.stripWide() * s.p.c
	}
	e.reserve(s.stripLen() + s.p.q*cols)
	e.pool.Run(images*s.blocks*ceil(s.n, s.group), s)
	*s = stripF{}
}

func (t *stripF) stripLen() int {
	return ((t.rows-1)*t.p.stride + t.p.r) * t.p.stripWide() * t.p.c
}

// Chunk computes chunk i.
func (t *stripF) Chunk(i int) {
	s := t.e.take()
	defer s.free()
	block, n0 := i%(t.images*t.blocks), i/(t.images*t.blocks)*t.group
	n1 := min(n0+t.group, t.n)
	image, o0 := block/t.blocks, block%t.blocks*t.rows
	o1 := min(o0+t.rows, t.p.p)
	strip, edge := s.floats(t.stripLen()), s.floats(t.p.q*cols)
	t.p.strip(strip, t.x, image, o0, o1)
	for n := n0; n < n1; n += cols {
		t.panel(s, strip, edge, image, o0, o1, n, min(cols, n1-n))
	}
	if t.out.Done != nil {
		row := (image*t.p.p + o0) * t.p.q
		t.out.Done(Tile{
			Data: t.out.Data[row*t.n+n0:], Pitch: t.n, Row: row, Rows: (o1 - o0) * t.p.q,
			Col: n0, Cols: n1 - n0, Chunk: block,
		})
	}
}

// strip copies what rows [o0, o1) of the output see of an image; outside it is 0.
func (p *patches) strip(dst []float32, x Operand, image, o0, o1 int) {
	wide := p.stripWide() * p.c
	lo := max(0, p.left) // pixels of halo on the left
	from := max(0, -p.left)
	n := max(0, min(p.w-from, p.stripWide()-lo))
	for r := range (o1-o0-1)*p.stride + p.r {
		row := dst[r*wide:][:wide]
		h := o0*p.stride - p.top + r
		if h < 0 || h >= p.h {
			continue // no tile reads it
		}
		clear(row[:lo*p.c])
		clear(row[(lo+n)*p.c:])
		x.run(row[lo*p.c:][:n*p.c], ((image*p.h+h)*p.w+from)*p.c, p.c)
	}
}

// run copies or loads elements from at on, a number of whole pixels of c channels.
func (x Operand) run(dst []float32, at, c int) {
	if x.Load == nil {
		copy(dst, x.Data[at:])
		return
	}
	for some := max(1, mostLoad/c) * c; len(dst) > 0; {
		n := min(some, len(dst))
		x.Load(dst[:n], at)
		dst, at = dst[n:], at+n
	}
}

// panel computes up to 32 columns of rows [o0, o1), one block of taps after another: the block's
// part of the panel stays in L1 or L2 while all rows pass.
func (t *stripF) panel(s *slot, strip, edge []float32, image, o0, o1, n, wide int) {
	line := t.p.s * t.p.c // a row of taps, contiguous in the strip
	rows, piece := 1, line
	switch {
	case line <= wholeDepth:
		rows = min(t.p.r, wholeDepth/line)
	case t.p.c <= wholeDepth:
		piece = wholeDepth / t.p.c * t.p.c
	default:
		piece = someDepth
	}
	depth := t.p.r * line
	for r := 0; r < t.p.r; r += rows {
		for e := 0; e < line; e += piece {
			b := t.packed[n*depth+(r*line+e)*cols:]
			for o := o0; o < o1; o++ {
				t.row(s, strip, edge, b, image, o, o-o0, r, min(r+rows, t.p.r), e, min(piece, line-e), n, wide)
			}
		}
	}
}

// row computes one row of outputs for the taps [r0, r1) × elements [e, e+depth) of a tap row. Taps
// above or below the image are left out: adding their zeros would change no bit.
func (t *stripF) row(s *slot, strip, edge, b []float32, image, o, at, r0, r1, e, depth, n, wide int) {
	lo := max(0, t.p.top-o*t.p.stride) // first tap on the image
	hi := min(t.p.r, t.p.h+t.p.top-o*t.p.stride)
	ra, rb := max(r0, lo), min(r1, hi)
	c := t.out.Data[(image*t.image+(o*t.down+t.top)*t.wide+t.left)*t.n+n:]
	ldc := t.down * t.n
	first := r0 <= max(0, min(lo, t.p.r-1)) && max(0, min(lo, t.p.r-1)) < r1 && e == 0 // nothing summed yet
	if ra >= rb {
		if hi <= lo && first && !t.out.Add {
			for j := range t.p.q {
				clear(c[j*ldc:][:wide])
			}
		}
		return
	}
	add := t.out.Add || !first
	f := &s.f
	f.Taps, f.Off, f.Depth = rb-ra, &t.off[0], depth
	f.LDA, f.B, f.Add = 4*t.p.stride*t.p.c, &b[(ra-r0)*depth*cols], 0
	a := strip[((at*t.p.stride+ra)*t.p.stripWide())*t.p.c+e:]
	if wide < cols {
		f.LDC = 4 * cols
		t.outputs(s, edge, cols, a)
		for j := range t.p.q {
			addRows(c[j*ldc:][:wide], edge[j*cols:][:wide], add)
		}
		return
	}
	if add {
		f.Add = 1
	}
	f.LDC = 4 * ldc
	t.outputs(s, c, ldc, a)
}

// outputs runs the tiles of one row.
func (t *stripF) outputs(s *slot, c []float32, ldc int, a []float32) {
	pieces, size, big := split(t.p.q, t.e.kern.Rows)
	lda := t.p.stride * t.p.c
	tiles(&t.e.kern.F, &s.f, c, ldc, a, lda, 0, big, size+1)
	tiles(&t.e.kern.F, &s.f, c, ldc, a, lda, big*(size+1), pieces-big, size)
}
