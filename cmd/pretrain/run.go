package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kith/cmd/pretrain/internal/settings"
	"kith/internal/checkpoint"
	"kith/internal/console"
	"kith/internal/rundir"
)

// The files of a run directory that the command itself writes.
const (
	lockName     = "LOCK"
	configName   = "config.yaml"
	dataName     = "data.json"
	commandName  = "command.txt"
	envName      = "env.json"
	badName      = "bad_files.tsv"
	logName      = "train.log"
	checkpoints  = "checkpoints"
	defaultRuns  = "runs"
	exportedName = "export/model.safetensors"
)

// A dataFile is data.json: what was read.
type dataFile struct {
	Sources []string `json:"sources"`
	Images  int      `json:"images"`
	Scored  int      `json:"scored"`
	Classes int      `json:"classes"`
	Notes   []string `json:"notes,omitempty"`
	Digest  string   `json:"digest"`
}

// openRun finds or makes the run directory, and locks it. resumed says that it holds a run to go on with.
func openRun(s *settings.Settings, digest string, now time.Time, warn func(string)) (d *rundir.Dir, resumed bool, err error) {
	path := s.Out
	if path == "" && s.Name != "" {
		path = filepath.Join(defaultRuns, s.Name)
	}
	if path != "" {
		return openNamed(path, s, digest, warn)
	}
	if s.Resume != "never" {
		if path = findUnfinished(defaultRuns, s, digest); path != "" {
			d, err = rundir.Open(path, warn)
			return d, true, err
		}
	}
	if s.Resume == "must" {
		return nil, false, usage("pretrain resume RUN  goes on with a run as it was", "no unfinished run of these settings and data in %s", defaultRuns)
	}
	d, err = rundir.New(defaultRuns, rundir.Name(now, s.Method, s.Model), warn)
	return d, false, err
}

// openNamed is for a directory that the user chose: it is taken, or the message says why not.
func openNamed(path string, s *settings.Settings, digest string, warn func(string)) (*rundir.Dir, bool, error) {
	other := fmt.Sprintf("--name %s-2  starts another", filepath.Base(path))
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		if s.Resume == "must" {
			return nil, false, usage("", "there is no run %s to go on with", path)
		}
		d, err := rundir.Make(path, warn)
		return d, false, err
	}
	if err != nil {
		return nil, false, err
	}
	d, err := rundir.Open(path, warn) // a held lock is the first thing to hear of
	if err != nil || unbegun(entries) {
		return d, false, err
	}
	if err := continues(path, s, digest, other); err != nil {
		return nil, false, errors.Join(err, d.Close())
	}
	return d, true, nil
}

// unbegun says that a directory is empty, or holds only what a start writes before STATUS: a run killed there has
// nothing to go on from, and nothing to lose.
func unbegun(entries []os.DirEntry) bool {
	early := []string{lockName, configName, commandName, envName, dataName, logName, "metrics.jsonl"}
	locked := false
	for _, e := range entries {
		locked = locked || e.Name() == lockName
		if !slices.Contains(early, e.Name()) && !strings.HasPrefix(e.Name(), ".tmp-") {
			return false
		}
	}
	return locked || len(entries) == 0 // a config.yaml of someone's own is not ours to replace
}

// continues says whether this command goes on with the run at path, which it has locked; nil if it does.
func continues(path string, s *settings.Settings, digest, other string) error {
	status, err := rundir.ReadStatus(path)
	if err != nil {
		return usage(other, "%s is not empty and holds no run", path)
	}
	switch status.State {
	case rundir.Done:
		return usage(other, "run directory %s holds a finished run", path)
	case rundir.Failed:
		return usage(other, "run directory %s holds a run that failed: %s", path, status.Reason)
	}
	old, changes, err := compare(path, s, digest)
	if err != nil {
		return err
	}
	if old != "" || s.Resume == "never" {
		return usage(fmt.Sprintf("%s; pretrain resume %s  continues it as it was", other, path),
			"run directory %s holds an unfinished run at step %s%s", path, console.Count(lastStep(path)), changes)
	}
	return nil
}

// compare finds in what a run differs from these settings and data. differs is "" where it does not.
func compare(path string, s *settings.Settings, digest string) (differs, text string, err error) {
	old, err := readConfig(path)
	if err != nil {
		return "", "", err
	}
	var parts []string
	for _, c := range s.Changes(old) {
		parts = append(parts, fmt.Sprintf("%s %s -> %s", c.Key, c.Old, c.New))
	}
	if d, err := readData(path); err != nil || d.Digest != digest {
		parts = append(parts, "other images")
	}
	if parts == nil {
		return "", "", nil
	}
	const few = 3
	if len(parts) > few {
		parts = append(parts[:few], fmt.Sprintf("%d more", len(parts)-few))
	}
	return parts[0], " of other settings (" + strings.Join(parts, ", ") + ")", nil
}

// findUnfinished looks among the runs below parent for the one that these settings and data would make, at the
// highest step; "" without one.
func findUnfinished(parent string, s *settings.Settings, digest string) string {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return ""
	}
	best, step := "", -1
	for _, e := range entries {
		path := filepath.Join(parent, e.Name())
		if status, err := rundir.ReadStatus(path); err != nil || status.State != rundir.Interrupted {
			continue
		}
		if differs, _, err := compare(path, s, digest); err != nil || differs != "" {
			continue
		}
		if n := lastStep(path); n > step {
			best, step = path, n
		}
	}
	if step == 0 {
		return "" // killed before its first checkpoint: there is nothing to go on from
	}
	return best
}

// lastStep is the step of a run's newest checkpoint, 0 without one.
func lastStep(path string) int {
	steps, err := (&checkpoint.Store{Dir: filepath.Join(path, checkpoints)}).Steps()
	if err != nil || len(steps) == 0 {
		return 0
	}
	return steps[0]
}

// readConfig reads the settings of a run.
func readConfig(path string, line ...settings.Assignment) (*settings.Settings, error) {
	name := filepath.Join(path, configName)
	if _, err := os.Stat(name); err != nil {
		return nil, usage("a run directory lies under runs/", "%s is no run: %s: %s", path, configName, cause(err))
	}
	s, _, err := settings.Load(settings.Input{Recipes: recipeFiles(), Files: []string{name}, Environ: machineEnviron(), Line: line})
	return s, err
}

func readData(path string) (d dataFile, err error) {
	b, err := os.ReadFile(filepath.Join(path, dataName))
	if err != nil {
		return d, err
	}
	return d, json.Unmarshal(b, &d)
}
