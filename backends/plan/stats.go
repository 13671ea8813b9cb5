package plan

import (
	"fmt"
	"slices"
	"strings"

	"kith/tensor"
)

// Stats is what a program costs.
type Stats struct {
	Instructions int
	Moved        int // bytes that its instructions read and write, each input and output once
	Peak         int // bytes of the arena
}

// Stats is what the plan costs.
func (p *Plan) Stats() Stats { return Stats{len(p.program), moved(p.program), p.bytes} }

func moved(p []tensor.Instr) (n int) {
	for _, i := range p {
		switch i.Op.(type) {
		case tensor.WriteRows: // not all rows of what it writes to
			n += traffic(i.In[1:]) + i.In[2].Bytes()
		case tensor.Gather: // nor all that it could read
			n += traffic(i.In[1:]) + 2*traffic(i.Out)
		default:
			n += traffic(i.In) + traffic(i.Out)
		}
	}
	return n
}

// traffic is the bytes of ts.
func traffic(ts []*tensor.Tensor) (n int) {
	for _, t := range ts {
		n += t.Bytes()
	}
	return n
}

// A Stage is a program behind one pass.
type Stage struct {
	Pass string // "trace" for the step as it was recorded
	Stats
	Holders []Holder // of memory at the peak, the largest first
}

// Measure plans step and says what it costs as recorded and behind each pass.
func Measure(root *tensor.Scope, step func(*tensor.Scope), passes []Pass) []Stage {
	program := trace(root, step)
	stages := []Stage{stageOf("trace", program)}
	for _, pass := range passes {
		program = pass.Run(root.Backend(), program)
		stages = append(stages, stageOf(pass.Name, program))
	}
	return stages
}

func stageOf(pass string, p []tensor.Instr) Stage {
	l := place(p)
	return Stage{pass, Stats{len(p), moved(p), l.bytes}, l.holders(p)}
}

// missing is the names of ops that the backend has no kernel for, sorted. A backend that is no
// Prober does not tell, and counts as having none.
func (p *Plan) missing() []string {
	prober, ok := tensor.As[tensor.Prober](p.root.Backend())
	var names []string
	for _, i := range p.program {
		if !ok || !prober.Runs(i.Op, specsOf(i.In)) {
			names = append(names, tensor.OpName(i.Op))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// String is the plan in short: instructions, bytes moved, peak memory, ops without a kernel.
func (p *Plan) String() string {
	s := p.Stats()
	text := fmt.Sprintf("%d instructions, %.1f MB moved, %.1f MB at peak", s.Instructions, float64(s.Moved)/1e6, float64(s.Peak)/1e6)
	if names := p.missing(); len(names) > 0 {
		text += ", no kernel for " + strings.Join(names, " ")
	}
	if p.err != nil {
		text += ", not captured: " + p.err.Error()
	}
	return text
}
