package product

import "kith/backends/cpu/internal/simd"

// A grid cuts maps [n, h, w, c] into tiles of 4×4 pixels. A unit is a row of tiles of one image.
type grid struct {
	h, w, c      int
	down, across int // tiles of an image
	units        int // rows of tiles of all images
}

func gridOf(n, h, w, c int) grid {
	g := grid{h: h, w: w, c: c, down: ceil(h, 4), across: ceil(w, 4)}
	g.units = n * g.down
	return g
}

// rows returns the number of pixel rows of a unit, 4 but for the last of an image.
func (g *grid) rows(unit int) int { return min(4, g.h-unit%g.down*4) }

// pixel returns the first pixel of a unit, as a row of the matrix [n·h·w, c].
func (g *grid) pixel(unit int) int {
	return (unit/g.down*g.h + unit%g.down*4) * g.w
}

// unitsOf returns the number of units that make about so many tiles.
func (g *grid) unitsOf(tiles int) int { return max(1, tiles/g.across) }

// parts is scratch for the components of a block of tiles, in groups of channels as their products
// read them: [groups][36][tiles][wide], the last group narrower where it must be. Products by family F
// read one run of memory if rows lie one after another; for family W, which walks down columns, rows
// are padded to an odd number of cache lines. So are components, for the sake of transforms.
type parts struct {
	data           []float32
	tiles, c, wide int
	pad            int // elements behind a row
}

// A group is one of them.
type group struct {
	data      []float32
	n         int // channels
	row, comp int // distances
}

func (p *parts) group(i int) group {
	wide := min(p.wide, p.c-i*p.wide)
	row := wide + p.pad
	return group{p.data[i*winoParts*spread(p.tiles*(p.wide+p.pad)):], wide, row, spread(p.tiles * row)}
}

// len returns the number of elements of data.
func (p parts) len() int {
	n := p.c / p.wide * winoParts * spread(p.tiles*(p.wide+p.pad))
	if rest := p.c % p.wide; rest > 0 {
		n += winoParts * spread(p.tiles*(rest+p.pad))
	}
	return n
}

// on returns the same parts in some memory.
func (p parts) on(data []float32) parts {
	p.data = data
	return p
}

// stripLen returns the elements of a strip of units with a halo.
func (g *grid) stripLen(units, halo int) int {
	return (4*min(units, g.down) + 2*halo) * (4*g.across + 2*halo) * g.c
}

// strip copies units [u0, u1), of one image, with a halo of 0 or 1 pixels. Pixels outside the map
// are 0, whatever Load makes of zeros.
func (g *grid) strip(dst []float32, x Operand, u0, u1, halo int) {
	wide := (4*g.across + 2*halo) * g.c
	h0, image := u0%g.down*4-halo, u0/g.down
	for r := range (u1-u0)*4 + 2*halo {
		row := dst[r*wide:][:wide]
		h := h0 + r
		if h < 0 || h >= g.h {
			clear(row)
			continue
		}
		clear(row[:halo*g.c])
		mid := row[halo*g.c:][:g.w*g.c]
		clear(row[halo*g.c+len(mid):])
		x.run(mid, (image*g.h+h)*g.w*g.c, g.c)
	}
}

// spreadUnits transforms units [u0, u1) into p, from tile first on.
func (g *grid) spreadUnits(s *slot, f func(*simd.Transform), strip []float32, p parts, x Operand, u0, u1, first, halo int) {
	t := &s.t
	wide := (4*g.across + 2*halo) * g.c
	t.Tiles, t.Row, t.Pixel, t.StepMap = g.across, 4*wide, 4*g.c, 16*g.c
	for u := u0; u < u1; {
		// As many units as lie in one image share a strip.
		end := min(u1, (u/g.down+1)*g.down)
		g.strip(strip, x, u, end, halo)
		for r := 0; u < end; u, r = u+1, r+1 {
			tile := first + (u-u0)*g.across
			for c := 0; c < g.c; c += p.wide {
				to := p.group(c / p.wide)
				t.Part, t.StepParts, t.Run = 4*to.comp, 4*to.row, 4*to.n
				t.Map, t.Parts = &strip[4*r*wide+c], &to.data[tile*to.row]
				f(t)
			}
		}
	}
}

// collectUnits transforms units [u0, u1) of one group of components back into channels of out from
// col on.
func (g *grid) collectUnits(s *slot, f func(*simd.Transform), out Output, p parts, u0, u1, col int) {
	from := p.group(0)
	t := &s.t
	t.Row, t.Pixel, t.StepMap = 4*g.w*g.c, 4*g.c, 16*g.c
	t.Part, t.StepParts, t.Run, t.Add = 4*from.comp, 4*from.row, 4*from.n, 0
	if out.Add {
		t.Add = 1
	}
	full, edge := g.w/4, g.w%4
	for u := u0; u < u1; u++ {
		at, tile := g.pixel(u)*g.c+col, (u-u0)*g.across
		t.Rows = g.rows(u)
		if full > 0 {
			t.Tiles, t.Cols, t.Map, t.Parts = full, 4, &out.Data[at], &from.data[tile*from.row]
			f(t)
		}
		if edge > 0 {
			t.Tiles, t.Cols, t.Map, t.Parts = 1, edge, &out.Data[at+4*full*g.c], &from.data[(tile+full)*from.row]
			f(t)
		}
	}
}

// done shows units to out.Done, in order.
func (g *grid) done(out Output, u0, u1, col, n, chunk int) {
	if out.Done == nil {
		return
	}
	for u := u0; u < u1; u++ {
		row := g.pixel(u)
		out.Done(Tile{
			Data: out.Data[row*g.c+col:], Pitch: g.c, Row: row, Rows: g.rows(u) * g.w,
			Col: col, Cols: n, Chunk: chunk,
		})
	}
}
