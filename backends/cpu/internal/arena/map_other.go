//go:build !linux

package arena

// reserve takes the memory from the Go heap, where it is kept until Close.
func reserve(n int) ([]byte, error) { return make([]byte, n), nil }

func advise([]byte) {}

func forget([]byte) {}

func release([]byte) error { return nil }
