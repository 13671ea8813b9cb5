package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// stopOnSignal gives a context that ends at the first SIGINT, SIGTERM or SIGUSR1; the run then finishes its step and
// saves. A second signal ends the process at once. stop gives the signals back.
func stopOnSignal(ctx context.Context, first func(os.Signal)) (stopping context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, stopSignals()...)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case s := <-signals:
				if n > 0 {
					os.Exit(exitNow(s))
				}
				first(s)
				cancel()
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

// exitNow is the code of a process that a signal ended.
func exitNow(s os.Signal) int {
	if s == syscall.SIGTERM {
		return 143
	}
	return 130
}
