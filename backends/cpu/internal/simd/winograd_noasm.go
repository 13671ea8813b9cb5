//go:build !amd64 || !gc || noasm

package simd

// Levels that the build lacks have no transforms.
func winogradAVX2() *Winograd   { return nil }
func winogradAVX512() *Winograd { return nil }
