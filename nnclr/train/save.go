package train

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"kith/internal/checkpoint"
	"kith/nn"
)

// Checkpoints says where a run's checkpoints are and which are kept.
type Checkpoints struct {
	Dir             string // "" saves none
	Keep, KeepEvery int    // the newest so many (0: 3), and each whose step is a multiple
	ReadOnly        bool   // of another run: damaged ones are not set aside

	ConfigDigest string // of the settings that shape the state
	DataDigest   string // of the list of images
	CodeVersion  string
}

// The files of a checkpoint. The support set is apart from the model, since extending a run and
// looking at neighbors want it, and exports do not.
const (
	modelFile     = "model.safetensors"
	optimizerFile = "optimizer.safetensors"
	supportFile   = "support.safetensors"
	stateFile     = "state.json"
)

// supportPrefix begins the names of the support set's states.
const supportPrefix = "Support."

type tensors = iter.Seq2[string, *nn.Param]

// files are a job's tensors by file.
func (j *Job) files() []struct {
	name string
	of   tensors
} {
	part := func(support bool) tensors {
		return func(yield func(string, *nn.Param) bool) {
			for name, p := range nn.Tensors(j.Method) {
				if strings.HasPrefix(name, supportPrefix) == support && !yield(name, p) {
					return
				}
			}
		}
	}
	slots := func(yield func(string, *nn.Param) bool) {
		for name, s := range j.Optimizer.States() {
			if !yield(name, (*nn.Param)(s)) {
				return
			}
		}
	}
	return []struct {
		name string
		of   tensors
	}{{modelFile, part(false)}, {optimizerFile, slots}, {supportFile, part(true)}}
}

func (c Checkpoints) store(warn func(string)) *checkpoint.Store {
	if c.Dir == "" {
		return nil
	}
	return &checkpoint.Store{Dir: c.Dir, Keep: c.Keep, KeepEvery: c.KeepEvery, ReadOnly: c.ReadOnly, Warn: warn}
}

// ErrOtherSettings says that a checkpoint is intact but of other settings or images.
var ErrOtherSettings = errors.New("checkpoint of other settings")

// Load gives the job's tensors the newest intact checkpoint and returns its state; New where there
// is none. Damaged checkpoints are set aside and told to warn, and the next older is taken. If
// there are checkpoints and none is intact, that is an error.
func Load(j *Job, warn func(string)) (*State, error) {
	store := j.Checkpoints.store(warn)
	if store == nil {
		return New(), nil
	}
	var state *State
	store.Check = func(s *checkpoint.Snapshot) (err error) {
		state, err = j.inspect(s)
		return err
	}
	snapshot, err := store.Load()
	if errors.Is(err, checkpoint.ErrNone) {
		return New(), nil
	}
	if err != nil {
		return nil, err
	}
	for _, f := range j.files() {
		if err := restore(snapshot, f.name, f.of, nn.Restore); err != nil {
			return nil, err
		}
	}
	return state, j.Root.Sync()
}

// inspect checks a checkpoint against the job without changing anything.
func (j *Job) inspect(s *checkpoint.Snapshot) (*State, error) {
	raw, err := s.Read(stateFile)
	if err != nil {
		return nil, err
	}
	state, err := decodeState(raw)
	if err != nil {
		return nil, err
	}
	if want := j.Checkpoints; state.ConfigDigest != want.ConfigDigest || state.DataDigest != want.DataDigest {
		return nil, fmt.Errorf("%w: %w", ErrOtherSettings, checkpoint.ErrForeign)
	}
	for _, f := range j.files() {
		if err := restore(s, f.name, f.of, nn.Fits); err != nil {
			return nil, err
		}
	}
	return state, nil
}

func restore(s *checkpoint.Snapshot, name string, of tensors, do func(io.ReaderAt, int64, tensors) error) error {
	f, err := s.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := do(f, f.Size(), of); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// saver writes one checkpoint at a time, beside the training that goes on.
type saver struct {
	store *checkpoint.Store
	done  chan saved // of the save under way; nil: none
	notes []string   // its warnings, which the loop passes on when it is done: events come from one goroutine
}

func (s *saver) note(text string) { s.notes = append(s.notes, text) }

// saved is the outcome of a save.
type saved struct {
	step  int
	bytes int64
	err   error
}

// save copies all state and has it written; with wait, until it is on disk.
func (r *loop) save(wait bool) error {
	if r.saver.store == nil {
		return nil
	}
	if err := r.settle(); err != nil {
		return err
	}
	files, bytes, err := r.snapshot()
	if err != nil {
		return err
	}
	step, meta := r.state.Step, checkpoint.Meta{
		ConfigDigest: r.Checkpoints.ConfigDigest, DataDigest: r.Checkpoints.DataDigest,
		CodeVersion: r.Checkpoints.CodeVersion, Metric: r.state.Scores.Last,
	}
	done := make(chan saved, 1)
	r.saver.done = done
	go func() { done <- saved{step, bytes, r.saver.store.Save(step, files, meta)} }()
	if wait {
		return r.settle()
	}
	return nil
}

// hear settles a save that has ended, without waiting for one that has not.
func (r *loop) hear() error {
	if len(r.saver.done) == 0 { // also where there is none
		return nil
	}
	return r.settle()
}

// settle waits for the save under way and tells how it went. A save that failed costs nothing but
// itself, until the third in a row.
func (r *loop) settle() error {
	if r.saver.done == nil {
		return nil
	}
	s := <-r.saver.done
	r.saver.done = nil
	for _, text := range r.saver.notes {
		r.warn(text)
	}
	r.saver.notes = nil
	if s.err == nil {
		r.tell("event", "checkpoint", Field{"path", checkpoint.Name(s.step)}, Field{"bytes", int(s.bytes)})
		return nil
	}
	var e *checkpoint.Error
	if errors.As(s.err, &e) && !e.Fatal {
		r.warn(e.Error())
		return nil
	}
	return s.err
}

// snapshot copies everything that the next step would change.
func (r *loop) snapshot() (files []checkpoint.File, bytes int64, err error) {
	for _, f := range r.files() {
		write, size, err := nn.Snapshot(f.of)
		if err != nil {
			return nil, 0, err
		}
		files = append(files, checkpoint.File{Name: f.name, Size: size, Write: write})
		bytes += size
	}
	state := *r.state
	state.ConfigDigest, state.DataDigest = r.Checkpoints.ConfigDigest, r.Checkpoints.DataDigest
	state.Wall = Wall{Trained: r.trained().Seconds(), Total: r.elapsed().Seconds()}
	text := state.encode()
	files = append(files, checkpoint.File{Name: stateFile, Size: int64(len(text)), Write: func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	}})
	return files, bytes + int64(len(text)), nil
}
