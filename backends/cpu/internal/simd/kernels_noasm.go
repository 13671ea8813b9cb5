//go:build !amd64 || !gc || noasm

package simd

// Levels that the build lacks have no kernels.
func kernelsAVX2() *Kernels   { return nil }
func kernelsAVX512() *Kernels { return nil }
