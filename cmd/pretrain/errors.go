package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"kith/cmd/pretrain/internal/settings"
)

// Exit codes. Scripts and schedulers rely on them: 75 asks for the run to be resumed.
const (
	exitBug      = 1
	exitUsage    = 2
	exitData     = 3
	exitDevice   = 4
	exitTraining = 5
	exitOutput   = 6
	exitLocked   = 11
	exitMemory   = 12
	exitStopped  = 75
)

// A failure is an error as the user sees it: what happened where and why, the lines of the file, and what to do.
type failure struct {
	code   int
	msg    string
	source []string
	hints  []string
	err    error // what it came from
}

func (f *failure) Error() string { return f.msg }
func (f *failure) Unwrap() error { return f.err }

// usage is a command line that cannot be: nothing was started.
func usage(hint, format string, args ...any) error {
	f := &failure{code: exitUsage, msg: fmt.Sprintf(format, args...)}
	if hint != "" {
		f.hints = []string{hint}
	}
	return f
}

// A rule turns one kind of error into a failure; nil where it does not apply.
type rule func(err error) *failure

// rules, the first that applies counts.
var rules = []rule{
	func(err error) *failure {
		f, _ := errors.AsType[*failure](err)
		return f
	},
	func(err error) *failure {
		e, ok := errors.AsType[*settings.Error](err)
		if !ok {
			return nil
		}
		f := &failure{code: exitUsage, msg: e.Msg, source: e.Source}
		if e.Hint != "" {
			f.hints = []string{e.Hint}
		}
		return f
	},
}

// explain finds the words for an error. What no rule knows is a bug of ours, and says so.
func explain(err error) *failure {
	for _, r := range rules {
		if f := r(err); f != nil {
			return f
		}
	}
	return &failure{code: exitBug, msg: err.Error(), hints: []string{"this should not happen; please report it with the output of  pretrain version"}}
}

// report prints an error in the form of all messages and returns its exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	f := explain(err)
	if f.msg != "" {
		fmt.Fprintf(w, "pretrain: %s\n", f.msg)
	}
	for _, line := range f.source {
		fmt.Fprintf(w, " %s\n", line)
	}
	for _, hint := range f.hints {
		fmt.Fprintf(w, "  hint: %s\n", hint)
	}
	return f.code
}

// bug reports a panic. The stack is for us, so it is shown on request only.
func bug(w io.Writer, p any) int {
	fmt.Fprintf(w, "pretrain: bug: %v\n", p)
	if slices.Contains(os.Args, "--debug") {
		fmt.Fprintf(w, "%s\n", debug.Stack())
	} else {
		fmt.Fprintf(w, "  hint: please report this line with the output of  pretrain version;  --debug shows the stack\n")
	}
	return exitBug
}

// cause is the innermost reason of a file error, without the name that the message already gives.
func cause(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return strings.ToLower(e.Err.Error())
	}
	return err.Error()
}
