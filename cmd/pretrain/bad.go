package main

import (
	"slices"
	"strings"

	"kith/cmd/pretrain/internal/settings"
	"kith/nnclr/data"
)

// badImages is the settings' policy on images that cannot be used, for one data set at a time, and remembers those of
// all: an image may be found bad when it is trained on, votes, or is scored.
type badImages struct {
	fail bool
	max  float64
	sets []*data.Bad
}

func newBadImages(s *settings.Settings) *badImages {
	return &badImages{fail: s.Bad == "fail" || s.MaxBad == 0, max: float64(s.MaxBad)}
}

// next is the policy for another pass over a data set. Where none is allowed, the first one ends the run.
func (b *badImages) next() *data.Bad {
	set := &data.Bad{Fail: b.fail, Max: b.max}
	b.sets = append(b.sets, set)
	return set
}

// list is the bad images by name, each once.
func (b *badImages) list() (all []data.BadImage) {
	for _, set := range b.sets {
		all = append(all, set.List()...)
	}
	slices.SortStableFunc(all, func(x, y data.BadImage) int { return strings.Compare(x.Name, y.Name) })
	return slices.CompactFunc(all, func(x, y data.BadImage) bool { return x.Name == y.Name })
}
