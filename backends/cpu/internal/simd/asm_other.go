//go:build !(amd64 || arm64) || !gc || noasm

package simd

// assembled says whether kernels in assembly are compiled in.
const assembled = false
