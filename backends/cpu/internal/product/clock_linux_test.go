package product

import (
	"time"

	"golang.org/x/sys/unix"
)

// clock returns the processor time of this thread: on a machine that others use too, it alone says
// what a loop on one thread costs.
func clock() time.Duration {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}
