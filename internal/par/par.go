// Package par runs loops on a pool of persistent workers.
//
// A loop is cut into chunks, which the workers and the caller claim from one counter. Claiming,
// rather than dealing out, makes a descheduled worker harmless: the join waits only for chunks
// that somebody has begun. Workers spin for a while after a loop and then park, because waking a
// parked goroutine costs 30 to 150 µs, most in a virtual machine, and a spinning one 0.3 µs.
//
// What a loop computes must depend on shapes alone, never on the number of workers: results are the
// same bits for any pool then. So where a chunk is part of a result, as in sums, shapes say how the loop is cut.
package par

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Task is the body of a loop. Passing a pointer to a long-lived Task allocates nothing, where a
// closure would be allocated anew for each loop.
type Task interface {
	// Chunk does the work of one chunk. It is called from any worker, in any order.
	Chunk(i int)
}

// Func is a function as a Task.
type Func func(chunk int)

// Chunk calls f.
func (f Func) Chunk(i int) { f(i) }

const (
	line = 128 // bytes; two cache lines, since the prefetcher pulls pairs

	// spin is how long an idle worker looks for the next loop before it parks: longer than the serial
	// parts of a training step, which 150 µs were not (46 parks a step of ResNet-18).
	spin  = time.Millisecond
	late  = 40 * time.Microsecond // a gap between two looks that means: somebody else had the core
	looks = 32                    // pauses between two readings of the clock, about 2 to 5 µs
	fair  = 1 << 14               // pauses of a join, about 1 ms, after which it yields its thread
)

// A Pool is a set of workers. Its methods may be called from any goroutine.
type Pool struct {
	state atomic.Uint64 // chunks of the loop in the high half, claims so far in the low half
	_     [line - 8]byte
	done  atomic.Uint64 // chunks finished
	_     [line - 8]byte

	mu      sync.Mutex // held while a loop runs
	task    Task       // written under mu while nothing can be claimed, read after a claim
	workers []worker
	closed  atomic.Bool
	ended   sync.WaitGroup
}

type worker struct {
	parked atomic.Uint32
	wake   chan struct{} // capacity 1
	_      [line - 16]byte
}

// New starts a pool for loops on threads threads, the caller's included; below 1 it takes
// GOMAXPROCS, which the runtime derives from the machine and the cgroup's quota.
func New(threads int) *Pool {
	if threads < 1 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := &Pool{workers: make([]worker, threads-1)}
	p.ended.Add(len(p.workers))
	for i := range p.workers {
		p.workers[i].wake = make(chan struct{}, 1)
		go p.work(&p.workers[i])
	}
	return p
}

// Threads returns the number of threads that loops run on.
func (p *Pool) Threads() int { return len(p.workers) + 1 }

// For calls body(0) … body(n-1), each once, on any worker and in any order, and returns when all
// have. A loop inside a loop, or beside another one, runs its chunks on the caller alone.
func (p *Pool) For(n int, body func(chunk int)) { p.Run(n, Func(body)) }

// Run is For of t.Chunk. It allocates nothing.
func (p *Pool) Run(n int, t Task) {
	if n <= 1 || len(p.workers) == 0 || !p.mu.TryLock() {
		for i := range n {
			t.Chunk(i)
		}
		return
	}
	defer p.mu.Unlock() // also when a chunk panics, or Close would wait for the loop
	p.task = t
	p.done.Store(0)
	p.state.Store(uint64(n) << 32) // publishes task
	p.rouse(n - 1)
	p.claim()
	p.join(uint64(n))
	p.task = nil
}

// rouse wakes parked workers, at most n.
func (p *Pool) rouse(n int) {
	for i := range p.workers[:min(n, len(p.workers))] {
		w := &p.workers[i]
		if w.parked.Load() == 1 && w.parked.CompareAndSwap(1, 0) {
			w.wake <- struct{}{}
		}
	}
}

// join waits for the chunks that workers have claimed. Those nobody claimed the caller has run.
func (p *Pool) join(n uint64) {
	for i := 1; p.done.Load() != n; i++ {
		pause()
		if i%fair == 0 {
			runtime.Gosched()
		}
	}
}

// open reports whether the current loop has chunks that nobody has claimed.
func (p *Pool) open() bool {
	s := p.state.Load()
	return uint32(s) < uint32(s>>32)
}

// claim runs chunks until none is left. It looks before it adds, so that idle workers do not
// count the claims up. A claim may belong to a later loop than the one looked at; task is read
// after the claim and is that loop's.
func (p *Pool) claim() {
	for p.open() {
		s := p.state.Add(1) - 1
		if uint32(s) >= uint32(s>>32) {
			return
		}
		p.task.Chunk(int(uint32(s)))
		p.done.Add(1)
	}
}

// work is a worker's life. It is not locked to a thread of the system: waking a locked goroutine takes
// one thread to find it and another to run it, which made 130 µs 500.
func (p *Pool) work(w *worker) {
	defer p.ended.Done()
	for !p.closed.Load() {
		if p.linger() {
			p.claim()
			continue
		}
		w.parked.Store(1)
		// A loop that began before the line above did not see this worker parked.
		if (p.open() || p.closed.Load()) && w.parked.CompareAndSwap(1, 0) {
			continue
		}
		<-w.wake
	}
}

// linger spins until a loop has chunks to claim, and gives up after a while. It gives up at once
// when the clock jumps: then more threads want to run than there are cores, and a spinning
// worker would only take time from those that work.
func (p *Pool) linger() bool {
	start := time.Now()
	for last := time.Duration(0); ; {
		for range looks {
			if p.open() {
				return true
			}
			pause()
		}
		now := time.Since(start)
		if now > spin || now-last > late || p.closed.Load() {
			return false
		}
		last = now
	}
}

// Close ends the workers and waits for them. Loops run on the caller alone from then on. No loop
// may be running; closing twice is fine.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Swap(true) {
		return
	}
	p.rouse(len(p.workers))
	p.ended.Wait()
	p.workers = nil
}
