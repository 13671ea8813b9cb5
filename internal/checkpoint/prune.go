package checkpoint

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"kith/internal/fsys"
)

const (
	trashPrefix = ".trash-"
	latestName  = "LATEST" // for scripts; never read here, since it may be older than the folders
	bestName    = "BEST"   // step and metric of the best checkpoint
	pinnedName  = "PINNED" // one step a line, never pruned
	noteLimit   = 1 << 20  // bytes of such a text
	defaultKeep = 3
)

// acknowledge does what may happen only once the checkpoint is safe. Errors here lose nothing, so
// they are warnings.
func (s *Store) acknowledge(step int, meta Meta) {
	if err := s.note(latestName, Name(step)+"\n"); err != nil {
		s.warn("%s: %v", s.path(latestName), err)
	}
	if err := s.MarkBest(step, meta.Metric); err != nil {
		s.warn("%s: %v", s.path(bestName), err)
	}
	if err := s.prune(step); err != nil {
		s.warn("removing old checkpoints: %v", err)
	}
}

// note replaces one of the texts of the folder.
func (s *Store) note(name, text string) error {
	return fsys.ReplaceBytes(s.fs(), s.path(name), []byte(text))
}

// MarkBest makes the checkpoint of a step the best one if metric is above 0 and above that of the
// best so far. A tie keeps the older one, so that resuming changes nothing.
func (s *Store) MarkBest(step int, metric float64) error {
	_, most, err := s.Best()
	if err != nil || !(metric > most) { // so a NaN is none either
		return err
	}
	return s.note(bestName, fmt.Sprintf("%s %g\n", Name(step), metric))
}

// Best is the step and metric of the best checkpoint; metric 0 where none is marked. A text that
// makes no sense marks none; one that cannot be read is an error, lest its checkpoint be pruned.
func (s *Store) Best() (step int, metric float64, err error) {
	text, err := s.readNote(bestName)
	if err != nil {
		return 0, 0, err
	}
	name, number, _ := strings.Cut(strings.TrimSpace(text), " ")
	step, ok := stepOf(name)
	metric, bad := strconv.ParseFloat(number, 64)
	if !ok || bad != nil || !(metric > 0) {
		return 0, 0, nil
	}
	if ok, err := fsys.Exists(s.fs(), s.path(name)); !ok {
		return 0, 0, err // a best one that is gone must not outdo those that exist
	}
	return step, metric, nil
}

// Pin protects the checkpoint of a step from pruning, for good.
func (s *Store) Pin(step int) error {
	pinned, err := s.Pinned()
	if err != nil {
		return err
	}
	pinned[step] = true
	var lines []string
	for step := range pinned {
		lines = append(lines, Name(step)+"\n")
	}
	sort.Strings(lines)
	return s.note(pinnedName, strings.Join(lines, ""))
}

// Pinned lists the pinned steps.
func (s *Store) Pinned() (map[int]bool, error) {
	text, err := s.readNote(pinnedName)
	pinned := map[int]bool{}
	for _, line := range strings.Fields(text) {
		if step, ok := stepOf(line); ok {
			pinned[step] = true
		}
	}
	return pinned, err
}

// readNote returns a text of the folder, "" where there is none.
func (s *Store) readNote(name string) (string, error) {
	text, err := fsys.ReadFile(s.fs(), s.path(name), noteLimit)
	if errors.Is(err, fsys.ErrNotExist) {
		return "", nil
	}
	return string(text), err
}

// prune removes the checkpoints that no rule keeps. saved was just written and always stays.
func (s *Store) prune(saved int) error {
	steps, err := s.Steps()
	if err != nil {
		return err
	}
	keep, err := s.kept(steps, saved)
	if err != nil {
		return err
	}
	for _, step := range steps {
		if keep[step] {
			continue
		}
		if err := s.remove(step); err != nil {
			return err
		}
	}
	return nil
}

// kept chooses among steps, highest first. A damaged checkpoint does not count as one of the newest
// and is not removed either: somebody may want to look at it.
func (s *Store) kept(steps []int, saved int) (map[int]bool, error) {
	keep, err := s.Pinned()
	if err != nil {
		return nil, err
	}
	best, metric, err := s.Best()
	if err != nil {
		return nil, err
	}
	keep[saved] = true
	if metric > 0 {
		keep[best] = true
	}
	newest := 0
	for _, step := range steps {
		if _, damage := s.glance(step); damage != nil {
			s.warn("%s stays, though it cannot be used: %v", Name(step), damage)
			keep[step] = true
			continue
		}
		if newest++; newest <= s.keepCount() || (s.KeepEvery > 0 && step%s.KeepEvery == 0) {
			keep[step] = true
		}
	}
	return keep, nil
}

// keepCount is how many of the newest are kept. The zero value of a Store must not mean none.
func (s *Store) keepCount() int {
	if s.Keep == 0 {
		return defaultKeep
	}
	return s.Keep
}

// remove renames a checkpoint out of sight before deleting its files: at no moment does a folder of
// a checkpoint's name lack files. The sync between makes that hold after a power cut, too.
func (s *Store) remove(step int) error {
	trash := s.path(trashPrefix + Name(step) + "-" + fsys.Unique())
	if err := s.fs().Rename(s.path(Name(step)), trash); err != nil {
		return err
	}
	if err := s.fs().SyncDir(s.Dir); err != nil {
		return err
	}
	return fsys.RemoveAll(s.fs(), trash)
}
