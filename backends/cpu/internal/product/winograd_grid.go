package product

import "kith/backends/cpu/internal/simd"

// A grid cuts maps [n, h, w, c] into tiles of 4×4 pixels. Where 4 does not divide a side, as many of
// the last tiles as it takes are 3 pixels, so that only sides of 1, 2 and 5 have pixels to spare. A unit
// is a row of tiles of one image.
type grid struct {
	h, w, c                int
	down, across           int // tiles of an image
	shortDown, shortAcross int // of them, 3 pixels high or wide
	units                  int // rows of tiles of all images
}

func gridOf(n, h, w, c int) grid {
	g := grid{h: h, w: w, c: c, down: ceil(h, 4), across: ceil(w, 4)}
	g.shortDown, g.shortAcross = min(4*g.down-h, g.down), min(4*g.across-w, g.across)
	g.units = n * g.down
	return g
}

// row returns the first pixel row of a unit in its image. It takes down for the end of the image.
func (g *grid) row(unit int) int { return 4*unit - max(0, unit-(g.down-g.shortDown)) }

// rows returns the number of pixel rows of a unit, those that the image has.
func (g *grid) rows(unit int) int {
	u := unit % g.down
	return min(g.row(u+1), g.h) - g.row(u)
}

// short returns 1 where the tiles of a unit are 3 pixels high, else 0.
func (g *grid) short(unit int) int {
	if unit%g.down >= g.down-g.shortDown {
		return 1
	}
	return 0
}

// wide returns the pixels that the tiles of a unit take, the image's width or a little more.
func (g *grid) wide() int { return 4*g.across - g.shortAcross }

// pixel returns the first pixel of a unit, as a row of the matrix [n·h·w, c].
func (g *grid) pixel(unit int) int {
	return (unit/g.down*g.h + g.row(unit%g.down)) * g.w
}

// unitsOf returns the number of units that make about so many tiles.
func (g *grid) unitsOf(tiles int) int { return max(1, tiles/g.across) }

// A span is some units whose components lie in one block. Tiles are ordered by their sides, so that
// those that have a component lie together: tiles of full height and short width, full ones, then those
// of short height, full and short.
type span struct {
	g          *grid
	u0, u1     int
	full, less int // units of full and of short height
}

func (g *grid) span(u0, u1 int) span {
	full := g.fulls(u1) - g.fulls(u0)
	return span{g, u0, u1, full, u1 - u0 - full}
}

// fulls returns the units of full height before a unit.
func (g *grid) fulls(unit int) int {
	full := g.down - g.shortDown
	return unit/g.down*full + min(unit%g.down, full)
}

// tiles returns the tiles [lo, hi) that have component i.
func (s *span) tiles(i int) (lo, hi int) {
	short := s.g.shortAcross
	lo, hi = 0, (s.full+s.less)*s.g.across
	if i%6 == winoShort {
		lo, hi = s.full*short, hi-s.less*short
	}
	if i/6 == winoShort {
		hi = s.full * s.g.across
	}
	return lo, hi
}

// unit returns the first tile of full width of a unit, and the first of short width.
func (s *span) unit(u int) (wide, short int) {
	k := s.g.fulls(u) - s.g.fulls(s.u0)
	n := s.g.across - s.g.shortAcross
	if s.g.short(u) == 0 {
		return s.full*s.g.shortAcross + k*n, k * s.g.shortAcross
	}
	k = u - s.u0 - k
	return s.full*s.g.across + k*n, s.full*s.g.across + s.less*n + k*s.g.shortAcross
}

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

func (p parts) group(i int) group {
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
	return (4*min(units, g.down) + 2*halo) * (g.wide() + 2*halo) * g.c
}

// strip copies units [u0, u1), of one image, with a halo of 0 or 1 pixels. Pixels outside the map
// are 0, whatever Load makes of zeros.
func (g *grid) strip(dst []float32, x Operand, u0, u1, halo int) {
	wide := (g.wide() + 2*halo) * g.c
	image := u0 / g.down
	h0, h1 := g.row(u0%g.down)-halo, g.row((u1-1)%g.down+1)+halo
	for h := h0; h < h1; h++ {
		row := dst[(h-h0)*wide:][:wide]
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

// transforms are those of one kind, by which sides of a tile are short.
type transforms = [2][2]func(*simd.Transform)

// spread transforms units [u0, u1) into p, where tiles lie as in. Pixels are read where they lie, but
// for those that must be loaded or have neighbors outside the map, which go by a strip.
func (in *span) spread(s *slot, f *transforms, strip []float32, p parts, x Operand, u0, u1, halo int) {
	g, t := in.g, &s.t
	t.Pixel = 4 * g.c
	direct := x.Load == nil && g.whole()
	for u := u0; u < u1; {
		switch {
		case direct && halo == 0:
			t.Row = 4 * g.w * g.c
			in.spreadTiles(t, f, x.Data[g.pixel(u)*g.c:], p, u, 0, g.across)
			u++
		case direct && g.inner(u):
			in.spreadInner(t, f, strip, p, x, u)
			u++
		default:
			// As many units as lie in one image share a strip.
			end := u + 1
			for end < min(u1, (u/g.down+1)*g.down) && !(direct && g.inner(end)) {
				end++
			}
			g.strip(strip, x, u, end, halo)
			line := (g.wide() + 2*halo) * g.c
			t.Row = 4 * line
			for first := g.row(u % g.down); u < end; u++ {
				in.spreadTiles(t, f, strip[(g.row(u%g.down)-first)*line:], p, u, 0, g.across)
			}
		}
	}
}

// winoInner is the tiles of a unit from which on it pays to read its inner ones in place.
const winoInner = 3

// whole reports whether tiles have no pixels to spare.
func (g *grid) whole() bool { return g.wide() == g.w && 4*g.down-g.shortDown == g.h }

// inner reports whether a unit has neighbors above and below, and enough tiles between its ends.
func (g *grid) inner(unit int) bool {
	u := unit % g.down
	return u > 0 && u+1 < g.down && g.across >= winoInner
}

// column returns the first pixel of tile i of a unit.
func (g *grid) column(i int) int { return 4*i - max(0, i-(g.across-g.shortAcross)) }

// spreadInner transforms unit u of x with a halo of 1: tiles at its ends from copies, the others in place.
func (in *span) spreadInner(t *simd.Transform, f *transforms, edges []float32, p parts, x Operand, u int) {
	g := in.g
	c, line, last := g.c, g.w*g.c, g.across-1
	from := x.Data[(g.pixel(u)-g.w)*c:]
	left, right := (g.column(1)+1)*c, (g.w-g.column(last)+1)*c // what the map has of them
	rows, wide := g.rows(u)+2, 6*c
	ends := edges[rows*wide:]
	for h := range rows {
		clear(edges[h*wide:][:c])
		copy(edges[h*wide+c:], from[h*line:][:left])
		copy(ends[h*wide:], from[(h+1)*line-right:][:right])
		clear(ends[h*wide+right:][:c])
	}
	t.Row = 4 * wide
	in.spreadTiles(t, f, edges, p, u, 0, 1)
	in.spreadTiles(t, f, ends, p, u, last, last+1)
	t.Row = 4 * line
	in.spreadTiles(t, f, from[left-2*c:], p, u, 1, last)
}

// spreadTiles transforms tiles [i, end) of a unit, whose pixels begin at from.
func (in *span) spreadTiles(t *simd.Transform, f *transforms, from []float32, p parts, u, i, end int) {
	g := in.g
	wide, short := in.unit(u)
	full := g.across - g.shortAcross
	kind := f[g.short(u)]
	for c := 0; c < g.c; c += p.wide {
		to := p.group(c / p.wide)
		t.Part, t.StepParts, t.Run = 4*to.comp, 4*to.row, 4*to.n
		if n := min(end, full) - i; n > 0 {
			t.Tiles, t.StepMap, t.Map, t.Parts = n, 16*g.c, &from[c], &to.data[(wide+i)*to.row]
			kind[0](t)
		}
		if first := max(i, full); first < end {
			at := (g.column(first)-g.column(i))*g.c + c
			t.Tiles, t.StepMap, t.Map, t.Parts = end-first, 12*g.c, &from[at], &to.data[(short+first-full)*to.row]
			kind[1](t)
		}
	}
}

// collect transforms a group of components back into channels of out from col on.
func (in *span) collect(s *slot, f *transforms, out Output, from group, col int) {
	g, t := in.g, &s.t
	t.Row, t.Pixel = 4*g.w*g.c, 4*g.c
	t.Part, t.StepParts, t.Run, t.Add = 4*from.comp, 4*from.row, 4*from.n, 0
	if out.Add {
		t.Add = 1
	}
	for u := in.u0; u < in.u1; u++ {
		at := g.pixel(u)*g.c + col
		wide, short := in.unit(u)
		full := g.across - g.shortAcross
		t.Rows, t.Cols = g.rows(u), 4
		if full > 0 {
			t.Tiles, t.StepMap, t.Map, t.Parts = full, 16*g.c, &out.Data[at], &from.data[wide*from.row]
			f[g.short(u)][0](t)
		}
		at += 4 * full * g.c
		// All but the last have all their pixels; a tile of which none would be there does not exist.
		for n := g.shortAcross; n > 0; {
			t.Tiles, t.Cols = n, 3
			if spare := g.wide() - g.w; spare > 0 {
				t.Tiles = max(1, n-1)
				if n == 1 {
					t.Cols = 3 - spare
				}
			}
			t.StepMap, t.Map, t.Parts = 12*g.c, &out.Data[at], &from.data[(short+g.shortAcross-n)*from.row]
			f[g.short(u)][1](t)
			at, n = at+3*t.Tiles*g.c, n-t.Tiles
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

// units names pixels of units [u0, u1) of x and a halo, if it is stored.
func (h *ahead) units(g *grid, x Operand, u0, u1, halo int) {
	if u0 < u1 && x.Load == nil {
		from := max(0, g.pixel(u0)-halo*g.w)
		to := min(g.pixel(u1)+halo*g.w, len(x.Data)/g.c)
		h.add(x.Data[from*g.c:], g.c, to-from, g.c)
	}
}
