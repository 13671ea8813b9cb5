package backendtest

import (
	"testing"

	"kith/tensor"
)

// Winograd tests convolutions that a backend may compute by Winograd's transforms, within the bound
// of those: maps smaller than a tile, with every remainder of it, and channels around a vector.
// Lattice and NaN are for backends that compute directly, as [Run] wants them.
func Winograd(t *testing.T, open func() tensor.Backend) {
	g := newGuard(t, open())
	defer g.end()
	s := &sweeper{draw: drawNormal}
	for h := 1; h < 10; h++ {
		s.conv(conv{1, h, 11 - h, 64, 64, 3, 3, 1, 1})
	}
	for _, c := range []conv{
		{2, 8, 8, 64, 80, 3, 3, 1, 1}, {3, 5, 7, 65, 66, 3, 3, 1, 1}, {1, 12, 13, 96, 64, 3, 3, 1, 0},
		{1, 6, 6, 128, 64, 3, 3, 1, 2}, {1, 4, 4, 64, 129, 3, 3, 1, 1}, {0, 8, 8, 64, 64, 3, 3, 1, 1},
	} {
		s.conv(c)
	}
	byOp(t, s.all, g.check)
}
