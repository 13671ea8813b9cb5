package simd

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fenced returns n elements between two pages that cannot be touched, against the first one or
// against the second: a kernel that reads or writes past an operand faults.
func fenced(t testing.TB, n int, atStart bool) []float32 {
	page := unix.Getpagesize()
	bytes := (4*n + page - 1) / page * page
	mem, err := unix.Mmap(-1, 0, bytes+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(mem) })
	for _, fence := range [][]byte{mem[:page], mem[page+bytes:]} {
		if err := unix.Mprotect(fence, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	body := mem[page : page+bytes]
	if !atStart {
		body = body[bytes-4*n:]
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&body[0])), n)
}
