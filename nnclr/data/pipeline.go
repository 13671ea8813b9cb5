package data

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"kith/tensor/rng"
)

// A plan is one pass over the data: which images each step takes, and the key of their draws.
type plan struct {
	*Loader
	ctx    context.Context
	bad    *Bad
	key    rng.Key
	images func(step int) []int
	from   int  // first step
	steps  int  // one past the last
	first  int  // number of step 0 in the whole run
	leave  bool // leave bad images out instead of replacing them
}

// A slot is the memory of one batch.
type slot struct {
	Batch
	images  []int
	err     []error
	pics    []Picture // Raw
	pending atomic.Int32
	done    chan struct{} // gets a value when nothing is pending
}

// A task is one image of a slot.
type task struct {
	slot *slot
	row  int
}

// A worker is the scratch memory of one goroutine.
type worker struct {
	aug    Augmenter
	pic    Picture
	active atomic.Int64 // 1 + the image it is reading; 0: none
}

// A pool keeps the memory of finished passes for the next one.
type pool struct {
	mu    sync.Mutex
	slots []*slot
	work  []*worker
}

const (
	stuckAfter = 30 * time.Second
	stopWithin = 100 * time.Millisecond // a hung read is not waited for longer
)

// run drives the pass. The caller's goroutine hands out the images of a batch as soon as its
// memory is free; workers take them in any order; batches are yielded in order.
func (p *plan) run(yield func(*Batch, error) bool) {
	if p.bad = p.Bad; p.bad == nil {
		p.bad = new(Bad)
	}
	slots, work := p.borrow()
	// Room for every image of every slot: sending never blocks, so no goroutine only hands out work.
	tasks := make(chan task, len(slots)*p.Size)
	stop := make(chan struct{})
	var group sync.WaitGroup
	for _, w := range work[:p.Workers] {
		group.Go(func() { p.serve(w, tasks, stop) })
	}
	defer func() {
		close(stop)
		if ended(&group) {
			p.giveBack(slots, work)
		}
	}()
	start := func(step int) {
		if step < p.steps {
			p.start(slots[step%len(slots)], step, tasks)
		}
	}
	for step := p.from; step < p.from+len(slots)-1; step++ {
		start(step)
	}
	for step := p.from; step < p.steps; step++ {
		start(step + len(slots) - 1) // into the batch that the last iteration was done with
		s := slots[step%len(slots)]
		if err := p.finish(s, work, tasks, step); err != nil {
			yield(nil, err)
			return
		}
		if len(s.Index) > 0 && !yield(&s.Batch, nil) {
			return
		}
	}
}

// ended waits for the workers, but not for ever.
func ended(group *sync.WaitGroup) bool {
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	select {
	case <-done:
		return true
	case <-time.After(stopWithin):
		return false
	}
}

// start sizes a slot for a step and hands out its images.
func (p *plan) start(s *slot, step int, tasks chan<- task) {
	s.images = p.images(step)
	n := len(s.images)
	s.Step = p.first + step
	s.Index, s.Labels = resize(s.Index, n), resize(s.Labels, n)
	s.err = resize(s.err, n)
	clear(s.err)
	s.Views, s.Draws = resize(s.Views, len(p.Views)), resize(s.Draws, len(p.Views))
	for v := range p.Views {
		if p.Raw {
			s.Draws[v] = resize(s.Draws[v], n*DrawLen)
			continue
		}
		s.Views[v] = resize(s.Views[v], n*p.Views[v].len())
	}
	if p.Raw {
		s.Views, s.pics = s.Views[:0], resize(s.pics, n)
	} else {
		s.Draws = s.Draws[:0]
	}
	s.pending.Store(int32(n))
	for i := range n {
		tasks <- task{s, i}
	}
}

func (v *View) len() int { return 3 * v.Size * v.Size }

// resize returns s with n elements of undefined content, which keep what memory they own.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		s = append(s[:cap(s)], make([]T, n-cap(s))...)
	}
	return s[:n]
}

// serve makes views until it is told to stop.
func (p *plan) serve(w *worker, tasks <-chan task, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case t := <-tasks:
			select {
			case <-stop: // both were ready
				return
			default:
			}
			p.make(w, t)
		}
	}
}

// make fills one row of a batch.
func (p *plan) make(w *worker, t task) {
	s, row := t.slot, t.row
	pic := &w.pic
	if p.Raw {
		pic = &s.pics[row]
	}
	w.active.Store(int64(s.images[row]) + 1)
	index, label, err := p.load(s.images[row], pic)
	w.active.Store(0)
	s.Index[row], s.Labels[row], s.err[row] = int32(index), int32(label), err
	if index >= 0 && err == nil {
		// The key is that of the image that is shown, also where it stands in for a bad one.
		key := p.key.At(uint64(index))
		for v := range p.Views {
			p.view(w, s, row, v, pic, key.At(uint64(v)))
		}
	}
	if s.pending.Add(-1) == 0 {
		s.done <- struct{}{}
	}
}

func (p *plan) view(w *worker, s *slot, row, v int, pic *Picture, key rng.Key) {
	view := &p.Views[v]
	if p.Raw {
		d := view.Draw(key, pic.W, pic.H)
		d.Encode(s.Draws[v][row*DrawLen:(row+1)*DrawLen], view.Norm)
		return
	}
	w.aug.Make(s.Views[v][row*view.len():(row+1)*view.len()], pic, view, key)
}

// finish waits until a slot is full, or fills it if there are no workers.
func (p *plan) finish(s *slot, work []*worker, tasks <-chan task, step int) error {
	if p.Workers == 0 {
		for s.pending.Load() > 0 {
			if err := p.ctx.Err(); err != nil {
				return err
			}
			p.make(work[0], <-tasks)
		}
	}
	if err := p.wait(s, work); err != nil {
		return err
	}
	for _, err := range s.err {
		if err != nil {
			return err
		}
	}
	if p.leave {
		s.compact(p.Views)
	}
	if p.Raw {
		if err := s.pack(); err != nil {
			return err
		}
	}
	return p.bad.judge(step == p.steps-1)
}

// wait blocks until all rows are there, and reports reads that hang.
func (p *plan) wait(s *slot, work []*worker) error {
	alarm := time.NewTimer(stuckAfter)
	defer alarm.Stop()
	for {
		select {
		case <-s.done:
			return nil
		case <-p.ctx.Done():
			return p.ctx.Err()
		case <-alarm.C:
			p.report(work)
			alarm.Reset(stuckAfter)
		}
	}
}

// report names what the workers are reading.
func (p *plan) report(work []*worker) {
	var names []string
	for _, w := range work {
		if i := w.active.Load(); i > 0 {
			names = append(names, Name(p.Data, int(i-1)))
		}
	}
	stacks := make([]byte, 1<<16)
	stacks = stacks[:runtime.Stack(stacks, true)]
	if p.Stuck != nil {
		p.Stuck(names, stacks)
		return
	}
	slog.Warn("reading takes over 30 s", "files", names, "stacks", string(stacks))
}

// compact moves the rows of good images together.
func (s *slot) compact(views []View) {
	n := 0
	for i, index := range s.Index {
		if index < 0 {
			continue
		}
		if n < i {
			s.Index[n], s.Labels[n] = index, s.Labels[i]
			for v := range s.Views {
				size := views[v].len()
				copy(s.Views[v][n*size:(n+1)*size], s.Views[v][i*size:])
			}
			for v := range s.Draws {
				copy(s.Draws[v][n*DrawLen:(n+1)*DrawLen], s.Draws[v][i*DrawLen:])
			}
			if len(s.pics) > 0 {
				s.pics[n], s.pics[i] = s.pics[i], s.pics[n]
			}
		}
		n++
	}
	s.Index, s.Labels = s.Index[:n], s.Labels[:n]
	for v := range s.Views {
		s.Views[v] = s.Views[v][:n*views[v].len()]
	}
	for v := range s.Draws {
		s.Draws[v] = s.Draws[v][:n*DrawLen]
	}
}

// pack lays the pictures of a raw batch one after another.
func (s *slot) pack() error {
	s.Pixels, s.Place = s.Pixels[:0], s.Place[:0]
	for i := range s.Index {
		p := &s.pics[i]
		if len(s.Pixels)+len(p.Pix) > math.MaxInt32 {
			return fmt.Errorf("the pictures of a batch take over 2 GiB; use a smaller batch or pack them")
		}
		s.Place = append(s.Place, int32(len(s.Pixels)), int32(p.W), int32(p.H))
		s.Pixels = append(s.Pixels, p.Pix...)
	}
	return nil
}

// borrow takes memory for a pass: that of an earlier one, or new.
func (p *plan) borrow() ([]*slot, []*worker) {
	p.pool.mu.Lock()
	defer p.pool.mu.Unlock()
	slots, work := p.pool.slots, p.pool.work
	p.pool.slots, p.pool.work = nil, nil
	for len(slots) < max(2, p.Ahead) {
		slots = append(slots, new(slot))
	}
	for _, s := range slots {
		s.done = make(chan struct{}, 1) // a pass that was cut off may have left a value in the old one
	}
	for len(work) < max(1, p.Workers) {
		work = append(work, new(worker))
	}
	return slices.Clip(slots[:max(2, p.Ahead)]), work
}

func (p *plan) giveBack(slots []*slot, work []*worker) {
	p.pool.mu.Lock()
	defer p.pool.mu.Unlock()
	p.pool.slots, p.pool.work = slots, work
}
