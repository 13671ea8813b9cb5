// Package doctor looks at the machine and says what a run will find: processor, devices, memory, disk, speed.
package doctor

import (
	"context"
	"fmt"
	"io"
	"time"
)

// A Status says how a finding is meant.
type Status string

// The three states: all is well; a thing that is not there and need not be; a thing that will hurt.
const (
	OK      Status = "OK"
	Absent  Status = "--"
	Trouble Status = "!!"
)

// A Finding is one line of the report.
type Finding struct {
	Status Status `json:"status"`
	Name   string `json:"name"`
	Text   string `json:"text"`
	Hint   string `json:"hint,omitempty"` // what to do about trouble
}

// A Check looks at one thing. It returns within a second and never fails: what it cannot find out is a finding.
type Check func(ctx context.Context) Finding

// Checks are those of this machine, in the order in which they are printed. dir is where runs are to be written; clock
// is monotonic, for those that measure speed.
func Checks(dir string, clock func() time.Duration) []Check {
	return []Check{
		processor, features, kernels, gpu, memory,
		func(context.Context) Finding { return disk(dir) },
		func(context.Context) Finding { return locks(dir) },
		products(clock), turbo, jpegs(clock),
	}
}

// Run does all checks and calls report after each, so that slow ones do not hold up the others' lines.
func Run(ctx context.Context, checks []Check, report func(Finding) error) error {
	for _, check := range checks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := report(check(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// Print writes a finding for people.
func (f Finding) Print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s  %-10s %s\n", f.Status, f.Name, f.Text)
	if f.Hint != "" && err == nil {
		_, err = fmt.Fprintf(w, "      hint: %s\n", f.Hint)
	}
	return err
}
