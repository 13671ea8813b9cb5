package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"
	"syscall"

	"kith/cmd/pretrain/internal/settings"
	"kith/internal/checkpoint"
	"kith/internal/rundir"
	"kith/nnclr/data"
	"kith/nnclr/train"
	"kith/tensor"
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
	return &failure{code: exitUsage, msg: fmt.Sprintf(format, args...), hints: some(hint)}
}

// A rule turns one kind of error into a failure; nil where it does not apply.
type rule func(err error) *failure

// rules, the first that applies counts.
var rules = []rule{ownFailure, badSetting, lockedRun, diverged, collapsed, noMemory, foreign, badCheckpoint, badData, badFile}

func ownFailure(err error) *failure {
	f, _ := errors.AsType[*failure](err)
	return f
}

func badSetting(err error) *failure {
	e, ok := errors.AsType[*settings.Error](err)
	if !ok {
		return nil
	}
	return &failure{code: exitUsage, msg: e.Msg, source: e.Source, hints: some(e.Hint)}
}

func lockedRun(err error) *failure {
	e, ok := errors.AsType[*rundir.LockedError](err)
	if !ok {
		return nil
	}
	return &failure{code: exitLocked, msg: e.Error(), hints: some("--name NAME  starts another run; the lock frees itself when that process ends")}
}

func diverged(err error) *failure {
	e, ok := errors.AsType[*train.DivergedError](err)
	if !ok {
		return nil
	}
	return &failure{code: exitTraining, msg: e.Error(), hints: some("lower --lr or lengthen --warmup")}
}

func collapsed(err error) *failure {
	e, ok := errors.AsType[*train.CollapsedError](err)
	if !ok {
		return nil
	}
	return &failure{code: exitTraining, msg: e.Error(), hints: some("a lower --lr, a larger --queue or --batch;  --on-collapse warn  goes on")}
}

func noMemory(err error) *failure {
	e, ok := errors.AsType[*tensor.MemoryError](err)
	if !ok {
		return nil
	}
	return &failure{code: exitMemory, msg: e.Error(), hints: some("a smaller --batch, --size or --queue")}
}

// foreign is a checkpoint that is whole, but of other settings: somebody has changed config.yaml.
func foreign(err error) *failure {
	if !errors.Is(err, train.ErrOtherSettings) {
		return nil
	}
	return &failure{code: exitUsage, msg: "the checkpoints are of other settings or images than config.yaml beside them says",
		hints: some("put config.yaml back as it was; pretrain -c config.yaml --name NEW  starts another run")}
}

func badCheckpoint(err error) *failure {
	e, ok := errors.AsType[*checkpoint.Error](err)
	if !ok {
		return nil
	}
	hint := diskHint(err)
	if e.Failures == 0 && hint == "" && !errors.Is(err, checkpoint.ErrForeign) { // loading, and nothing was intact
		hint = "copy an intact checkpoint back, or start again with --name NAME: kith never does so by itself"
	}
	return &failure{code: exitOutput, msg: strings.ReplaceAll(e.Error(), "\n", "; "), hints: some(hint)} // one reason for each
}

func badData(err error) *failure {
	e, ok := errors.AsType[*data.Error](err)
	if !ok {
		return nil
	}
	return &failure{code: exitData, msg: e.Error(), hints: some(dataHint(e.Error()))}
}

// badFile is a file or folder of the run that cannot be read or written.
func badFile(err error) *failure {
	path, reason := "", ""
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		path, reason = e.Path, e.Err.Error()
	} else if e, ok := errors.AsType[*os.LinkError](err); ok {
		path, reason = e.New, e.Err.Error()
	} else {
		return nil
	}
	return &failure{code: exitOutput, msg: path + ": " + reason, hints: some(diskHint(err))}
}

// diskHint is what to do about an error of the file system.
func diskHint(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return "free some space; --keep 1 keeps fewer checkpoints"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "--out DIR  writes elsewhere"
	}
	return ""
}

// dataHint is what to do about images that cannot be used, by what the message says.
func dataHint(msg string) string {
	switch {
	case strings.Contains(msg, ".heic"):
		return "HEIC is not supported; convert with  heif-convert  or  magick mogrify -format jpg"
	case strings.Contains(msg, "usable images"):
		return "a smaller --batch, or more images"
	case strings.Contains(msg, "max_bad"):
		return "--max-bad 10%  trains on the others"
	case strings.Contains(msg, "permission denied"):
		return "chmod -R u+rX  lets you read it"
	case strings.Contains(msg, "no images"):
		return "pretrain takes JPEG, PNG, GIF, WebP, BMP and PPM, in folders or archives"
	}
	return ""
}

// some is hint as a list, empty for "".
func some(hint string) []string {
	if hint == "" {
		return nil
	}
	return []string{hint}
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

// bug reports a panic.
func bug(w io.Writer, p any) int {
	fmt.Fprintf(w, "pretrain: bug: %v\n", p)
	fmt.Fprintf(w, "  hint: please report this line with the output of  pretrain version;  --debug shows the stack of a run\n")
	return exitBug
}

// showStack is deferred: it prints where a bug came up, and lets it go on. The stack is for us, so it is shown on
// request only.
func showStack(w io.Writer, asked bool) {
	if p := recover(); p != nil {
		if asked {
			fmt.Fprintf(w, "%s\n", debug.Stack())
		}
		panic(p)
	}
}

// cause is the innermost reason of a file error, without the name that the message already gives.
func cause(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return strings.ToLower(e.Err.Error())
	}
	return err.Error()
}
