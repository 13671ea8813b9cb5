// Package backends opens backends by name. It is the only place that knows them all.
package backends

import (
	"errors"
	"fmt"
	"strings"

	"kith/backends/cpu"
	"kith/backends/ref"
	"kith/tensor"
)

// ErrUnknown is what [Open] returns, wrapped, for a name that stands for no backend.
var ErrUnknown = errors.New("unknown backend")

// An opener opens the backend of its name with the words behind the name, as in "avx2,strict".
type opener struct {
	name string
	open func(words string) (tensor.Backend, error)
}

// openers in the order in which messages name them.
var openers = []opener{
	{"cpu", func(words string) (tensor.Backend, error) { return found(cpu.Open(words)) }},
	{"ref", openRef},
}

// Open opens the backend that name asks for:
//
//	cpu                the processor at its best level
//	cpu:avx2,strict    a level (generic, avx2, avx512, amx, neon); strict computes convolutions directly
//	ref                every op by its definition, in float64
//	ref:round          the same, each result rounded to its dtype
//
// It returns an error that says what is missing where the machine has no such thing: a named
// backend is never replaced by another.
func Open(name string) (tensor.Backend, error) {
	kind, words := name, ""
	if i := strings.IndexAny(name, ":,"); i >= 0 {
		kind, words = name[:i], name[i+1:]
	}
	for _, o := range openers {
		if o.name == kind {
			return o.open(words)
		}
	}
	return nil, fmt.Errorf("%w %q; there are %s", ErrUnknown, name, strings.Join(Names(), ", "))
}

// Names is the kinds of backends, the part of a name before its colon.
func Names() []string {
	var names []string
	for _, o := range openers {
		names = append(names, o.name)
	}
	return names
}

func openRef(words string) (tensor.Backend, error) {
	switch words {
	case "":
		return ref.New(), nil
	case "round":
		return ref.Round(), nil
	}
	return nil, fmt.Errorf("ref has no %q, only round", words)
}

// found turns a failed open's typed nil into a plain one.
func found[B tensor.Backend](b B, err error) (tensor.Backend, error) {
	if err != nil {
		return nil, err
	}
	return b, nil
}
