//go:build !linux

package simd

import "testing"

// fenced returns n elements; only Linux puts forbidden pages around them.
func fenced(_ testing.TB, n int, _ bool) []float32 { return make([]float32, n) }
