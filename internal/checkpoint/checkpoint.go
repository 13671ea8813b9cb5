// Package checkpoint keeps states of a run on disk so that none is lost: not by a kill, a power cut,
// a full disk or a flipped bit. It knows files and bytes; what they mean is its caller's affair.
//
//	checkpoints/.tmp-12345-…/            built here
//	    model.safetensors … MANIFEST.json   sizes and SHA-256 of the others, and of itself
//	checkpoints/step-000012345/          appears only by rename
//	checkpoints/.bad-step-000012345/     found damaged, set aside
//	checkpoints/LATEST BEST PINNED       one-line texts
//
// Saving writes new files, syncs each, writes and syncs the manifest, syncs the folder, renames it,
// syncs the folder above, and only then reports success and removes older checkpoints. Each of these
// syncs is there because the crash model of internal/crashfs finds a lost checkpoint without it.
//
// Loading trusts names and hashes, never times: the highest step whose every byte checks is taken.
package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"

	"kith/internal/fsys"
)

// A Store is the folder of a run's checkpoints. One process at a time may save to it: the caller
// holds the run's lock. Its methods are for one goroutine.
type Store struct {
	FS  fsys.FS // nil: the machine's
	Dir string  // runs/NAME/checkpoints; made at the first save

	Keep      int // how many of the newest are kept; 0: 3
	KeepEvery int // and every checkpoint whose step is a multiple of it; 0: none

	ReadOnly bool // Load sets nothing aside: for another run's checkpoints

	// Check, if set, is the caller's part of a checkpoint's verification, such as the expected
	// tensors. An error of it means damage, like a wrong hash, unless it wraps [ErrForeign].
	Check func(*Snapshot) error

	// Warn, if set, gets what the user should know though nothing failed.
	Warn func(message string)

	failures int  // saves in a row that failed
	cleaned  bool // leftovers were removed before the first save
}

// A File is one file to be saved. Write is called once and streams the contents.
type File struct {
	Name  string // plain, such as model.safetensors
	Size  int64  // bytes expected, to see beforehand whether there is room; 0: unknown
	Write func(w io.Writer) error
}

// Meta is what a manifest says besides files.
type Meta struct {
	ConfigDigest string // of the settings that shape the state
	DataDigest   string // of the index of images
	CodeVersion  string

	// Metric, if above 0, makes the checkpoint the best one when no other had more.
	Metric float64
}

// An Error is a failure to save or load (exit code 6). Its text names the file and the reason.
type Error struct {
	Path     string // of the checkpoint or folder
	Err      error
	Failures int  // saves that have failed in a row, this one included; 0 when loading
	Fatal    bool // no use going on: the third save in a row, or nothing to load
}

// Error names what was being saved or loaded, and how often in a row it has failed: the user decides
// by that number whether to free space now or later.
func (e *Error) Error() string {
	if e.Failures > 0 {
		return fmt.Sprintf("saving %s (failure %d in a row): %v", e.Path, e.Failures, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.Path, e.Err)
}

// Unwrap gives the reason, so that errors.Is(err, syscall.ENOSPC) works.
func (e *Error) Unwrap() error { return e.Err }

// maxFailures saves in a row may fail before training stops: the fault is then no hiccup, and a run
// that cannot be resumed is worth less than an early end.
const maxFailures = 3

// ErrNone is what Load answers where there is no checkpoint: a run that starts.
var ErrNone = errors.New("no checkpoint")

// ErrForeign is for a Check that meets a checkpoint which is intact but of other settings. Load then
// stops with the Check's error and sets nothing aside: the mistake is the user's, not the disk's.
var ErrForeign = errors.New("checkpoint of other settings")

// fs is the file system in use; a Store literal without one works on the machine's.
func (s *Store) fs() fsys.FS {
	if s.FS == nil {
		return fsys.OS{}
	}
	return s.FS
}

// warn tells the user of something that went wrong without losing anything.
func (s *Store) warn(format string, args ...any) {
	if s.Warn != nil {
		s.Warn(fmt.Sprintf(format, args...))
	}
}

func (s *Store) path(name string) string { return filepath.Join(s.Dir, name) }

// Name is the folder of a step: step-000012345.
func Name(step int) string { return fmt.Sprintf("step-%09d", step) }

var namePattern = regexp.MustCompile(`^step-([0-9]{9,18})$`)

// stepOf is the step of a folder by its name. The name must be the one that Name gives, so that two
// folders cannot claim one step.
func stepOf(name string) (step int, ok bool) {
	m := namePattern.FindStringSubmatch(name)
	if m == nil {
		return 0, false
	}
	step, err := strconv.Atoi(m[1])
	return step, err == nil && Name(step) == name
}

// Steps lists the steps for which there is a checkpoint folder, highest first, damaged or not. A
// folder that does not exist holds none.
func (s *Store) Steps() ([]int, error) {
	entries, err := s.fs().ReadDir(s.Dir)
	if errors.Is(err, fsys.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &Error{Path: s.Dir, Err: err, Fatal: true}
	}
	var steps []int
	for _, e := range entries {
		if step, ok := stepOf(e.Name); ok && e.Dir {
			steps = append(steps, step)
		}
	}
	sort.Sort(sort.Reverse(sort.IntSlice(steps)))
	return steps, nil
}
