//go:build !amd64 || !gc || noasm

package simd

// A build without assembly has no such level.
func halvesAVX512() *Halves { return nil }
