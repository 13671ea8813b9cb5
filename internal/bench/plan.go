package bench

import (
	"fmt"
	"strings"

	"kith/backends/plan"
	"kith/tensor"
)

// A PlanResult is what each pass makes of a step.
type PlanResult struct {
	Model  string  `json:"model"`
	Batch  int     `json:"batch"`
	Device string  `json:"device"`
	Stages []Stage `json:"stages"`
	Peak   []Hold  `json:"peak"` // what lives when the most does, behind the last pass
	Text   string  `json:"-"`    // every instruction
}

// A Stage is a program behind one pass.
type Stage struct {
	Pass         string  `json:"pass"`
	Instructions int     `json:"instructions"`
	MovedMB      float64 `json:"moved_mb"` // read and written, each input and output once
	PeakMB       float64 `json:"peak_mb"`  // of the arena
}

// A Hold is what results of one form hold at the peak.
type Hold struct {
	Form  string  `json:"form"`
	Count int     `json:"count"`
	MB    float64 `json:"mb"`
}

// Plan plans the step without running it.
func Plan(root *tensor.Scope, w Work) (*PlanResult, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	st, err := w.build(root)
	if err != nil {
		return nil, err
	}
	r := &PlanResult{Model: w.Model, Batch: w.Batch, Device: root.Backend().Name()}
	stages := plan.Measure(root, st.program, plan.Passes)
	for _, s := range stages {
		r.Stages = append(r.Stages, Stage{s.Pass, s.Instructions, round(float64(s.Moved) / 1e6), round(float64(s.Peak) / 1e6)})
	}
	for _, h := range stages[len(stages)-1].Holders {
		r.Peak = append(r.Peak, Hold{h.Form, h.Count, round(float64(h.Bytes) / 1e6)})
	}
	p := plan.Compile(root, st.program)
	var b strings.Builder
	for n, i := range p.Program() {
		fmt.Fprintf(&b, "%5d  %-60s %s -> %s\n", n, tensor.FormOf(i.Op), shapes(i.In), shapes(i.Out))
	}
	r.Text = b.String() + p.String()
	return r, nil
}

// shapes lists tensors as f32[8 4 4 64].
func shapes(ts []*tensor.Tensor) string {
	var list []string
	for _, t := range ts {
		list = append(list, strings.ToLower(t.Spec.String()))
	}
	return strings.Join(list, ", ")
}
