package plan

import (
	"cmp"
	"slices"

	"kith/tensor"
)

// A Holder is instructions of one form and what their results hold at the peak of a step.
type Holder struct {
	Form  string // the op, or the parts of a fused one
	Count int    // results
	Bytes int
}

// holders tells what lives when the most does, the largest first. A room counts for the instruction
// that has written to it last.
func (l layout) holders(p []tensor.Instr) []Holder {
	peak := l.peak(len(p))
	maker := map[*room]tensor.Op{}
	for _, i := range p[:min(peak+1, len(p))] {
		for _, t := range i.Out {
			if s, ok := bufferOf(t).(*symbol); ok && l.rooms[s].to >= peak {
				maker[l.rooms[s]] = i.Op
			}
		}
	}
	of := map[string]*Holder{}
	for r, op := range maker { // any order: sums, which are sorted then
		form := tensor.FormOf(op)
		if of[form] == nil {
			of[form] = &Holder{Form: form}
		}
		of[form].Count++
		of[form].Bytes += r.bytes
	}
	var list []Holder
	for _, h := range of {
		list = append(list, *h)
	}
	slices.SortFunc(list, func(a, b Holder) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Form, b.Form))
	})
	return list
}

// peak is the instruction of n at which the most lives.
func (l layout) peak(n int) (at int) {
	change := make([]int, n+1) // bytes that come to life before an instruction, less those that died
	seen := map[*room]bool{}
	for _, r := range l.rooms { // any order: sums
		if !seen[r] {
			seen[r] = true
			change[r.from] += r.bytes
			change[r.to+1] -= r.bytes
		}
	}
	live, most := 0, 0
	for k, c := range change {
		if live += c; live > most {
			most, at = live, k
		}
	}
	return at
}
