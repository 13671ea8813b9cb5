package train

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"testing"

	"kith/backends/cpu"
	"kith/internal/testflag"
	"kith/tensor"
)

// counting is a backend that counts the buffers asked for, and those that live.
type counting struct {
	tensor.Backend
	allocs, live int
}

func (c *counting) Alloc(bytes int) tensor.Buffer {
	c.allocs++
	c.live++
	return c.Backend.Alloc(bytes)
}

func (c *counting) Free(b tensor.Buffer) {
	c.live--
	c.Backend.Free(b)
}

// Unwrap lets optional interfaces of the backend be found.
func (c *counting) Unwrap() tensor.Backend { return c.Backend }

// A reading is what a run holds at one of its steps.
type reading struct {
	step, allocs, live, goroutines int
	resident                       int64
}

// A long run holds what it held after its third step: a step asks for no buffer, nothing starts
// goroutines that stay, and memory does not grow, whatever crosses the border to the host: batches,
// metrics, checkpoints and evaluations.
func TestMemory(t *testing.T) {
	steps := 60
	if testflag.Long() {
		steps = 300
	}
	inner, err := cpu.Open("")
	if err != nil {
		t.Fatal(err)
	}
	b := &counting{Backend: inner}
	var seen []reading
	j := newJobOn(t, b, t.TempDir(), func(j *Job) {
		j.Steps, j.LogEvery, j.Look = steps, 1, nil
		j.EvalEvery, j.SaveEvery = Every{Steps: 20}, Every{Steps: 20}
		j.Loader.Workers = 2
		j.Rate = func(int, float64) float64 { return .01 }
		j.Events = func(e Event) {
			if e.Kind == "train" && e.Step%5 == 3 {
				debug.FreeOSMemory()
				seen = append(seen, reading{e.Step, b.allocs, b.live, runtime.NumGoroutine(), rss(t)})
			}
		}
	})
	if _, err := Run(context.Background(), j, New()); err != nil {
		t.Fatal(err)
	}
	start := seen[0]
	for i, r := range seen {
		if r.live != start.live {
			t.Errorf("step %d: %d buffers, %d after step 3", r.step, r.live, start.live)
		}
		if i > 0 && seen[i-1].step/20 == r.step/20 && r.allocs != seen[i-1].allocs { // no evaluation between
			t.Errorf("steps %d to %d asked for %d buffers", seen[i-1].step, r.step, r.allocs-seen[i-1].allocs)
		}
		if r.goroutines > start.goroutines+1 { // a checkpoint may be being written
			t.Errorf("step %d: %d goroutines, %d after step 3", r.step, r.goroutines, start.goroutines)
		}
	}
	// From the first evaluation and save on, all there is to come has come once. One activation of
	// the first block leaked a step would add 10 MB to the short form.
	const noise = 4 << 20 // of the collector, in bytes
	warm, last := seen[len(seen)*5/12], seen[len(seen)-1]
	grown := last.resident - warm.resident
	t.Logf("resident %.1f MB after step %d, %+.2f MB by step %d", float64(warm.resident)/1e6, warm.step, float64(grown)/1e6, last.step)
	if grown > noise {
		t.Errorf("memory grew by %d bytes from step %d to %d", grown, warm.step, last.step)
	}
}

// rss is the memory of the process that is in RAM, 0 where the system does not tell.
func rss(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages int64
	if _, err := fmt.Fscan(bytes.NewReader(text), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
