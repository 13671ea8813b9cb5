package simd

import (
	"unsafe"

	"kith/internal/bf16"
)

// TileM is the argument of the matrix unit: products of bf16 numbers, summed in float32. It sets or
// adds, block after block, up to 32×32 elements:
//
//	c[i][j] (+)= Σ_s Σ_k  a[i·LDA + OffA[s] + k] · b[OffB[s] + k/2·LDB + 2j + k mod 2]     s < Segments, k < 32·Steps
//
// So a holds rows of depth, b pairs of neighbors in depth, column after column. Pairs are added in
// order, the two products of one at once, with denormal numbers taken as 0. Config, which SetShape
// fills, says how many rows and columns there are. Pitches, steps and offsets are in bytes.
type TileM struct {
	Config       [64]byte
	Blocks       int // how many, StepA and StepC apart; at least 1
	StepA, StepC int
	Segments     int  // at least 1
	OffA, OffB   *int // [Segments]
	Steps        int  // at least 1
	A            *uint16
	LDA          int
	B            *uint16
	LDB          int
	C            *float32
	LDC          int
	Add          int
}

// SetShape makes blocks of rows×cols elements, 1 to 32 each. The configuration names, for each of
// eight tiles, its rows and the bytes of a row: sums in 0 to 3, rows of a in 4 and 5, columns of b in
// 6 and 7.
func (t *TileM) SetShape(rows, cols int) {
	const firstBytes, firstRows = 16, 48
	t.Config = [64]byte{0: 1} // palette
	set := func(tile, rows, bytes int) {
		if rows > 0 && bytes > 0 {
			t.Config[firstBytes+2*tile], t.Config[firstRows+tile] = byte(bytes), byte(rows)
		}
	}
	high, wide := [2]int{min(rows, 16), max(rows-16, 0)}, [2]int{min(cols, 16), max(cols-16, 0)}
	for i := range 2 {
		set(4+i, high[i], 64)
		set(6+i, 16, 4*wide[i])
		for j := range 2 {
			set(2*i+j, high[i], 4*wide[j])
		}
	}
}

// Shape is what SetShape was given.
func (t *TileM) Shape() (rows, cols int) {
	return int(t.Config[48]) + int(t.Config[50]), int(t.Config[16]+t.Config[18]) / 4
}

// Matrix is the kernels of the matrix unit.
type Matrix struct {
	// Tile is the product, by the number of tiles of 16 rows and of 16 columns, less one each.
	Tile [2][2]func(t *TileM)

	// Interleave makes rows rows of pairs: dst[r·step + 2i] = lo[r·pitch + i] and
	// dst[r·step + 2i + 1] = hi[r·pitch + i] for i < n. Steps and pitches are in elements.
	Interleave func(dst, lo, hi *uint16, n, rows, step, pitch int)

	// TurnPairs turns rows of pairs into rows of depth: dst[k·ld + j] = src[j·pitch + k] for j < pairs
	// and k < cols, rounded up to 16 both.
	TurnPairs func(dst, src *uint32, ld, pitch, cols, pairs int)
}

// MatrixOf returns the kernels of a level, nil where it has no matrix unit.
func MatrixOf(l Level) *Matrix {
	if l == AMX {
		return matrixAMX()
	}
	return nil
}

// MatrixGo is the kernels in plain Go: the definition, and a way to run what is built on them
// anywhere.
func MatrixGo() *Matrix {
	return &Matrix{
		Tile:       [2][2]func(*TileM){{tileM, tileM}, {tileM, tileM}},
		Interleave: interleave,
		TurnPairs:  turnPairs,
	}
}

// tileM is TileM in plain Go. It rounds each product's sum by itself, as no kernel does: tests compare
// with tolerance.
func tileM(t *TileM) {
	rows, cols := t.Shape()
	offA, offB := unsafe.Slice(t.OffA, t.Segments), unsafe.Slice(t.OffB, t.Segments)
	for block := range t.Blocks {
		for i := range rows {
			var sum [32]float32
			c := at(t.C, block*t.StepC+i*t.LDC, cols)
			if t.Add != 0 {
				copy(sum[:], c)
			}
			for s := range offA {
				a := halves(t.A, block*t.StepA+i*t.LDA+offA[s], 32*t.Steps)
				for k, x := range a {
					b := halves(t.B, offB[s]+k/2*t.LDB, 2*cols)
					for j := range cols {
						sum[j] += bf16.Bits(x).Wide() * bf16.Bits(b[2*j+k&1]).Wide()
					}
				}
			}
			copy(c, sum[:])
		}
	}
}

// interleave is Interleave in plain Go.
func interleave(dst, lo, hi *uint16, n, rows, step, pitch int) {
	for r := range rows {
		d, l, h := halves(dst, 2*r*step, 2*n), halves(lo, 2*r*pitch, n), halves(hi, 2*r*pitch, n)
		for i := range n {
			d[2*i], d[2*i+1] = l[i], h[i]
		}
	}
}

// turnPairs is TurnPairs in plain Go.
func turnPairs(dst, src *uint32, ld, pitch, cols, pairs int) {
	cols, pairs = (cols+15)&^15, (pairs+15)&^15
	d, s := unsafe.Slice(dst, (cols-1)*ld+pairs), unsafe.Slice(src, (pairs-1)*pitch+cols)
	for j := range pairs {
		for k := range cols {
			d[k*ld+j] = s[j*pitch+k]
		}
	}
}

// halves returns n elements at p + bytes.
func halves(p *uint16, bytes, n int) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Add(unsafe.Pointer(p), bytes)), n)
}
