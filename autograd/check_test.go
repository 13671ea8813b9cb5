package autograd_test

import (
	"testing"

	"kith/autograd"
	"kith/backends/ref"
	"kith/tensor"
)

// Every op's rule against central differences of its definition.
func TestGradients(t *testing.T) {
	ran := 0
	for c := range tensor.Cases() {
		if c.Err != "" || c.Big || c.Kink {
			continue
		}
		if err := autograd.Check(ref.New(), c); err != nil {
			t.Error(err)
		}
		ran++
	}
	t.Logf("%d cases", ran)
}
