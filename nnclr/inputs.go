package nnclr

import (
	"maps"
	"slices"

	"kith/tensor"
)

// Inputs are the root tensors that the host sets before each step. Their places never change.
type Inputs struct {
	views     []*tensor.Tensor
	id, label *tensor.Tensor
	epoch     *tensor.Tensor
	step      *tensor.Tensor
	rate      *tensor.Tensor
}

// Now is what changes with the step.
type Now struct {
	Step, Epoch int
	Rate        float64 // the learning rate
}

// NewInputs makes inputs for views of the given specs, [n, h, w, 3] each.
func NewInputs(root *tensor.Scope, views []tensor.Spec) *Inputs {
	in := &Inputs{}
	for _, v := range views {
		in.views = append(in.views, root.New(v))
	}
	n := views[0].Shape[0]
	in.id, in.label = root.New(tensor.Of(tensor.I32, n)), root.New(tensor.Of(tensor.I32, n))
	in.epoch, in.step = root.New(tensor.Of(tensor.I32)), root.New(tensor.Of(tensor.I32))
	in.rate = root.New(tensor.Of(tensor.F32))
	return in
}

// Set gives the next step's batch. The slices may be reused on return.
func (in *Inputs) Set(views [][]float32, id, label []int32, now Now) {
	for i, v := range views {
		tensor.Set(in.views[i], v)
	}
	tensor.Set(in.id, id)
	tensor.Set(in.label, label)
	tensor.Set(in.epoch, []int32{int32(now.Epoch)})
	tensor.Set(in.step, []int32{int32(now.Step)})
	// In float64, so that an exact root gets the rate in full.
	tensor.Set(in.rate, []float64{now.Rate})
}

// Batch is the batch in step s.
func (in *Inputs) Batch(s *tensor.Scope) Batch {
	b := Batch{ID: s.Enter(in.id), Label: s.Enter(in.label), Epoch: s.Enter(in.epoch), Step: s.Enter(in.step)}
	for _, v := range in.views {
		b.Views = append(b.Views, s.Enter(v))
	}
	return b
}

// Rate is the learning rate in step s, F32 [].
func (in *Inputs) Rate(s *tensor.Scope) *tensor.Tensor { return s.Enter(in.rate) }

// Outputs are the root tensors that a step reports into, one per metric, made as they are first
// reported.
type Outputs struct {
	root   *tensor.Scope
	values map[string]*tensor.Tensor
}

// NewOutputs makes outputs in root.
func NewOutputs(root *tensor.Scope) *Outputs {
	return &Outputs{root, map[string]*tensor.Tensor{}}
}

// Report reports the loss, as "loss", and metrics, in order of their names.
func (o *Outputs) Report(s *tensor.Scope, loss *tensor.Tensor, m ...Metrics) {
	all := Metrics{"loss": loss}
	for _, m := range m {
		maps.Copy(all, m)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v := all[name]
		if o.values[name] == nil {
			o.values[name] = o.root.New(v.Spec)
		}
		s.Report(o.values[name], v)
	}
}

// Read waits and gives the values that the last step reported.
func (o *Outputs) Read() (map[string][]float64, error) {
	read := map[string][]float64{}
	for name, t := range o.values { // any order: into a map again; a failed device fails for all
		v, err := tensor.Data[float64](t)
		if err != nil {
			return nil, err
		}
		read[name] = v
	}
	return read, nil
}

// Guard refuses the step, all its assignments together, unless loss and gradient norm are finite.
// It reports "finite", 0 or 1.
func Guard(s *tensor.Scope, loss *tensor.Tensor, update Metrics) Metrics {
	a, b := loss.Finite(), update["grad_norm"].Finite()
	ok := a.Select(b, b) // a and b
	s.Gate(ok)
	return Metrics{"finite": ok.Cast(tensor.F32)}
}
