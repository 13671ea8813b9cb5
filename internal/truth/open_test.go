package truth

import (
	"strings"
	"testing"

	"kith/backends/cpu"
	"kith/backends/ref"
	"kith/tensor"
)

// open is a root on the named backend, closed with the test.
func open(t testing.TB, name string) *tensor.Scope {
	t.Helper()
	var b tensor.Backend = ref.New()
	if level, ok := strings.CutPrefix(name, "cpu"); ok {
		c, err := cpu.Open(strings.TrimPrefix(level, ":"))
		if err != nil {
			t.Fatal(err)
		}
		b = c
	}
	root := tensor.Open(b)
	t.Cleanup(func() {
		if err := root.Close(); err != nil {
			t.Error(err)
		}
	})
	return root
}
