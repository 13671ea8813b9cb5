//go:build !amd64 || !gc || noasm

package simd

// A build without assembly has no matrix unit.
func matrixAMX() *Matrix { return nil }
func mayUseTiles() bool  { return false }
