package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"kith/cmd/pretrain/internal/settings"
	"kith/internal/console"
	"kith/nnclr/data"
)

// device names what computes.
func (p *parts) device(s *settings.Settings) string {
	n := cores(s.Threads)
	text := fmt.Sprintf("%s, %d %s", p.root.Backend().Name(), n, pick(n == 1, "thread", "threads"))
	if p.note != "" {
		text += "  |  " + p.note
	}
	return text
}

// describe says what the images are.
func (p *parts) describe(s *settings.Settings) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s images", strings.Join(s.Data, " "), console.Count(p.sets.Train.Len()))
	var pic data.Picture
	if _, err := data.Read(p.sets.Train, 0, &pic); err == nil {
		fmt.Fprintf(&b, " (the first %dx%d)", pic.W, pic.H)
	}
	if p.sets.Score != nil {
		fmt.Fprintf(&b, " of %d classes, %s kept for scoring (labels score, never train)", len(p.sets.Classes), console.Count(p.sets.Score.Len()))
	}
	return b.String()
}

// goal says how long the run is.
func (p *parts) goal(s *settings.Settings) string {
	if s.Budget > 0 {
		return fmt.Sprintf("%v of training on this machine (--epochs 24 for a result that does not depend on its speed)", time.Duration(s.Budget))
	}
	return fmt.Sprintf("%s steps of %d images, %s an epoch", console.Count(p.course.steps), s.Batch, console.Count(p.loader.Steps()))
}

// environment is env.json: what a result may depend on, and what one wants to know a year later.
func environment(s *settings.Settings, p *parts) map[string]any {
	b := readBuild()
	return map[string]any{
		"version": b.version, "revision": b.revision, "go": b.goVersion, "tags": b.tags,
		"os": runtime.GOOS, "arch": runtime.GOARCH, "cores": runtime.NumCPU(), "device": p.root.Backend().Name(),
		"jpeg": dataOptions(s).Decoder(), // pixels depend on it: another one cannot continue the run
	}
}

// tooFew is a batch larger than the data set.
func tooFew(s *settings.Settings, n int) error {
	return &failure{code: exitData, msg: fmt.Sprintf("batch %d > %d usable images in %s", s.Batch, n, strings.Join(s.Data, " ")),
		hints: []string{fmt.Sprintf("--batch %d, or more images", max(2, powerOfTwo(n/2, 2, int(s.Batch))))}}
}
