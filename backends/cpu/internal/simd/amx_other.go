//go:build amd64 && gc && !noasm && !linux

package simd

// mayUseTiles is false where it is not known how to ask.
func mayUseTiles() bool { return false }
