package trace

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"kith/tensor"
)

// A Timer adds up time and traffic by op.
type Timer struct {
	observer
	clock func() time.Duration
	start time.Duration // of the op at hand
	rows  map[string]*Row
}

// A Row is all calls of one op, or of one fused form.
type Row struct {
	Op    string // names of the parts, if it is fused
	Calls int
	Time  time.Duration
	Bytes int // of inputs and outputs
}

// Time measures each op that runs on b, waiting for it; clock is any clock that does not go back.
func Time(b tensor.Backend, clock func() time.Duration) *Timer {
	t := &Timer{clock: clock, rows: map[string]*Row{}}
	t.observer = observer{Backend: b, saw: t.stop}
	return t
}

// Run starts the clock behind what was queued before, and passes op on.
func (t *Timer) Run(op tensor.Op, out, in []*tensor.Tensor) bool {
	t.Backend.Sync() // a failure sticks: Scope.Sync returns it
	t.start = t.clock()
	return t.observer.Run(op, out, in)
}

// stop notes an op whose results are there.
func (t *Timer) stop(op tensor.Op, out, in []*tensor.Tensor) {
	t.Backend.Sync()
	r := t.row(op)
	r.Calls++
	r.Time += t.clock() - t.start
	for _, x := range in {
		r.Bytes += x.Bytes()
	}
	for _, x := range out {
		r.Bytes += x.Bytes()
	}
}

func (t *Timer) row(op tensor.Op) *Row {
	n := name(op)
	if t.rows[n] == nil {
		t.rows[n] = &Row{Op: n}
	}
	return t.rows[n]
}

// Rows is all rows, the slowest first.
func (t *Timer) Rows() []Row {
	var rows []Row
	for _, r := range t.rows {
		rows = append(rows, *r)
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), strings.Compare(a.Op, b.Op))
	})
	return rows
}

// Reset forgets what was measured.
func (t *Timer) Reset() { clear(t.rows) }

// String is the rows as a table: calls, milliseconds, share of the time, GB/s, op.
func (t *Timer) String() string {
	total := time.Duration(0)
	for _, r := range t.rows { // any order: a sum of integers
		total += r.Time
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%6s %9s %6s %6s  %s\n", "calls", "ms", "share", "GB/s", "op")
	for _, r := range t.Rows() {
		seconds := max(r.Time.Seconds(), 1e-9)
		fmt.Fprintf(&b, "%6d %9.2f %5.1f%% %6.1f  %s\n", r.Calls, 1e3*seconds,
			100*r.Time.Seconds()/max(total.Seconds(), 1e-9), float64(r.Bytes)/1e9/seconds, r.Op)
	}
	return b.String()
}
