package truth

import (
	"strings"
	"testing"

	"kith/backends"
	"kith/backends/ref"
	"kith/tensor"
)

// open is a root on the named backend, closed with the test. "like:cpu" is the definition, planned
// as the cpu would be: its fusions and its order of work in float64.
func open(t testing.TB, name string) *tensor.Scope {
	t.Helper()
	name, like := strings.CutPrefix(name, "like:")
	b, err := backends.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	if like {
		b = ref.Like(b)
	}
	root := tensor.Open(b)
	t.Cleanup(func() {
		if err := root.Close(); err != nil {
			t.Error(err)
		}
	})
	return root
}
