package simd

import "unsafe"

// TileF is the argument of family F: products of rows of pixels with panels of weights. It sets or
// adds, tile after tile, m×32 elements:
//
//	acc[i][j] = Σ_t Σ_k  a_i[Off[t]+k] · b[(t·Depth+k)·32+j]     t < Taps, k < Depth
//	c[i][j]   = acc[i][j], or += where Add ≠ 0
//
// in this order, each acc one chain of fused multiply-adds from +0. A sum that is added is summed
// from zero first: one long chain over all of the depth would lose accuracy (spec/cpu.md 23).
// Rows 0 to 6 start at A0 + i·LDA, rows 7 to 13 at A1 + (i−7)·LDA; outputs at C0 and C1 with LDC.
// So a tile may span two rows of a narrow map. Pitches, steps and offsets are in bytes.
type TileF struct {
	Tiles        int  // how many, StepA and StepC apart; at least 1
	Taps         int  // at least 1
	Off          *int // [Taps]
	Depth        int  // at least 1
	A0, A1       *float32
	LDA          int
	B            *float32
	C0, C1       *float32
	LDC          int
	StepA, StepC int
	Add          int
	Ahead        Ahead
	Moves        Moves
}

// TileW is the argument of family W: products of two operands that are both stored depth-major. It
// sets or adds m×32 elements:
//
//	c[i][j] (+)= Σ_y Σ_x a[y·RowA + x·LDA + i] · b[y·RowB + x·LDB + j]     y < Rows, x < Cols
//
// in this order, a chain of fused multiply-adds from +0. The two loops walk a window of a map, so
// the gradient of one filter tap is one call an image.
type TileW struct {
	Rows, Cols int // at least 1
	A          *float32
	LDA, RowA  int
	B          *float32
	LDB, RowB  int
	C          *float32
	LDC        int
	Add        int
	Ahead      Ahead
}

// Ahead is memory that kernels fetch into L2 while they compute, two lines for each four steps of
// depth: what the next ones will read. It is a hint and changes no result. The zero value is nothing.
// A kernel goes on where the one before was, when the next begins with its Ahead.
type Ahead struct {
	areas *Area   // whose turn it is; the list ends with one of no pairs
	at    uintptr // next two lines
	left  int     // pairs to the end of the row
	step  int     // bytes between pairs, or 0 at the end of the list
}

// An Area is some rows of lines.
type Area struct {
	At    uintptr // first line of the current row
	Pitch int     // bytes from row to row
	Rows  int     // rows to go, the current one included
	Pairs int     // pairs of lines in a row, at least 1
}

// Fetch makes an Ahead of areas, which must end with one of no pairs and are changed as their lines
// are fetched.
func Fetch(areas []Area) Ahead {
	if areas[0].Pairs == 0 {
		return Ahead{}
	}
	return Ahead{areas: &areas[0], at: areas[0].At, left: areas[0].Pairs, step: 128}
}

// PanelCols is the width of a panel of weights at every level.
const PanelCols = 32

// Products is the kernels of matrix products at one level.
type Products struct {
	Rows int                // of the tallest tile
	F    [15]func(t *TileF) // by rows, from 1
	W    [15]func(t *TileW)

	// CopyPanels packs a matrix that is stored depth-major: rows rows of panels·32 columns.
	//	dst[p·step + r·32 + j] = src[r·pitch + p·32 + j]     r < rows, p < panels, j < 32
	// Here pitch and step are in elements.
	CopyPanels func(dst, src *float32, rows, pitch, panels, step int)

	// Transpose packs a panel of a matrix that is stored row-major: dst[k·32 + j] = src[j·pitch + k]
	// for k < depth, a multiple of 8, and j < 32.
	Transpose func(dst, src *float32, depth, pitch int)

	// HalfF and HalfW are F and W on pairs of bf16 numbers, nil where the machine has no such dot
	// product: an element of a, b or a panel is two neighbors in depth, the first one in the low
	// half, and each step adds two products to a sum, the second one first, rounding twice.
	HalfF [15]func(t *TileF)
	HalfW [15]func(t *TileW)

	// HalfFast says that HalfF and HalfW are faster than F and W. On AMD's cores they run at twice the
	// rate, on Intel's at half of it, where bf16 lives in the matrix unit instead.
	HalfFast bool

	// PairRows makes pairs of two rows of n floats that hold bf16 numbers, PairColumns of neighbors in
	// a row, n pairs. Both work in whole vectors: operands end where n, rounded up to 16, does.
	PairRows    func(dst, lo, hi *float32, n int)
	PairColumns func(dst, src *float32, n int)

	Peak func(loops int) // runs PeakFlops·loops operations of independent multiply-adds

	PeakFlops int
}

// ProductsOf returns the product kernels of a level.
func ProductsOf(l Level) *Products { return products[l] }

var products = [NEON + 1]*Products{
	Generic: productsGo(), AVX2: productsAVX2(), AVX512: productsAVX512(), AMX: productsAVX512(), NEON: productsNEON(),
}

func productsGo() *Products {
	p := &Products{Rows: 14, CopyPanels: copyPanels, Transpose: transpose, Peak: peakGo, PeakFlops: 2 * 8 * 64}
	for m := 1; m <= p.Rows; m++ {
		p.F[m] = func(t *TileF) { tileF(m, t) }
		p.W[m] = func(t *TileW) { tileW(m, t) }
	}
	return p
}

// at returns n elements at p + bytes.
func at(p *float32, bytes, n int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(p), bytes)), n)
}

// tileF is family F in plain Go, for m rows.
func tileF(m int, t *TileF) {
	off := unsafe.Slice(t.Off, t.Taps)
	b := unsafe.Slice(t.B, t.Taps*t.Depth*PanelCols)
	for tile := range t.Tiles {
		row := func(lo, hi *float32, step, pitch, i int) (*float32, int) {
			if i < 7 {
				return lo, tile*step + i*pitch
			}
			return hi, tile*step + (i-7)*pitch
		}
		for i := 0; i < m; i += 2 {
			p0, d0 := row(t.A0, t.A1, t.StepA, t.LDA, i)
			p1, d1 := row(t.A0, t.A1, t.StepA, t.LDA, min(i+1, m-1))
			q0, e0 := row(t.C0, t.C1, t.StepC, t.LDC, i)
			q1, e1 := row(t.C0, t.C1, t.StepC, t.LDC, min(i+1, m-1))
			c0, c1 := at(q0, e0, PanelCols), at(q1, e1, PanelCols)
			for j := 0; j < PanelCols; j += 4 {
				var s [8]float32
				for tap, o := range off {
					a0, a1 := at(p0, d0+o, t.Depth), at(p1, d1+o, t.Depth)
					dot2x4(&s, a0, a1, b[tap*t.Depth*PanelCols+j:])
				}
				if t.Add == 0 {
					copy(c0[j:j+4], s[:4])
					copy(c1[j:j+4], s[4:])
					continue
				}
				for k := range 4 {
					c0[j+k] += s[k]
				}
				if i+1 < m {
					for k := range 4 {
						c1[j+k] += s[4+k]
					}
				}
			}
		}
	}
}

// dot2x4 adds the products of two rows with four columns of a panel to s. Eight sums are what fits
// into registers; sixteen spill.
func dot2x4(s *[8]float32, a0, a1, b []float32) {
	s0, s1, s2, s3 := s[0], s[1], s[2], s[3]
	s4, s5, s6, s7 := s[4], s[5], s[6], s[7]
	a1 = a1[:len(a0)]
	for k, x := range a0 {
		y, v := a1[k], b[k*PanelCols:][:4]
		s0 += x * v[0]
		s1 += x * v[1]
		s2 += x * v[2]
		s3 += x * v[3]
		s4 += y * v[0]
		s5 += y * v[1]
		s6 += y * v[2]
		s7 += y * v[3]
	}
	*s = [8]float32{s0, s1, s2, s3, s4, s5, s6, s7}
}

// tileW is family W in plain Go, for m rows.
func tileW(m int, t *TileW) {
	for i := 0; i < m; i++ {
		var s [PanelCols]float32
		for y := range t.Rows {
			for x := range t.Cols {
				v := at(t.A, y*t.RowA+x*t.LDA+4*i, 1)[0]
				for j, w := range at(t.B, y*t.RowB+x*t.LDB, PanelCols) {
					s[j] += v * w
				}
			}
		}
		c := at(t.C, i*t.LDC, PanelCols)
		for j, v := range s {
			if t.Add != 0 {
				v += c[j]
			}
			c[j] = v
		}
	}
}

// copyPanels is CopyPanels in plain Go.
func copyPanels(dst, src *float32, rows, pitch, panels, step int) {
	for r := range rows {
		for p := range panels {
			copy(at(dst, 4*(p*step+r*PanelCols), PanelCols), at(src, 4*(r*pitch+p*PanelCols), PanelCols))
		}
	}
}

// transpose is Transpose in plain Go.
func transpose(dst, src *float32, depth, pitch int) {
	d := at(dst, 0, depth*PanelCols)
	for j := range PanelCols {
		for k, v := range at(src, 4*j*pitch, depth) {
			d[k*PanelCols+j] = v
		}
	}
}

// peakGo is the peak loop in plain Go.
func peakGo(loops int) {
	var s [8]float32
	var a [64]float32
	var b [64 * PanelCols]float32
	for range loops {
		dot2x4(&s, a[:], a[:], b[:])
	}
}
