// Package train is the training loop.
//
// A [Job] is a struct of parts; [Run] takes it from a [State] to the end. Reading Run from top to
// bottom shows everything that happens in a step. What happens is told as [Event]s; this package
// prints nothing and knows no settings.
package train

import (
	"errors"
	"time"

	"kith/nn"
	"kith/nnclr"
	"kith/nnclr/data"
	"kith/nnclr/eval"
	"kith/optim"
	"kith/tensor"
	"kith/tensor/rng"
)

// A Job is the parts of a run.
type Job struct {
	Root      *tensor.Scope
	Method    nnclr.Method
	Encoder   nn.Layer // of the method: what is scored and exported
	Optimizer *optim.Optimizer
	Loader    *data.Loader
	Compute   tensor.DType // of activations
	Eager     bool         // run each op at once instead of a plan

	// Rate is the learning rate of a step. Share is the part of Budget that has passed, 0 for a
	// run of Steps.
	Rate   func(step int, share float64) float64
	Steps  int           // the length of the run,
	Budget time.Duration // or its training time, where Steps is 0

	LogEvery       int   // steps between logged steps
	EvalEvery      Every // between evaluations; there is always one at the end
	SaveEvery      Every // between checkpoints; there is always one at the end
	Score          *Score
	Look           *Look
	StopOnCollapse bool

	Checkpoints Checkpoints
	Captures    string // folder for steps whose loss was not finite

	Clock  func() time.Duration // monotonic, from any start
	Events func(Event)          // told of everything, in order; nil: nobody
}

// Score is how the encoder is scored during training.
type Score struct {
	Bank, Queries data.Dataset // labeled images that vote, and those that are scored
	View          data.View    // the evaluation transform
	Batch         int
	Workers       int
	Bad           func() *data.Bad // makes the policy for bad images of one data set; nil: the default
	KNN           eval.KNN
	Few           int // labels of the few-label score at the end; 0: none
	Key           rng.Key
}

// Look is the images whose neighbors in the support set are followed over the run.
type Look struct {
	Data    data.Dataset
	View    data.View
	Queries []int // their numbers in Data
	Nearest int   // how many neighbors of each
}

// Every says how often something happens: the first of its fields that is set counts.
type Every struct {
	Steps int
	Time  time.Duration
	Share float64 // of the run
}

// An Event is one thing that happened: a "train" step, an "eval", the "neighbors" of the Look, or an
// "event" such as a checkpoint, a collapse or a skipped step.
type Event struct {
	Kind    string
	Name    string // of an eval or event
	Step    int    // steps done
	Elapsed time.Duration
	Share   float64 // of the run that is done, 0 to 1
	Fields  []Field
}

// A Field is one value of an event.
type Field struct {
	Key   string
	Value any // float64, int, string, []int32, []float64
}

// Number is the value of a field as a float64.
func (e Event) Number(key string) (float64, bool) {
	for _, f := range e.Fields {
		if f.Key != key {
			continue
		}
		switch v := f.Value.(type) {
		case float64:
			return v, true
		case int:
			return float64(v), true
		}
	}
	return 0, false
}

// A Summary is the run in a few numbers. Accuracies are shares of 1, NaN where nothing was scored.
type Summary struct {
	KNN, Start, Pixels, PixelsCentered float64 // trained, at step 0, and of raw pixels
	Few, FewStart                      float64 // with few labels, centered
	Purity                             float64 // of the support set's neighbors, at the last logged step
	Steps                              int
	ViewsPerSecond                     float64
	LossFirst, LossLast                float64 // means over the first and last 10 steps
	Seconds                            float64 // from first to last step, evaluations included
	Skipped                            int     // steps whose loss was not finite
}

// ErrStopped says that the run was stopped on request, after a checkpoint.
var ErrStopped = errors.New("stopped on request")

// A DivergedError says that loss or gradients were not finite three times in a row.
type DivergedError struct {
	Step int
	Loss float64
	Rate float64
	Norm float64 // of the gradients
}

// A CollapsedError says that embeddings have collapsed.
type CollapsedError struct {
	Step      int
	Std, Rank float64 // √d·std of embeddings, and their effective rank
}
