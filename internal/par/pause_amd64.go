//go:build gc && !noasm

package par

// pause tells the core that this thread is spinning: 4 × PAUSE. It returns each time, so that the
// goroutine stays preemptible.
//
//go:noescape
func pause()
