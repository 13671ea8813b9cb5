// Package nnclr turns views of images into a loss: methods of self-supervised learning, the
// support set, and the contrastive loss.
//
// A [Method] holds an encoder and what it needs beside it, and gives the loss of a [Batch]:
//
//	step := func(s *tensor.Scope) {
//		tape := autograd.Record(s)
//		loss, metrics := method.Loss(nn.Train(s, tensor.F32), in.Batch(s))
//		update := opt.Update(s, in.Rate(s), tape.Grad(loss, opt.Params(s)...))
//		out.Report(s, loss, metrics, update)
//	}
//
// The method this package is named after: Dwibedi et al., "With a Little Help from My Friends:
// Nearest-Neighbor Contrastive Learning of Visual Representations", ICCV 2021, arXiv 2104.14548.
package nnclr

import (
	"fmt"
	"maps"
	"slices"

	"kith/nn"
	"kith/tensor"
)

// A Batch is what a step sees of n images.
type Batch struct {
	Views []*tensor.Tensor // [n, h, w, 3] each, normalized
	ID    *tensor.Tensor   // I32 [n]: the image's number in the data set
	Label *tensor.Tensor   // I32 [n], -1: unknown. For metrics; no loss may depend on it
	Epoch *tensor.Tensor   // I32 []
	Step  *tensor.Tensor   // I32 []
}

// Metrics are what a step tells beside its loss, by name: scalars, and some rows from which the
// host computes more.
type Metrics map[string]*tensor.Tensor

// A Method gives the loss of a batch. Its fields are its parameters and states, as of any model.
type Method interface {
	Loss(c *nn.Ctx, b Batch) (loss *tensor.Tensor, m Metrics)
}

type entry struct {
	defaults any
	build    func(config any, encoder nn.Layer) (Method, error)
}

var methods = map[string]entry{}

// Register adds a method under a name; C is its configuration. It is called by init, beside the
// method.
func Register[C any](name string, defaults C, build func(c C, encoder nn.Layer) (Method, error)) {
	methods[name] = entry{defaults, func(c any, e nn.Layer) (Method, error) { return build(*c.(*C), e) }}
}

// Methods are the registered names, sorted.
func Methods() []string { return slices.Sorted(maps.Keys(methods)) }

// Build makes the method called name around an encoder. configure gets a pointer to the method's
// configuration, filled with its defaults; it may be nil.
func Build[C any](name string, configure func(*C) error, encoder nn.Layer) (Method, error) {
	e, ok := methods[name]
	if !ok {
		return nil, fmt.Errorf("no method %q; there are %v", name, Methods())
	}
	c, ok := e.defaults.(C)
	if !ok {
		return nil, fmt.Errorf("method %q takes a %T", name, e.defaults)
	}
	if configure != nil {
		if err := configure(&c); err != nil {
			return nil, err
		}
	}
	return e.build(&c, encoder)
}
