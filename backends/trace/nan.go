package trace

import (
	"fmt"
	"iter"
	"math"

	"kith/tensor"
)

// A Finding is the first op with a result that is NaN or infinite.
type Finding struct {
	Op     string  // with its attributes and the specs of its inputs
	Layer  string  // the path of the parameter that the op reads, or that its input was made with; "" before the first
	Output int     // which output
	Index  int     // which element of it
	Value  float64 // that element
	Input  int     // the first input that was not finite either; -1: all were, so the op made it
}

func (f *Finding) String() string {
	where := f.Layer
	if where == "" {
		where = "the step's inputs"
	}
	text := fmt.Sprintf("%s near %s: element %d of output %d is %v", f.Op, where, f.Index, f.Output, f.Value)
	if f.Input >= 0 {
		text += fmt.Sprintf("; so was one of input %d", f.Input)
	}
	return text
}

// A Finder looks for a number that is none.
type Finder struct {
	observer
	names map[place]string // of parameters, and of what was made with them
	bad   map[place]bool   // values known to be not finite
	found *Finding
}

// A place is where a value is. In a plan another value may follow there.
type place struct {
	buffer tensor.Buffer
	offset int
}

func placeOf(t *tensor.Tensor) place {
	b, offset := t.Buffer()
	return place{b, offset}
}

// NaN watches b. It knows layers by the parameters that ops read: names are root tensors with
// their paths.
func NaN(b tensor.Backend, names iter.Seq2[string, *tensor.Tensor]) *Finder {
	f := &Finder{names: map[place]string{}, bad: map[place]bool{}}
	f.observer = observer{Backend: b, saw: f.look}
	for name, t := range names {
		f.names[placeOf(t)] = name
	}
	return f
}

// First is the first finding since NaN or Reset; nil if there is none.
func (f *Finder) First() *Finding { return f.found }

// Reset forgets the finding, to look for another.
func (f *Finder) Reset() { f.found = nil; clear(f.bad) }

// look examines one op.
func (f *Finder) look(op tensor.Op, out, in []*tensor.Tensor) {
	layer, input := "", -1
	for i, t := range in {
		if n := f.names[placeOf(t)]; n != "" {
			layer = n // the last one: weights come behind what they are applied to
		}
		if input < 0 && f.bad[placeOf(t)] {
			input = i
		}
	}
	for k, t := range out {
		p := placeOf(t)
		f.names[p] = layer
		delete(f.bad, p)
		i := first(numbers(f.Backend, t))
		if i < 0 {
			continue
		}
		f.bad[p] = true
		if f.found == nil {
			f.found = &Finding{describe(op, in), layer, k, i, numbers(f.Backend, t)[i], input}
		}
	}
}

// first is the first element of x that is not finite; -1 if all are.
func first(x []float64) int {
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return i
		}
	}
	return -1
}
