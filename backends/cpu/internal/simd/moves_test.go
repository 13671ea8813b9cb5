package simd

import (
	"testing"
	"unsafe"
)

// Kernels copy rows while they compute, as far as they come; Finish does the rest.
func TestMoves(t *testing.T) {
	const rows, pairs, pitch, ld = 5, 3, 160, 112
	a, b, c := make([]float32, 256), make([]float32, 256*PanelCols), make([]float32, PanelCols)
	from := make([]float32, rows*pitch)
	for i := range from {
		from[i] = float32(i + 1)
	}
	for _, l := range Levels() {
		p := ProductsOf(l)
		for _, depth := range []int{1, 4, 8, 12, 37, 64, 256} {
			to := make([]float32, rows*ld+32*4)
			list := []Move{
				{From: unsafe.Pointer(&from[0]), FromPitch: 4 * pitch, To: unsafe.Pointer(&to[0]), ToPitch: 4 * ld, Rows: rows, Pairs: pairs},
				{From: unsafe.Pointer(&from[7]), To: unsafe.Pointer(&to[rows*ld]), Rows: 1, Pairs: 3},
				{},
			}
			f := &TileF{Tiles: 1, Taps: 1, Off: new(int), Depth: depth, A0: &a[0], B: &b[0], C0: &c[0], Moves: Start(list)}
			p.F[1](f)
			if moved := to[0] != 0; moved != (depth >= 4 && l != Generic && l != NEON) {
				t.Errorf("%v: depth %d: moved: %v", l, depth, moved)
			}
			p.F[1](f)
			f.Moves.Finish()
			for i, v := range to {
				want := float32(0)
				switch r, j := i/ld, i%ld; {
				case i >= rows*ld && i < rows*ld+96:
					want = from[7+i-rows*ld]
				case r < rows && j < 32*pairs:
					want = from[r*pitch+j]
				}
				if v != want {
					t.Fatalf("%v: depth %d: element %d is %v, want %v", l, depth, i, v, want)
				}
			}
		}
	}
	if m := Start([]Move{{}}); m != (Moves{}) {
		t.Errorf("no moves start as %+v", m)
	}
}
