package truth

import (
	"testing"

	"kith/backends/ref"
	"kith/tensor"
)

// open is a root on the named backend, closed with the test.
func open(t *testing.T, name string) *tensor.Scope {
	t.Helper()
	var b tensor.Backend = ref.New()
	if name == "cpu" {
		b = ref.Round()
	}
	root := tensor.Open(b)
	t.Cleanup(func() {
		if err := root.Close(); err != nil {
			t.Error(err)
		}
	})
	return root
}
