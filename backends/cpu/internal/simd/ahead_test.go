package simd

import (
	"testing"
	"unsafe"
)

// Kernels walk the areas that they fetch row by row, go on where the one before was, stop at the end
// of the list, and compute the same.
func TestAhead(t *testing.T) {
	x := make([]float32, 4096)
	at := func(i int) uintptr { return uintptr(unsafe.Pointer(&x[i])) }
	for _, l := range Levels() {
		if l == Generic {
			continue // has no use for hints
		}
		p := ProductsOf(l)
		steps := 4 // of depth for a pair of lines
		if p.Rows < 14 {
			steps = 2 // panels are walked twice
		}
		areas := []Area{{At: at(0), Pitch: 1024, Rows: 2, Pairs: 3}, {At: at(2048), Rows: 1, Pairs: 3}, {}}
		f := &TileF{Tiles: 1, Taps: 1, Off: new(int), A0: &x[0], B: &x[0], C0: &x[4000], Ahead: Fetch(areas)}
		w := &TileW{Rows: 1, A: &x[0], B: &x[0], C: &x[4000], LDA: 4, LDB: 128}
		for i, want := range []struct {
			area, left int
			at         uintptr
		}{{0, 1, at(64)}, {0, 2, at(256 + 32)}, {1, 3, at(2048)}, {1, 1, at(2048 + 64)}} {
			if i%2 == 0 {
				f.Depth = 2 * steps
				p.F[1](f)
				w.Ahead = f.Ahead
			} else {
				w.Cols = 2 * steps
				p.W[1](w)
				f.Ahead = w.Ahead
			}
			if h := f.Ahead; h.areas != &areas[want.area] || h.left != want.left || h.step != 128 || h.at != want.at {
				t.Errorf("%v: after call %d: area %d, %d pairs left, step %d", l, i, (uintptr(unsafe.Pointer(h.areas))-uintptr(unsafe.Pointer(&areas[0])))/32, h.left, h.step)
			}
		}
		f.Depth = 64
		if p.F[1](f); f.Ahead.areas != &areas[2] || f.Ahead.step != 0 {
			t.Errorf("%v: the list has not ended: %+v", l, f.Ahead)
		}
	}
}
