//go:build !arm64 || !gc || noasm

package simd

// A build without the level has none of its kernels.
func productsNEON() *Products { return nil }
func kernelsNEON() *Kernels   { return nil }
func winogradNEON() *Winograd { return nil }
