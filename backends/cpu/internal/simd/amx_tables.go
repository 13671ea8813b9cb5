//go:build amd64 && gc && !noasm

package simd

func matrixAMX() *Matrix {
	return &Matrix{
		Tile:       [2][2]func(*TileM){{tileM11AMX, tileM12AMX}, {tileM21AMX, tileM22AMX}},
		Interleave: interleaveAMX,
		TurnPairs:  turnPairsAMX,
	}
}
