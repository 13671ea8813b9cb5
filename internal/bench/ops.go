package bench

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"kith/backends/plan"
	"kith/tensor"
)

// An OpResult is the time that one kind of instruction takes in a step.
type OpResult struct {
	Form    string  `json:"form"`             // the op, or the parts of a fused one
	Shapes  string  `json:"shapes,omitempty"` // of its inputs, where kinds differ by them
	Count   int     `json:"count"`
	Ms      float64 `json:"ms"`    // of all of them together, each at its best
	Share   float64 `json:"share"` // of the sum over all forms
	GFLOPS  float64 `json:"gflops,omitempty"`
	GBS     float64 `json:"gb_s"`                   // inputs and outputs, each once
	OfPeak  float64 `json:"percent_peak,omitempty"` // GFLOPS of Peaks.GFLOPS; Winograd and bf16 pass 100
	OfCopy  float64 `json:"percent_copy"`           // GBS of Peaks.GBS; what lies in cache passes 100
	Kernel  bool    `json:"kernel"`
	flops   float64
	traffic int
}

// Peaks are what this process reaches on this machine at its best, to compare rates with.
type Peaks struct {
	GFLOPS float64 `json:"gflops"` // multiply-adds in registers; product of 1024×1024 matrices where a backend cannot tell
	GBS    float64 `json:"gb_s"`   // scaling 64 MiB: one read, one write
}

// rounds is how often the step is run; the fastest time of each instruction counts.
const rounds = 3

// Ops plans the step and times its instructions as they run one after another, slowest kind first. A
// kind is a form, or a form with the shapes of its operands.
func Ops(root *tensor.Scope, w Work, byShape bool) ([]OpResult, Peaks, error) {
	if err := w.check(); err != nil {
		return nil, Peaks{}, err
	}
	st, err := w.build(root)
	if err != nil {
		return nil, Peaks{}, err
	}
	w.await()
	peaks, err := MeasurePeaks(root, w.Clock)
	if err != nil {
		return nil, peaks, err
	}
	st.set(0)
	p := plan.Compile(root, st.program)
	p.Run() // scratch grows, kernels are loaded
	if err := root.Sync(); err != nil {
		return nil, peaks, err
	}
	results, err := timeAll(root, p.Program(), w.Clock)
	return peaks.shares(byKind(results, byShape)), peaks, err
}

// shares fills in the percents of the peaks.
func (p Peaks) shares(results []OpResult) []OpResult {
	for i := range results {
		r := &results[i]
		r.OfPeak, r.OfCopy = round(100*r.GFLOPS/p.GFLOPS), round(100*r.GBS/p.GBS)
	}
	return results
}

// timeAll times the instructions of a program in their order, so that each finds in cache what it would
// find there in a step.
func timeAll(root *tensor.Scope, program []tensor.Instr, clock func() time.Duration) ([]OpResult, error) {
	results := make([]OpResult, len(program))
	b := root.Backend()
	for range rounds {
		for n, i := range program {
			from := clock()
			kernel := tensor.Exec(b, i.Op, i.Out, i.In)
			if err := b.Sync(); err != nil {
				return nil, err
			}
			took := float64(clock()-from) / 1e6
			if r := &results[n]; r.Count == 0 {
				*r = OpResult{Form: tensor.FormOf(i.Op), Shapes: shapes(i.In), Count: 1, Ms: took, Kernel: kernel, flops: flops(i), traffic: bytesOf(i)}
			} else {
				r.Ms = min(r.Ms, took)
			}
		}
	}
	return results, nil
}

// byKind adds up results of one kind.
func byKind(each []OpResult, byShape bool) []OpResult {
	number := map[string]int{}
	var kinds []OpResult
	total := 0.0
	for _, r := range each {
		if !byShape {
			r.Shapes = ""
		}
		total += r.Ms
		k, ok := number[r.Form+r.Shapes]
		if !ok {
			number[r.Form+r.Shapes] = len(kinds)
			kinds = append(kinds, r)
			continue
		}
		sum := &kinds[k]
		sum.Count += r.Count
		sum.Ms += r.Ms
		sum.Kernel = sum.Kernel && r.Kernel
		sum.flops += r.flops
		sum.traffic += r.traffic
	}
	for k := range kinds {
		r := &kinds[k]
		r.Share = r.Ms / total
		r.GFLOPS, r.GBS = round(r.flops/(r.Ms*1e6)), round(float64(r.traffic)/(r.Ms*1e6))
	}
	slices.SortStableFunc(kinds, func(a, b OpResult) int { return cmp.Compare(b.Ms, a.Ms) })
	return kinds
}

func bytesOf(i tensor.Instr) (n int) {
	for _, t := range append(slices.Clone(i.In), i.Out...) {
		n += t.Bytes()
	}
	return n
}

// flops counts multiplications and additions of products and convolutions; pointwise work is bounded by memory.
func flops(i tensor.Instr) float64 {
	if f, ok := i.Op.(*tensor.Fused); ok {
		return fusedFlops(f, i.In)
	}
	return coreFlops(i.Op, specs(i.In), specs(i.Out))
}

func fusedFlops(f *tensor.Fused, in []*tensor.Tensor) float64 {
	part, ok := f.Core()
	if !ok {
		return 0
	}
	values, err := f.Values(specs(in))
	if err != nil {
		return 0
	}
	core := f.Body[part]
	var args []tensor.Spec
	for _, v := range core.In {
		args = append(args, values[v])
	}
	out, err := core.Op.Infer(args)
	if err != nil {
		return 0
	}
	return coreFlops(core.Op, args, out)
}

// coreFlops is twice the multiplications: every element of the weight meets every output pixel of every image.
func coreFlops(op tensor.Op, in, out []tensor.Spec) float64 {
	if l, ok := op.(tensor.Lowered); ok {
		op, in = l.Plain(in)
	}
	size := func(s tensor.Spec) float64 { return float64(s.Shape.Size()) }
	switch op := op.(type) {
	case tensor.MatMul:
		depth := in[0].Shape[1]
		if op.TransA {
			depth = in[0].Shape[0]
		}
		return 2 * size(out[0]) * float64(depth)
	case tensor.Conv2D: // y [n,p,q,k] of w [k,r,s,c]
		return 2 * size(out[0]) * size(in[1]) / float64(in[1].Shape[0])
	case tensor.Conv2DGradX: // dy [n,p,q,k], w [k,r,s,c]
		return 2 * size(in[0]) * size(in[1]) / float64(in[1].Shape[0])
	case tensor.Conv2DGradW: // dy [n,p,q,k] → [k,r,s,c]
		return 2 * size(in[0]) * size(out[0]) / float64(out[0].Shape[0])
	}
	return 0
}

func specs(ts []*tensor.Tensor) []tensor.Spec {
	out := make([]tensor.Spec, len(ts))
	for i, t := range ts {
		out[i] = t.Spec
	}
	return out
}

// MeasurePeaks times the two things that bound everything else.
func MeasurePeaks(root *tensor.Scope, clock func() time.Duration) (p Peaks, err error) {
	if p.GFLOPS, err = arithmetic(root, clock); err != nil {
		return p, err
	}
	const long = 16 << 20
	x := root.New(tensor.Of(tensor.F32, long))
	tensor.Set(x, slices.Repeat([]float32{1}, long))
	scale, err := bestOf(root, clock, func(s *tensor.Scope) { s.Enter(x).Scale(0.5) })
	p.GBS = round(2 * 4 * long / float64(scale))
	if err == nil && (p.GFLOPS <= 0 || p.GBS <= 0) {
		err = fmt.Errorf("the clock is too coarse to measure with")
	}
	return p, err
}

// arithmetic is the rate of multiply-adds, in GFLOP/s: the best of several.
func arithmetic(root *tensor.Scope, clock func() time.Duration) (float64, error) {
	now, err := arithmeticNow(root, clock)
	if err != nil {
		return 0, err
	}
	best := 0.0
	for range 9 {
		best = max(best, now())
	}
	return round(best), nil
}

// arithmeticNow returns a function that measures the rate of multiply-adds in a few milliseconds. Of a
// backend that cannot say, it gives the rate of a large product, measured once.
func arithmeticNow(root *tensor.Scope, clock func() time.Duration) (func() float64, error) {
	if b, ok := root.Backend().(interface {
		MultiplyAdds(clock func() time.Duration) float64
	}); ok {
		return func() float64 { return b.MultiplyAdds(clock) }, nil
	}
	const side = 1024
	a, b := root.New(tensor.Of(tensor.F32, side, side)), root.New(tensor.Of(tensor.F32, side, side))
	ones := slices.Repeat([]float32{1}, side*side)
	tensor.Set(a, ones)
	tensor.Set(b, ones)
	product, err := bestOf(root, clock, func(s *tensor.Scope) { s.Enter(a).MatMulT(s.Enter(b)) })
	return func() float64 { return 2 * side * side * side / float64(product) }, err
}

func bestOf(root *tensor.Scope, clock func() time.Duration, step func(*tensor.Scope)) (best time.Duration, err error) {
	for range 5 {
		from := clock()
		root.Run(step)
		if err := root.Sync(); err != nil {
			return 0, err
		}
		if took := clock() - from; best == 0 || took < best {
			best = took
		}
	}
	if best <= 0 {
		return 0, fmt.Errorf("the clock stands still")
	}
	return best, nil
}
