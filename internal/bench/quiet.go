package bench

import (
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// A Load is what else a machine does.
type Load struct {
	Average float64 // processes that ran or waited, over the last minute
	Idle    float64 // share of the cores' time, over the last half second
}

// quietIdle is how idle a machine must be for figures to be its own, and quietFor how long.
const (
	quietIdle = 0.92
	quietFor  = 500 * time.Millisecond
)

// Quiet reports whether figures are those of a machine to itself.
func (l Load) Quiet() bool { return l.Idle > quietIdle }

func (l Load) String() string {
	s := fmt.Sprintf("load average %.2f, %.0f %% idle", l.Average, 100*l.Idle)
	if !l.Quiet() {
		s += ": other work takes part of the machine, and figures come out too low"
	}
	return s
}

// AwaitQuiet waits until the machine is quiet, but no longer than limit. It reads Linux's proc file system;
// where there is none it returns an error at once.
func AwaitQuiet(proc fs.FS, limit time.Duration, sleep func(time.Duration)) (l Load, err error) {
	busy, all, err := coreTime(proc)
	for waited := time.Duration(0); err == nil; {
		sleep(quietFor)
		waited += quietFor
		b, a, failed := coreTime(proc)
		if failed != nil {
			return l, failed
		}
		l.Idle = 1 - (b-busy)/max(a-all, 1)
		if busy, all = b, a; l.Quiet() || waited >= limit {
			return l, readNumbers(proc, "loadavg", "%f", &l.Average)
		}
	}
	return l, err
}

// coreTime returns how long all cores have been busy since the start, and how long in all. What a hypervisor
// gave to others counts as busy.
func coreTime(proc fs.FS) (busy, all float64, err error) {
	var t [8]float64 // user, nice, system, idle, waiting for disks, interrupts, soft ones, stolen
	var in [len(t)]any
	for i := range t {
		in[i] = &t[i]
	}
	err = readNumbers(proc, "stat", "cpu"+strings.Repeat(" %f", len(t)), in[:]...)
	for _, x := range t {
		all += x
	}
	return all - t[3] - t[4], all, err
}

// readNumbers reads the beginning of a file.
func readNumbers(proc fs.FS, name, format string, into ...any) error {
	text, err := fs.ReadFile(proc, name)
	if err == nil {
		_, err = fmt.Sscanf(strings.Join(strings.Fields(string(text)), " "), format, into...)
	}
	return err
}
