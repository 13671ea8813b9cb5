package product

// Patches is the matrix whose row i holds what the filters see at output pixel i: [N·P·Q, R·S·C] of
// a map [N, H, W, C]. It is never stored; blocks of it are gathered where a product reads them.
// Pixels outside the map are 0.
type patches struct {
	h, w, c   int // of the map
	p, q      int // grid of windows
	r, s      int // taps of a window
	stride    int
	top, left int // the first window starts at row −top and column −left; may be negative
}

// of returns the patches of x in the forward pass.
func (c Conv) patches() patches {
	return patches{h: c.H, w: c.W, c: c.C, p: c.P(), q: c.Q(), r: c.R, s: c.S, stride: c.Stride, top: c.Pad, left: c.Pad}
}

// gather writes rows [row, row+rows) and columns [col, col+n) into dst, ld elements apart.
func (p *patches) gather(dst []float32, ld int, x Operand, row, rows, col, n int) {
	line := p.s * p.c // a row of taps, contiguous in the map but for its edges
	pixel := row % (p.p * p.q)
	image, oh, ow := row/(p.p*p.q), pixel/p.q, pixel%p.q
	for i := range rows {
		d := dst[i*ld:][:n]
		for at := col; at < col+n; {
			r := at / line
			end := min((r+1)*line, col+n)
			p.taps(d[at-col:end-col], x, image*p.h, oh*p.stride+r-p.top, ow*p.stride-p.left, at-r*line)
			at = end
		}
		if ow++; ow == p.q {
			if ow, oh = 0, oh+1; oh == p.p {
				oh, image = 0, image+1
			}
		}
	}
}

// taps writes len(dst) elements of row h of an image that starts at row h0, from element off of the
// window at column w on.
func (p *patches) taps(dst []float32, x Operand, h0, h, w, off int) {
	if h < 0 || h >= p.h {
		clear(dst)
		return
	}
	from := w*p.c + off
	to := from + len(dst)
	lo, hi := min(max(0, -from), len(dst)), max(0, to-p.w*p.c)
	hi = max(lo, len(dst)-hi)
	clear(dst[:lo])
	clear(dst[hi:])
	if lo >= hi {
		return
	}
	at := (h0+h)*p.w*p.c + from
	if x.Load != nil {
		x.Load(dst[lo:hi], at+lo)
		return
	}
	copy(dst[lo:hi], x.Data[at+lo:at+hi])
}

// made returns x as stored elements, pixels of c channels. Gathering patches reads each pixel many
// times, in short runs, for which making it anew would cost more than a pass over memory.
func (e *Engine) made(x Operand, n, c int) Operand {
	if x.Load == nil {
		return x
	}
	if len(e.operand) < n {
		e.operand = e.grow(e.operand, n)
	}
	e.make = makeTask{x: x, dst: e.operand[:n], each: max(1, mostLoad/c) * c}
	e.pool.Run(ceil(n, e.make.each), &e.make)
	e.make = makeTask{}
	return Operand{Data: e.operand[:n]}
}

// A makeTask loads an operand, some whole pixels per chunk.
type makeTask struct {
	x    Operand
	dst  []float32
	each int
}

// Chunk loads elements from i·each on.
func (t *makeTask) Chunk(i int) {
	at := i * t.each
	t.x.Load(t.dst[at:min(at+t.each, len(t.dst))], at)
}

// A phase is the part of dx whose rows and columns see the same filter taps: with a stride, a pixel
// is reached through every stride-th tap only. Its gradient is a stride-1 convolution of dy.
type phase struct {
	patches              // of dy
	h0, w0           int // first row and column of dx
	rows, columns    int // of dx in the phase
	tapR, tapS, step int // taps are tapR, tapR+step, … walked downwards
}

// phases returns the number of phases of a gradient with respect to x.
func (c Conv) phases() int { return c.Stride * c.Stride }

// phase returns phase i.
func (c Conv) phase(i int) phase {
	f := phase{tapR: i / c.Stride, tapS: i % c.Stride, step: c.Stride}
	f.h0, f.rows, f.r, f.top = c.axis(f.tapR, c.H, c.R)
	f.w0, f.columns, f.s, f.left = c.axis(f.tapS, c.W, c.S)
	f.h, f.w, f.c, f.stride = c.P(), c.Q(), c.K, 1
	f.p, f.q = f.rows, f.columns
	return f
}

// axis returns, for the taps that are tap modulo the stride along an axis of dx with n elements and
// k taps: the first element, how many there are, the number of taps, and where the first window of
// dy starts. Element h is reached from output (h + Pad − r)/Stride through tap r.
func (c Conv) axis(tap, n, k int) (first, count, taps, before int) {
	first = ((tap-c.Pad)%c.Stride + c.Stride) % c.Stride
	count = max(0, ceil(n-first, c.Stride))
	taps = max(0, ceil(k-tap, c.Stride))
	return first, count, taps, taps - 1 - (first+c.Pad-tap)/c.Stride
}

// A scatter says that row i of a product is pixel (i/columns, i%columns) of a phase.
type scatter struct {
	phase
	h, w int // of dx
}

// row returns the row of dx, as a matrix of pixels, that row i of the product is.
func (s *scatter) row(i int) int {
	n, pixel := i/(s.rows*s.columns), i%(s.rows*s.columns)
	return (n*s.h+s.h0+pixel/s.columns*s.step)*s.w + s.w0 + pixel%s.columns*s.step
}

// store sets or adds rows of a tile to their pixels, of n columns.
func (s *scatter) store(out Output, c Tile, n int) {
	for r := range c.Rows {
		dst := out.Data[s.row(c.Row+r)*n+c.Col:][:c.Cols]
		addRows(dst, c.Data[r*c.Pitch:][:c.Cols], out.Add)
	}
}
