package tensor_test

import (
	"testing"

	"kith/backends/ref"
	"kith/tensor"
)

// TestArena asks for more and for less memory than the arena has.
func TestArena(t *testing.T) {
	root := tensor.Open(ref.New())
	small := root.Arena(100)
	if small.Bytes() < 100 {
		t.Fatalf("got %d bytes, want 100", small.Bytes())
	}
	if root.Arena(50) != small || root.Arena(small.Bytes()) != small {
		t.Error("a request that fits got another buffer")
	}
	large := root.Arena(small.Bytes() + 1)
	if large == small || large.Bytes() <= small.Bytes() {
		t.Errorf("got %d bytes, want more than %d", large.Bytes(), small.Bytes())
	}
	root.Run(func(s *tensor.Scope) {
		var err error
		func() {
			defer tensor.Catch(&err)
			s.Arena(1)
		}()
		if err == nil {
			t.Error("a step gave an arena")
		}
	})
	root.Close()
	var err error
	func() {
		defer tensor.Catch(&err)
		root.Arena(1)
	}()
	if err == nil {
		t.Error("a closed root gave an arena")
	}
}
