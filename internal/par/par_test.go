package par

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Each chunk runs exactly once, whatever the number of threads, and Run returns after the last.
func TestForRunsEachChunkOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 6} {
		p := New(threads)
		for _, n := range []int{0, 1, 2, 3, 7, 100, 1000} {
			count := make([]atomic.Int32, n)
			p.For(n, func(i int) { count[i].Add(1) })
			for i := range count {
				if got := count[i].Load(); got != 1 {
					t.Fatalf("threads %d, n %d: chunk %d ran %d times, want 1", threads, n, i, got)
				}
			}
		}
		p.Close()
	}
}

// Loops within loops and loops from several goroutines at once still run each chunk once.
func TestNestedAndConcurrent(t *testing.T) {
	p := New(3)
	defer p.Close()
	var callers sync.WaitGroup
	for range 3 {
		callers.Go(func() {
			for range 200 {
				var sum atomic.Int64
				p.For(8, func(i int) {
					p.For(4, func(j int) { sum.Add(int64(i*4 + j)) })
				})
				if got := sum.Load(); got != 31*32/2 {
					t.Errorf("sum %d, want %d", got, 31*32/2)
				}
			}
		})
	}
	callers.Wait()
}

// Work reaches a worker that has parked.
func TestParkedWorkersWake(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("one processor: the caller may finish every chunk before a worker runs")
	}
	p := New(2)
	defer p.Close()
	for p.workers[0].parked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	var entered atomic.Int32
	p.For(2, func(int) { // each chunk waits for the other: one thread alone would never end
		entered.Add(1)
		for entered.Load() < 2 {
			runtime.Gosched()
		}
	})
}

func TestCloseEndsWorkers(t *testing.T) {
	before := runtime.NumGoroutine()
	p := New(5)
	p.For(10, func(int) {})
	p.Close()
	p.Close()
	if got := runtime.NumGoroutine(); got > before {
		t.Errorf("%d goroutines after Close, %d before New", got, before)
	}
	ran := 0
	p.For(3, func(int) { ran++ })
	if ran != 3 {
		t.Errorf("a closed pool ran %d chunks, want 3", ran)
	}
}

type count struct{ n atomic.Int64 }

func (c *count) Chunk(int) { c.n.Add(1) }

func TestRunAllocatesNothing(t *testing.T) {
	p := New(2)
	defer p.Close()
	c := new(count)
	if got := testing.AllocsPerRun(100, func() { p.Run(16, c) }); got != 0 {
		t.Errorf("%v allocations a loop, want 0", got)
	}
}

func ExamplePool_For() {
	p := New(2)
	defer p.Close()
	squares := make([]int, 4)
	p.For(len(squares), func(i int) { squares[i] = i * i })
	fmt.Println(squares)
	// Output: [0 1 4 9]
}

func BenchmarkForkJoin(b *testing.B) {
	p := New(0)
	defer p.Close()
	c := new(count)
	for b.Loop() {
		p.Run(p.Threads(), c)
	}
}

// BenchmarkWake measures how long a parked worker takes to join a loop: the two chunks wait for
// each other, after a pause in which the worker has parked.
func BenchmarkWake(b *testing.B) {
	p := New(2)
	defer p.Close()
	for b.Loop() {
		b.StopTimer()
		for from := time.Now(); time.Since(from) < 2*spin; {
		}
		var met atomic.Int32
		b.StartTimer()
		p.For(2, func(int) {
			met.Add(1)
			for from := time.Now(); met.Load() < 2 && time.Since(from) < 10*time.Millisecond; {
			}
		})
	}
}

// TestPanic: a panic in a chunk reaches the caller of the loop, and the pool can still be closed.
func TestPanic(t *testing.T) {
	p := New(2)
	var begun atomic.Int32
	func() {
		defer func() {
			if r := recover(); r != "chunk" {
				t.Errorf("recovered %v", r)
			}
		}()
		p.For(2, func(int) {
			for begun.Add(1); begun.Load() < 2; { // each thread has one
				runtime.Gosched()
			}
			if !onWorker() {
				panic("chunk")
			}
		})
	}()
	closed := make(chan struct{})
	go func() { p.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("a pool whose loop panicked is not closed")
	}
}

// onWorker reports whether a pool's worker called the caller.
func onWorker() bool {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	for f, more := frames.Next(); more; f, more = frames.Next() {
		if strings.HasSuffix(f.Function, ".(*Pool).work") {
			return true
		}
	}
	return false
}
