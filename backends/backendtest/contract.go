package backendtest

import (
	"errors"
	"io"
	"testing"

	"kith/tensor"
)

// contract tests what tensor.Backend promises apart from results.
func contract(t *testing.T, open func() tensor.Backend) {
	for _, part := range []struct {
		name string
		run  func(t *testing.T, b tensor.Backend)
	}{
		{"Order", inOrder},
		{"Reuse", reuse},
		{"Empty", empty},
		{"Memory", outOfMemory},
	} {
		t.Run(part.name, func(t *testing.T) {
			b := open()
			if b.Name() == "" {
				t.Error("no name")
			}
			part.run(t, b)
			if c, ok := tensor.As[io.Closer](b); ok {
				if err := c.Close(); err != nil {
					t.Error("close:", err)
				}
			}
		})
	}
}

// place4 is a tensor of four floats in a new buffer.
func place4(b tensor.Backend) *tensor.Tensor {
	t := &tensor.Tensor{Spec: f32(4)}
	t.Bind(b.Alloc(16), 0)
	return t
}

func free(b tensor.Backend, t *tensor.Tensor) {
	buf, _ := t.Buffer()
	b.Free(buf)
}

// inOrder frees what a queued op reads and lets others take the memory at once.
func inOrder(t *testing.T, b tensor.Backend) {
	sum := place4(b)
	b.Upload(sum, make([]byte, 16))
	one := []byte{0, 0, 0x80, 0x3f, 0, 0, 0x80, 0x3f, 0, 0, 0x80, 0x3f, 0, 0, 0x80, 0x3f}
	const n = 50
	for range n {
		x, y := place4(b), place4(b)
		b.Upload(x, one)
		tensor.Exec(b, tensor.Add{}, []*tensor.Tensor{y}, []*tensor.Tensor{sum, x})
		free(b, x)
		z := place4(b) // perhaps where x was
		b.Upload(z, make([]byte, 16))
		tensor.Exec(b, tensor.Write{}, nil, []*tensor.Tensor{sum, y})
		free(b, y)
		free(b, z)
	}
	got := make([]byte, 16)
	if err := b.Download(got, sum); err != nil {
		t.Fatal(err)
	}
	if want := "\x00\x00\x48\x42"; string(got[:4]) != want {
		t.Errorf("sum of %d ones is % x, want % x", n, got[:4], want)
	}
}

// reuse changes the source of an upload right after it.
func reuse(t *testing.T, b tensor.Backend) {
	x := place4(b)
	src := []byte("0123456789abcdef")
	b.Upload(x, src)
	clear(src)
	got := make([]byte, 16)
	if err := b.Download(got, x); err != nil || string(got) != "0123456789abcdef" {
		t.Errorf("downloaded %q, error %v", got, err)
	}
	other := place4(b)
	b.Upload(other, make([]byte, 16))
	if err := b.Download(got, x); err != nil || string(got) != "0123456789abcdef" {
		t.Errorf("after an upload to another buffer: %q, error %v", got, err)
	}
}

// empty allocates nothing, which is something that can be freed.
func empty(t *testing.T, b tensor.Backend) {
	x, y := b.Alloc(0), b.Alloc(0)
	if x == nil || y == nil {
		t.Fatal("Alloc(0) gave nil")
	}
	b.Free(x)
	b.Free(y)
	if err := b.Sync(); err != nil {
		t.Error(err)
	}
}

// outOfMemory asks for more than there is: the failure sticks, and everything after it does
// nothing, but does not crash.
func outOfMemory(t *testing.T, b tensor.Backend) {
	x := place4(b)
	b.Upload(x, make([]byte, 16))
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
	const petabyte = 1 << 50
	huge := b.Alloc(petabyte)
	if huge == nil {
		t.Fatal("Alloc gave nil")
	}
	big := &tensor.Tensor{Spec: tensor.Of(tensor.U8, petabyte)}
	big.Bind(huge, 0)
	b.Upload(big, []byte{1})
	b.Upload(x, []byte("0123456789abcdef"))
	tensor.Exec(b, tensor.Add{}, []*tensor.Tensor{x}, []*tensor.Tensor{x, x})
	first := b.Sync()
	var memory *tensor.MemoryError
	if !errors.As(first, &memory) || memory.Need != petabyte {
		t.Errorf("Sync gives %v, want a MemoryError of %d bytes", first, petabyte)
	}
	if err := b.Download(make([]byte, 16), x); !errors.Is(err, first) && err != first {
		t.Errorf("Download gives %v, want %v", err, first)
	}
	b.Free(huge)
	free(b, x)
	if again := b.Sync(); again != first {
		t.Errorf("the second Sync gives %v, the first gave %v", again, first)
	}
}
