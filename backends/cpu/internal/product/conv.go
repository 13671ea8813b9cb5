package product

// A Conv is the geometry of a convolution: x [N, H, W, C] with filters w [K, R, S, C] gives
// y [N, P, Q, K], P = (H + 2·Pad − R)/Stride + 1 and Q likewise.
type Conv struct {
	N, H, W, C, K, R, S int
	Stride, Pad         int
}

// A Pass names what is computed.
type Pass int

const (
	Forward Pass = iota // y from x and w
	GradX               // dx from dy and w
	GradW               // dw from dy and x
)

// P returns the height of the output.
func (c Conv) P() int { return (c.H+2*c.Pad-c.R)/c.Stride + 1 }

// Q returns the width of the output.
func (c Conv) Q() int { return (c.W+2*c.Pad-c.S)/c.Stride + 1 }

// Chunks returns the number of row chunks of the output of a pass, each of at most 1,024 rows.
// Rows are pixels (Forward, GradX) or rows of filters, [k·r·s] (GradW).
func (e *Engine) Chunks(c Conv, p Pass) int {
	switch p {
	case Forward:
		return c.N * c.P()
	case GradX:
		return c.N * c.H
	}
	return c.K
}

// PackedFilters returns the number of elements of the filters in the form that PackedForward or
// PackedGradX wants.
func (e *Engine) PackedFilters(c Conv, p Pass) int { return c.K * c.R * c.S * c.C }

// PackFilters writes w in that form.
func (e *Engine) PackFilters(dst, w []float32, c Conv, p Pass) { copy(dst, w) }

// Forward computes y = x ∗ w.
func (e *Engine) Forward(y Output, x Operand, w []float32, c Conv) { e.PackedForward(y, x, w, c) }

// GradX computes the gradient with respect to x: dx [N, H, W, C] from dy [N, P, Q, K].
func (e *Engine) GradX(dx Output, dy Operand, w []float32, c Conv) { e.PackedGradX(dx, dy, w, c) }

// PackedForward is Forward with filters in packed form.
func (e *Engine) PackedForward(y Output, x Operand, w []float32, c Conv) {
	xv := x.load(make([]float32, c.N*c.H*c.W*c.C), 0, c.N*c.H*c.W*c.C)
	p, q := c.P(), c.Q()
	e.pool.For(c.N*p, func(i int) {
		t := y.tile(i, q, c.K)
		{
			for j := range q {
				acc := t.Data[j*c.K:][:c.K]
				c.taps(i%p*c.Stride-c.Pad, j*c.Stride-c.Pad, func(r, s, h, w0 int) {
					row := xv[((i/p*c.H+h)*c.W+w0)*c.C:][:c.C]
					for k := range acc {
						for ch, v := range w[((k*c.R+r)*c.S+s)*c.C:][:c.C] {
							acc[k] += row[ch] * v
						}
					}
				})
			}
		}
		y.done(t)
	})
}

// PackedGradX is GradX with filters in packed form.
func (e *Engine) PackedGradX(dx Output, dy Operand, w []float32, c Conv) {
	p, q := c.P(), c.Q()
	dyv := dy.load(make([]float32, c.N*p*q*c.K), 0, c.N*p*q*c.K)
	e.pool.For(c.N*c.H, func(i int) {
		t := dx.tile(i, c.W, c.C)
		n, h := i/c.H, i%c.H
		for x := range c.W {
			acc := t.Data[x*c.C:][:c.C]
			for r := range c.R {
				for s := range c.S {
					pp, qq := h+c.Pad-r, x+c.Pad-s
					if pp < 0 || qq < 0 || pp%c.Stride != 0 || qq%c.Stride != 0 || pp/c.Stride >= p || qq/c.Stride >= q {
						continue
					}
					for k, d := range dyv[((n*p+pp/c.Stride)*q+qq/c.Stride)*c.K:][:c.K] {
						for ch, v := range w[((k*c.R+r)*c.S+s)*c.C:][:c.C] {
							acc[ch] += d * v
						}
					}
				}
			}
		}
		dx.done(t)
	})
}

// GradW computes the gradient with respect to the filters: dw [K, R, S, C] from dy and x.
func (e *Engine) GradW(dw Output, dy, x Operand, c Conv) {
	p, q := c.P(), c.Q()
	dyv := dy.load(make([]float32, c.N*p*q*c.K), 0, c.N*p*q*c.K)
	xv := x.load(make([]float32, c.N*c.H*c.W*c.C), 0, c.N*c.H*c.W*c.C)
	e.pool.For(c.K, func(k int) {
		t := dw.tile(k, c.R*c.S, c.C)
		for i := range c.N * p {
			for j := range q {
				d := dyv[(i*q+j)*c.K+k]
				c.taps(i%p*c.Stride-c.Pad, j*c.Stride-c.Pad, func(r, s, h, w0 int) {
					acc := t.Data[(r*c.S+s)*c.C:][:c.C]
					for ch, v := range xv[((i/p*c.H+h)*c.W+w0)*c.C:][:c.C] {
						acc[ch] += d * v
					}
				})
			}
		}
		dw.done(t)
	})
}

// taps calls f for the taps of a window at (h0, w0) that lie on the image.
func (c Conv) taps(h0, w0 int, f func(r, s, h, w int)) {
	for r := range c.R {
		for s := range c.S {
			if h, w := h0+r, w0+s; h >= 0 && h < c.H && w >= 0 && w < c.W {
				f(r, s, h, w)
			}
		}
	}
}

// tile returns chunk i of an output of rows×cols chunks, cleared unless it is added to.
func (o Output) tile(i, rows, cols int) Tile {
	t := Tile{Pitch: cols, Row: i * rows, Rows: rows, Cols: cols, Chunk: i}
	if o.Data == nil {
		t.Data = make([]float32, rows*cols)
		return t
	}
	if t.Data = o.Data[i*rows*cols:][:rows*cols]; !o.Add {
		clear(t.Data)
	}
	return t
}

func (o Output) done(t Tile) {
	if o.Done != nil {
		o.Done(t)
	}
}
