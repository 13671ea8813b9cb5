//go:build unix

package main

import (
	"os"
	"syscall"
)

// stopSignals ask a run to stop. SIGUSR1 is Slurm's way (--signal=USR1@120).
func stopSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1} }
