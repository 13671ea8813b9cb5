package product

import (
	"unsafe"

	"kith/backends/cpu/internal/simd"
)

// An ahead lists what a part of a product has fetched into L2 while it is computed: what the next
// part will read and write. Without it each part begins by waiting for L3, which was a quarter of
// the time of products with a side of 64. Hints only: the list may name too little or too much.
// It also lists what is copied meanwhile, and that is no hint.
type ahead struct {
	areas  []simd.Area
	copies []simd.Move
}

func (h *ahead) clear() {
	clear(h.copies) // they hold pointers
	h.areas, h.copies = h.areas[:0], h.copies[:0]
}

// list ends the list and returns it for kernels. It lasts until clear.
func (h *ahead) list() simd.Ahead {
	h.areas = append(h.areas, simd.Area{})
	return simd.Fetch(h.areas)
}

// moves ends the list of copies and returns it for kernels. It lasts until clear.
func (h *ahead) moves() simd.Moves {
	h.copies = append(h.copies, simd.Move{})
	return simd.Start(h.copies)
}

// moveCols is what the rows of a move come in: two lines.
const moveCols = 32

// move has rows of n elements copied, a multiple of moveCols, at one pitch from src to another of dst.
func (h *ahead) move(dst []float32, ld int, src []float32, pitch, rows, n int) {
	if rows == 0 {
		return
	}
	h.copies = append(h.copies, simd.Move{
		From: unsafe.Pointer(unsafe.SliceData(src)), FromPitch: 4 * pitch,
		To: unsafe.Pointer(unsafe.SliceData(dst)), ToPitch: 4 * ld, Rows: rows, Pairs: n / moveCols,
	})
}

// add names rows of n elements at a pitch.
func (h *ahead) add(x []float32, pitch, rows, n int) {
	h.source(Source{At: uintptr(unsafe.Pointer(unsafe.SliceData(x))), Size: 4}, pitch, 0, rows, 0, n)
}

// source names rows [row, row+rows) and columns [col, col+n) of a matrix of pitch columns. An area of
// nothing would end the kernels' list, and is left out.
func (h *ahead) source(x Source, pitch, row, rows, col, n int) {
	if rows <= 0 || n <= 0 {
		return
	}
	at := x.At + uintptr((row*pitch+col)*x.Size)
	if n == pitch {
		rows, n = 1, rows*n
	}
	h.areas = append(h.areas, simd.Area{At: at, Pitch: pitch * x.Size, Rows: rows, Pairs: ceil(n*x.Size, 128)})
}

// operand names the same of x, or of what its Load reads. Rows may lie past the end, where a gradient
// has none and the kernel reads zeros: an address that is only fetched needs no memory behind it.
func (h *ahead) operand(x Operand, pitch, row, rows, col, n int) {
	if x.Load == nil {
		h.source(Source{At: uintptr(unsafe.Pointer(unsafe.SliceData(x.Data))), Size: 4}, pitch, row, rows, col, n)
		return
	}
	for _, s := range x.Near {
		h.source(s, pitch, row, rows, col, n)
	}
}

// patches names rows [row, row+rows) and columns [col, col+n) of the patches of x, where these are
// single pixels.
func (h *ahead) patches(p *patches, x Operand, row, rows, col, n int) {
	if p.r*p.s != 1 || p.top != 0 || p.left != 0 {
		return
	}
	for rows > 0 {
		oh, ow := row/p.q, row%p.q // of all images
		some := min(p.q-ow, rows)
		at := ((oh/p.p*p.h+oh%p.p*p.stride)*p.w + ow*p.stride) * p.c
		h.operand(x, p.stride*p.c, 0, some, at+col, n)
		row, rows = row+some, rows-some
	}
}

// scatter names rows [row, row+rows) and columns [col, col+n) of a product where they go in dx, a
// matrix of pitch columns.
func (h *ahead) scatter(to *scatter, dx []float32, pitch, row, rows, col, n int) {
	for rows > 0 {
		some := min(to.columns-row%to.columns, rows)
		h.add(dx[to.row(row)*pitch+col:], to.step*pitch, some, n)
		row, rows = row+some, rows-some
	}
}
