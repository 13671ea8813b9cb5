package truth

import (
	"testing"

	"kith/backends"
	"kith/tensor"
)

// open is a root on the named backend, closed with the test.
func open(t testing.TB, name string) *tensor.Scope {
	t.Helper()
	b, err := backends.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	root := tensor.Open(b)
	t.Cleanup(func() {
		if err := root.Close(); err != nil {
			t.Error(err)
		}
	})
	return root
}
