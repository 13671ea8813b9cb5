package simd

// Transform is the argument of the transforms of Winograd convolution F(4×4, 3×3) with the points
// 0, 1, −1, ½, −2, ∞. Between a map's n×n pixels and 36 components lie two matrix products; each
// works on runs of channels, element by element, for Tiles tiles in a row.
//
//	Input       components = Bᵀ d B    6×6 pixels of the input
//	Grad        components = A dy Aᵀ   4×4 pixels of the output's gradient
//	Filter      components = G g Gᵀ    3×3 taps
//	Output      pixels = Aᵀ m A        4×4 pixels of the output; Rows, Cols and Add are obeyed
//	FilterGrad  taps = Gᵀ u G          3×3 taps
//
// Input, Grad, Filter and FilterGrad go down the columns first, Output along the rows first. Row,
// Pixel, steps and Run are in bytes, Run a multiple of 64.
//
// A side of a tile may also be 3 pixels, from 5 of the input: F(3, 3) with the same points but −2 and
// the same G. Then components 4 of that side do not exist; memory keeps their places. So 7 pixels are
// 4 + 3, which takes 11 components a side and not 12, and the filters are the same.
type Transform struct {
	Tiles      int
	Map        *float32 // first pixel
	Row, Pixel int      // pitches of the map
	StepMap    int      // from tile to tile
	Parts      *float32 // first component
	Part       int      // from component to component
	StepParts  int      // from tile to tile
	Run        int
	Tmp        *float32 // 36·16 elements of scratch
	Rows, Cols int      // pixels that exist, 1 to 4
	Add        int      // pixels are added to where it is not 0
}

// Winograd is the transforms at one level. Those that depend on the size of a tile are found by which
// sides are short: rows first, 1 for 3 pixels, 0 for 4.
type Winograd struct {
	Input, Grad, Output [2][2]func(t *Transform)
	Filter, FilterGrad  func(t *Transform)
}

// WinogradOf returns the transforms of a level.
func WinogradOf(l Level) *Winograd { return winograds[l] }

var winograds = [NEON + 1]*Winograd{
	Generic: winogradGo(),
	AVX2:    winogradAVX2(),
	AVX512:  winogradAVX512(),
	AMX:     winogradAVX512(),
	NEON:    winogradNEON(),
}

// A line is a transform along one side of a tile, of so many pixels. Where it is short there is no
// component 4.
type line struct {
	pixels int
	short  bool
	run    func(x [6]float32) [6]float32
}

func winogradGo() *Winograd {
	w := &Winograd{Filter: winoFilter, FilterGrad: winoFilterGrad}
	input := [2]line{{6, false, lineBT}, {5, true, lineBT3}}
	grad := [2]line{{4, false, lineA}, {3, true, lineA3}}
	output := [2]line{{4, false, lineAT}, {3, true, lineAT3}}
	for r := range 2 {
		for c := range 2 {
			w.Input[r][c] = func(t *Transform) { t.spread(input[r], input[c]) }
			w.Grad[r][c] = func(t *Transform) { t.spread(grad[r], grad[c]) }
			w.Output[r][c] = func(t *Transform) { t.collect(output[r], output[c]) }
		}
	}
	return w
}

func winoFilter(t *Transform) { t.spread(line{3, false, lineG}, line{3, false, lineG}) }

// spread transforms pixels into components. Lines go by value: a pointer passed to a function that is
// not known here would put them on the heap.
func (t *Transform) spread(rows, cols line) {
	for tile := range t.Tiles {
		for c := 0; c < t.Run; c += 4 {
			var mid [36]float32
			var x [6]float32
			for j := range cols.pixels {
				for i := range rows.pixels {
					x[i] = at(t.Map, tile*t.StepMap+i*t.Row+j*t.Pixel+c, 1)[0]
				}
				for i, v := range rows.run(x) {
					mid[i*6+j] = v
				}
			}
			for i := range 6 {
				if rows.short && i == 4 {
					continue
				}
				copy(x[:], mid[i*6:i*6+cols.pixels])
				for j, v := range cols.run(x) {
					if !cols.short || j != 4 {
						at(t.Parts, tile*t.StepParts+(i*6+j)*t.Part+c, 1)[0] = v
					}
				}
			}
		}
	}
}

// collect transforms components into pixels.
func (t *Transform) collect(rows, cols line) {
	for tile := range t.Tiles {
		for c := 0; c < t.Run; c += 4 {
			m := t.parts(tile, c)
			var x [6]float32
			for i := range 6 {
				copy(x[:], m[i*6:])
				x = cols.run(x)
				copy(m[i*6:i*6+4], x[:])
			}
			for j := range min(t.Cols, cols.pixels) {
				for i := range 6 {
					x[i] = m[i*6+j]
				}
				x = rows.run(x)
				for i := range min(t.Rows, rows.pixels) {
					p := at(t.Map, tile*t.StepMap+i*t.Row+j*t.Pixel+c, 1)
					if t.Add != 0 {
						x[i] += p[0]
					}
					p[0] = x[i]
				}
			}
		}
	}
}

func winoFilterGrad(t *Transform) {
	for tile := range t.Tiles {
		for c := 0; c < t.Run; c += 4 {
			m := t.parts(tile, c)
			var x [6]float32
			for j := range 6 {
				for i := range 6 {
					x[i] = m[i*6+j]
				}
				x = lineGT(x)
				for i := range 3 {
					m[i*6+j] = x[i]
				}
			}
			for i := range 3 {
				copy(x[:], m[i*6:])
				x = lineGT(x)
				for j := range 3 {
					at(t.Map, tile*t.StepMap+i*t.Row+j*t.Pixel+c, 1)[0] = x[j]
				}
			}
		}
	}
}

// parts returns the 36 components of one element.
func (t *Transform) parts(tile, c int) (m [36]float32) {
	for i := range m {
		m[i] = at(t.Parts, tile*t.StepParts+i*t.Part+c, 1)[0]
	}
	return m
}

// The one-dimensional transforms. The order of operations is part of the definition. Those of 3 pixels
// leave component 4 alone.

func lineBT(d [6]float32) [6]float32 {
	e, f := d[3]-d[1], d[4]-d[2]
	p, q := d[0]-d[2], d[5]-d[3]
	s, t := d[2]+d[3], d[3]-d[2]
	return [6]float32{1.5*e + (p + f), 1.5*s + (f + e), 1.5*t + (f - e), 2*e + f, -0.5*e + f, 1.5*f + (q - e)}
}

func lineBT3(d [6]float32) [6]float32 {
	e, f := d[3]-d[1], d[2]-d[1]
	return [6]float32{
		2*e + (d[0] - d[2]), ((d[2] + d[3]) + e) * 1.5, -0.5*f + (d[3] - d[2]), e * 2.5, 0, -0.5*e + (d[4] - d[2]),
	}
}

func lineA(y [6]float32) [6]float32 {
	a, b := y[0]+y[2], y[1]+y[3]
	return [6]float32{
		y[0], a + b, a - b,
		0.125*y[3] + (0.25*y[2] + (0.5*y[1] + y[0])),
		-8*y[3] + (4*y[2] + (-2*y[1] + y[0])),
		y[3],
	}
}

func lineA3(y [6]float32) [6]float32 {
	a := y[0] + y[2]
	return [6]float32{y[0], a + y[1], a - y[1], 0.25*y[2] + (0.5*y[1] + y[0]), 0, y[2]}
}

func lineAT(m [6]float32) [6]float32 {
	a, b, c := m[1]+m[2], m[1]-m[2], m[3]+m[4]
	return [6]float32{
		(m[0] + a) + c, -2*m[4] + (0.5*m[3] + b), 4*m[4] + (0.25*m[3] + a), -8*m[4] + (0.125*m[3] + (b + m[5])),
	}
}

func lineAT3(m [6]float32) [6]float32 {
	a, b := m[1]+m[2], m[1]-m[2]
	return [6]float32{(m[0] + a) + m[3], 0.5*m[3] + b, 0.25*m[3] + (a + m[5])}
}

func lineG(g [6]float32) [6]float32 {
	s := g[0] + g[2]
	return [6]float32{
		g[0], (s + g[1]) * (1.0 / 3), (g[1] - s) * (1.0 / 3),
		-4.0/15*g[2] + (-8.0/15*g[1] + -16.0/15*g[0]),
		4.0/15*g[2] + (-2.0/15*g[1] + 1.0/15*g[0]),
		g[2],
	}
}

func lineGT(u [6]float32) [6]float32 {
	d, s := u[1]-u[2], u[1]+u[2]
	return [6]float32{
		1.0/15*u[4] + (-16.0/15*u[3] + (1.0/3*d + u[0])),
		-2.0/15*u[4] + (-8.0/15*u[3] + 1.0/3*s),
		4.0/15*u[4] + (-4.0/15*u[3] + (1.0/3*d + u[5])),
	}
}
