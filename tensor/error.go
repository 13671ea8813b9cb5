package tensor

import (
	"errors"
	"strings"
)

// An Error is a caller's bug: ops applied to what they do not fit, or scopes used against their
// rules. It is what this package panics with.
type Error struct {
	Op  Op     // nil where a rule of scopes was broken
	In  []Spec // the op's inputs
	Err error  // what was found and what was expected
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("tensor: ")
	if e.Op != nil {
		b.WriteString(describe(e.Op))
		for i, s := range e.In {
			b.WriteString(map[bool]string{true: " of ", false: ", "}[i == 0])
			b.WriteString(s.String())
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Err.Error())
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Catch is deferred by functions that return a caller's bug as an error:
//
//	defer tensor.Catch(&err)
func Catch(err *error) {
	switch e := recover().(type) {
	case nil:
	case *Error:
		*err = e
	default:
		panic(e)
	}
}

var (
	errRoot  = errors.New("input is a root tensor; use Scope.Enter")
	errOver  = errors.New("input was freed when its step returned; assign what must outlive a step to a root tensor")
	errSteps = errors.New("inputs belong to different steps")
	errNone  = errors.New("an op needs at least one input")
)

// misuse panics with a broken rule of scopes.
func misuse(why string, specs ...Spec) {
	for i, s := range specs {
		why += map[bool]string{true: ": ", false: ", "}[i == 0] + s.String()
	}
	panic(&Error{Err: errors.New(why)})
}
