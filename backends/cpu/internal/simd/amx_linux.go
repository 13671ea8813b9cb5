//go:build amd64 && gc && !noasm

package simd

import (
	"sync"

	"golang.org/x/sys/unix"
)

// mayUseTiles asks the system, once, to let the process use tile registers: their 8 KiB are part of
// a thread's state only after that. A system that does not know them, or has them turned off, says no.
var mayUseTiles = sync.OnceValue(func() bool {
	const requestPermission, tileData = 0x1023, 18
	_, _, errno := unix.Syscall(unix.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
})
