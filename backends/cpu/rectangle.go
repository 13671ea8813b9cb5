package cpu

import (
	"unsafe"

	"kith/backends/cpu/internal/product"
)

// rectangle computes a tile of a product, t.Rows × t.Cols of a matrix with rows of pitch elements.
// As many of its rows as fit are gathered into tiles, in which a row has t.Cols elements; what is
// written is scattered. Row by row, short rows would cost more in calls than in work.
func (c *chain) rectangle(l *lane, t product.Tile, pitch int) {
	for ; t.Cols > tileLen; t.Cols, t.Col, t.Data = t.Cols-tileLen, t.Col+tileLen, t.Data[tileLen:] {
		part := t
		part.Cols = tileLen
		c.rectangle(l, part, pitch)
	}
	some := max(1, tileLen/t.Cols)
	for i := range c.slots {
		if s := &c.slots[i]; s.kind == spread && s.size == pitch {
			spreadRows(l.tile(s.reg), min(some, t.Rows), t.Cols*s.width, s.p, t.Col*s.width, 0)
		}
	}
	for r := 0; r < t.Rows; r += some {
		c.rows(l, t, pitch, r, min(some, t.Rows-r))
	}
}

// rows computes rows [r, r+n) of t.
func (c *chain) rows(l *lane, t product.Tile, pitch, r, n int) {
	at := (t.Row+r)*pitch + t.Col
	for i := range c.slots {
		l.ptr[i] = c.slots[i].gather(l, t, pitch, r, n)
	}
	for i := range c.steps {
		s := &c.steps[i]
		switch {
		case s.column > 0:
			c.cols[s.column-1].addRows(l, t.Row+r, t.Col, t.Cols, floats(l.ptr[s.src[0]], n*t.Cols))
		case s.stream != nil: // scattered anyway
			l.ptr[s.dst] = l.ptr[s.src[0]]
		default:
			s.run(l, n*t.Cols)
		}
	}
	for i := range c.slots {
		if s := &c.slots[i]; s.write {
			for k := range n {
				copy(bytesAt(s.p, (at+k*pitch)*s.width, t.Cols*s.width), bytesAt(l.ptr[i], k*t.Cols*s.width, t.Cols*s.width))
			}
		}
	}
}

// gather returns the tile of n rows of t from row r on.
func (s *slot) gather(l *lane, t product.Tile, pitch, r, n int) unsafe.Pointer {
	tile, width, at := l.tile(s.reg), t.Cols*s.width, ((t.Row+r)*pitch+t.Col)*s.width
	switch s.kind {
	case given:
		if t.Pitch == t.Cols {
			return unsafe.Pointer(&t.Data[r*t.Pitch])
		}
		spreadRows(tile, n, width, unsafe.Pointer(unsafe.SliceData(t.Data)), r*t.Pitch*s.width, t.Pitch*s.width)
	case direct:
		if !s.write {
			spreadRows(tile, n, width, s.p, at, pitch*s.width)
		}
	case spread:
		switch {
		case s.size == pitch: // there already
		case s.size == 1:
			repeat(tile, n*width, s.p, 0, s.width)
		default:
			for k := range n {
				repeat(unsafe.Add(tile, k*width), width, s.p, (at+k*pitch*s.width)%(s.size*s.width), s.size*s.width)
			}
		}
	}
	return tile
}

// spreadRows copies n rows of width bytes, pitch bytes apart from byte at of src on, one after
// another to dst; pitch 0 repeats one row.
func spreadRows(dst unsafe.Pointer, n, width int, src unsafe.Pointer, at, pitch int) {
	for k := range n {
		copy(bytesAt(dst, k*width, width), bytesAt(src, at+k*pitch, width))
	}
}

// bytesAt returns n bytes from byte at of p on.
func bytesAt(p unsafe.Pointer, at, n int) []byte { return unsafe.Slice((*byte)(unsafe.Add(p, at)), n) }
