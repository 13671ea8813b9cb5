package tensor

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// A Tensor names elements in a buffer. It is immutable; only a planner rebinds it.
type Tensor struct {
	Spec
	buf    Buffer
	offset int // bytes
	scope  *Scope
}

// Buffer is where t's elements are: a buffer and an offset in bytes.
func (t *Tensor) Buffer() (b Buffer, offset int) { return t.buf, t.offset }

// Bind moves t's name to other elements. Only a planner does that.
func (t *Tensor) Bind(b Buffer, offset int) { t.buf, t.offset = b, offset }

// A Recorder is told of every op applied in a step.
type Recorder interface {
	Record(op Op, out, in []*Tensor)
}

// A Scope owns tensors. There are two kinds. The root keeps parameters, state, inputs and
// outputs, and runs no ops. A step runs ops, keeps what they made until it returns, and belongs
// to one goroutine.
type Scope struct {
	backend   Backend
	exact     bool
	buffers   []Buffer
	arena     Buffer         // of a root's plans
	fallbacks map[string]int // of a root
	over      bool           // closed, or returned
	busy      bool           // of a root: a step is running

	root     *Scope // of a step; nil for a root
	recorder Recorder
	commit   commit
}

// Open makes a root on b.
func Open(b Backend) *Scope {
	_, exact := As[Exact](b)
	return &Scope{backend: b, exact: exact, fallbacks: map[string]int{}}
}

// Backend is where s's tensors live.
func (s *Scope) Backend() Backend { return s.backend }

// New makes a root tensor; its contents are undefined. On an exact root floats become F64.
func (s *Scope) New(spec Spec) *Tensor {
	if s.root != nil {
		misuse("New inside a step; root tensors are made before it", spec)
	}
	if s.over {
		misuse("New on a closed root", spec)
	}
	if len(spec.Shape) > MaxRank || slices.ContainsFunc(spec.Shape, func(n int) bool { return n < 0 }) {
		misuse(fmt.Sprintf("New wants at most %d axes, none negative", MaxRank), spec)
	}
	return s.alloc(s.wide(spec))
}

func (s *Scope) alloc(spec Spec) *Tensor {
	b := s.backend.Alloc(spec.Bytes())
	s.buffers = append(s.buffers, b)
	return &Tensor{Spec: spec, buf: b, scope: s}
}

// Arena is memory of at least the given bytes that all plans of root s share: one of them runs at
// a time, and none keeps anything there. A larger request replaces it by another buffer.
func (s *Scope) Arena(bytes int) Buffer {
	if s.root != nil || s.over {
		misuse("Arena of a step or of a closed root")
	}
	if s.arena != nil && s.arena.Bytes() >= bytes {
		return s.arena
	}
	if s.arena != nil {
		s.backend.Free(s.arena)
	}
	s.arena = s.backend.Alloc(bytes)
	return s.arena
}

// Run calls step, commits what it assigned, and frees what it made. If step panics, nothing is
// committed.
func (s *Scope) Run(step func(s *Scope)) { s.RunOn(s.backend, step) }

// RunOn is Run with the step's ops sent to b.
func (s *Scope) RunOn(b Backend, step func(s *Scope)) {
	if s.root != nil {
		misuse("Run inside a step; there are two levels of scopes, not more")
	}
	if s.busy {
		misuse("Run inside a step of the same root")
	}
	if s.over {
		misuse("Run on a closed root")
	}
	s.busy = true
	defer func() { s.busy = false }()
	c := &Scope{backend: b, exact: s.exact, root: s}
	c.commit.init()
	defer c.free()
	step(c)
	c.recorder = nil
	c.commit.land(c)
}

func (s *Scope) free() {
	for _, b := range s.buffers {
		s.backend.Free(b)
	}
	if s.arena != nil {
		s.backend.Free(s.arena)
	}
	s.buffers, s.arena, s.over = nil, nil, true
}

// Sync waits for everything queued, and returns the first failure since Open.
func (s *Scope) Sync() error { return s.backend.Sync() }

// Close frees everything and closes the backend.
func (s *Scope) Close() error {
	if s.root != nil {
		misuse("Close of a step; it ends when its function returns")
	}
	if s.over {
		return nil
	}
	err := s.backend.Sync()
	s.free()
	if c, ok := As[io.Closer](s.backend); ok {
		if e := c.Close(); err == nil {
			err = e
		}
	}
	return err
}

// Fallbacks counts, by op, what ran by its definition because the backend has no kernel.
func (s *Scope) Fallbacks() map[string]int { return maps.Clone(s.fallbacks) }

// Record makes r see every op from now on; nil stops. It returns who saw them before.
func (s *Scope) Record(r Recorder) (previous Recorder) {
	previous, s.recorder = s.recorder, r
	return previous
}
