package rundir

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"kith/internal/fsys"
)

// A State is the first word of STATUS.
type State string

// The states of a run.
const (
	Running     State = "running"
	Done        State = "done"
	Interrupted State = "interrupted" // stopped with a checkpoint: can be resumed
	Failed      State = "failed"
)

// A Status is the line in STATUS.
type Status struct {
	State  State
	Code   int    // exit code, for Failed
	Reason string // first line of the error, for Failed
}

// String is the line.
func (s Status) String() string {
	if s.State != Failed {
		return string(s.State)
	}
	reason, _, _ := strings.Cut(s.Reason, "\n")
	return strings.TrimRight(fmt.Sprintf("%s %d %s", s.State, s.Code, reason), " ")
}

const (
	statusName  = "STATUS"
	statusLimit = 64 << 10
)

// SetStatus replaces STATUS.
func (d *Dir) SetStatus(s Status) error { return d.WriteFile(statusName, []byte(s.String()+"\n")) }

// ReadStatus reads the STATUS of the run directory at path. A run that says running but that no
// process holds was killed: it reads as interrupted.
func ReadStatus(path string) (Status, error) {
	text, err := fsys.ReadFile(fsys.OS{}, filepath.Join(path, statusName), statusLimit)
	if err != nil {
		return Status{}, err
	}
	s, err := parseStatus(strings.TrimSuffix(string(text), "\n"))
	if err != nil {
		return Status{}, fmt.Errorf("%s: %w", filepath.Join(path, statusName), err)
	}
	if _, held := Held(path); s.State == Running && !held {
		s.State = Interrupted
	}
	return s, nil
}

// parseStatus takes exactly what String gives: a state that is misspelled must not pass for another.
func parseStatus(line string) (Status, error) {
	word, rest, _ := strings.Cut(line, " ")
	switch s := (Status{State: State(word)}); s.State {
	case Running, Done, Interrupted:
		if rest == "" {
			return s, nil
		}
	case Failed:
		code, reason, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(code)
		s.Code, s.Reason = n, reason
		if err == nil {
			return s, nil
		}
	}
	return Status{}, errors.New("not a status: " + strconv.Quote(line))
}
