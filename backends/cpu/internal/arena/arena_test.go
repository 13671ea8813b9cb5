package arena

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

func address(b *Block) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b.Data))) }

// Blocks are aligned, as long as asked for, and never overlap while they live.
func TestBlocksAreDisjoint(t *testing.T) {
	var a Arena
	defer a.Close()
	r := rand.New(rand.NewPCG(3, 4))
	live := map[*Block]byte{}
	for i := range 3000 {
		if len(live) > 40 {
			for b, mark := range live {
				for j, v := range b.Data {
					if v != mark {
						t.Fatalf("byte %d of a block of %d is %d, want %d", j, len(b.Data), v, mark)
					}
				}
				a.Free(b)
				delete(live, b)
				break
			}
		}
		n := r.IntN(1 << (1 + r.IntN(17)))
		b, err := a.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Data) != n {
			t.Fatalf("asked for %d bytes, got %d", n, len(b.Data))
		}
		if n > 0 && address(b)%align != 0 {
			t.Fatalf("a block of %d bytes at %#x, want a multiple of %d", n, address(b), align)
		}
		mark := byte(i)
		for j := range b.Data {
			b.Data[j] = mark
		}
		live[b] = mark
	}
}

// The same sizes over and over need no memory after the first time, on either heap.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	var a Arena
	defer a.Close()
	sizes := []int{0, 4, 100, 4096, 4097, 70_000, 1 << 20, 3 << 20}
	blocks := make([]*Block, len(sizes))
	step := func() {
		for i, n := range sizes {
			b, err := a.Alloc(n)
			if err != nil {
				t.Fatal(err)
			}
			blocks[i] = b
		}
		for _, b := range blocks {
			a.Free(b)
		}
	}
	step()
	mapped := a.Mapped()
	if got := testing.AllocsPerRun(50, step); got != 0 {
		t.Errorf("%v Go allocations a step, want 0", got)
	}
	if a.Mapped() != mapped {
		t.Errorf("mapped %d bytes after many steps, %d after one", a.Mapped(), mapped)
	}
	if a.Live() != 0 {
		t.Errorf("%d bytes live after all were freed", a.Live())
	}
}

func TestClasses(t *testing.T) {
	last := 0
	for n := 0; n < 1<<32; n += 1 + n>>20*4099 {
		c := classOf(n)
		if c < n || c < last || c%align != 0 {
			t.Fatalf("class of %d is %d, of %d %d", n, c, n-1, last)
		}
		if n > page && float64(c) > min(1.13*float64(n)+page, float64(n+huge)) {
			t.Fatalf("class of %d is %d: too large", n, c)
		}
		if classOf(c) != c {
			t.Fatalf("class of class %d is %d", c, classOf(c))
		}
		last = c
	}
}

// Large blocks come fresh through Touch, each page once.
func TestTouch(t *testing.T) {
	touched := 0
	a := Arena{Touch: func(b []byte) { touched += len(b) }}
	defer a.Close()
	for range 2 {
		if _, err := a.Alloc(100 << 20); err != nil {
			t.Fatal(err)
		}
	}
	if touched != a.Mapped() {
		t.Errorf("touched %d bytes of %d", touched, a.Mapped())
	}
}

// What is released costs no memory, and comes back as any other block.
func TestRelease(t *testing.T) {
	var a Arena
	defer a.Close()
	b, err := a.Alloc(8 << 20)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b.Data {
		b.Data[i] = 7
	}
	other, err := a.Alloc(100)
	if err != nil {
		t.Fatal(err)
	}
	other.Data[99] = 5
	at, mapped := address(b), a.Mapped()
	a.Release(b)
	if b, err = a.Alloc(8 << 20); err != nil || address(b) != at || a.Mapped() != mapped {
		t.Errorf("at %#x, mapped %d, %v; want the block at %#x again, mapped %d", address(b), a.Mapped(), err, at, mapped)
	}
	b.Data[0], b.Data[len(b.Data)-1] = 1, 2
	if other.Data[99] != 5 {
		t.Error("a neighbor has changed")
	}
}

// What is left of a region is used, whatever was mapped after it.
func TestRests(t *testing.T) {
	var a Arena
	defer a.Close()
	for _, n := range []int{1 << 20, 3 << 20, 1 << 20, 1 << 20} {
		if _, err := a.Alloc(n); err != nil {
			t.Fatal(err)
		}
	}
	if a.Mapped() > 8<<20 {
		t.Errorf("mapped %d bytes for 6 MiB", a.Mapped())
	}
}
