package product

// A slabTask adds the slabs of a product in order and finishes the output, a chunk of rows each.
type slabTask struct {
	out     Output
	partial []float32
	m, n    int
}

// Chunk finishes rows chunk·tallRows and on.
func (t *slabTask) Chunk(chunk int) {
	r0, r1 := chunk*tallRows, min((chunk+1)*tallRows, t.m)
	tile := Tile{Pitch: t.n, Row: r0, Rows: r1 - r0, Cols: t.n, Chunk: chunk}
	part := t.partial
	if t.out.Data != nil {
		tile.Data = t.out.Data[r0*t.n : r1*t.n]
	} else {
		tile.Data, part = part[r0*t.n:r1*t.n], part[t.m*t.n:]
	}
	for add := t.out.Add || t.out.Data == nil; len(part) > 0; part, add = part[t.m*t.n:], true {
		addRows(tile.Data, part[r0*t.n:r1*t.n], add)
	}
	if t.out.Done != nil {
		t.out.Done(tile)
	}
}

// addRows sets or adds src to dst.
func addRows(dst, src []float32, add bool) {
	if !add {
		copy(dst, src)
		return
	}
	src = src[:len(dst)]
	for i, v := range src {
		dst[i] += v
	}
}
