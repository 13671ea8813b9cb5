//go:build !amd64 || !gc || noasm

package simd

// Levels that the build lacks have no kernels.
func productsAVX2() *Products   { return nil }
func productsAVX512() *Products { return nil }
