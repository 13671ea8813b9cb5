//go:build !amd64 || !gc || noasm

package par

// pause does nothing where there is no instruction for it; the loops that call it still work.
func pause() {}
