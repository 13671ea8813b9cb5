// Package console prints a run for people: a table with one line redrawn below it on a terminal, key=value lines
// elsewhere. It knows nothing of training; it is given numbers and shows them.
package console

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"
)

// Options say where and how to print. Now is the clock, so that tests own the time.
type Options struct {
	Out, Err io.Writer
	Terminal bool // Out can be redrawn
	Width    int  // columns of the terminal
	Color    bool
	Quiet    bool // print Final, Warn and JSON only
	JSON     bool // Out carries JSON lines; text moves to Err
	Now      func() time.Time
}

// A Progress is a run at one step. What is not known is NaN.
type Progress struct {
	Elapsed, Left time.Duration
	Share         float64 // of the run that is done, 0 to 1
	Step          int
	Epoch         float64
	Loss, LR      float64
	ImagesPerSec  float64
	Wait          float64 // share of the time spent waiting for data
	Std           float64 // of the embeddings, by dimension
	Purity        float64 // share of neighbors with the query's label
	Self          float64 // share of neighbors that are the same image
	Sim           float64 // mean cosine to the neighbor
	KNN           float64 // top-1 of the evaluation at this step
}

// A Console prints one run. Its methods may be called from several goroutines.
type Console struct {
	o        Options
	mu       sync.Mutex
	out, err *writer
	json     *writer
	columns  []column
	title    bool      // the table's head stands
	live     bool      // a line is being redrawn
	drawn    time.Time // when it was drawn last, or when the last plain line was printed
	warnings int
}

// New prepares a console; it prints nothing yet.
func New(o Options) *Console {
	c := &Console{o: o, out: &writer{w: o.Out}, err: &writer{w: o.Err}}
	c.json = c.out
	if o.JSON { // text gives way to the JSON lines
		c.out = c.err
	}
	return c
}

// Line prints a line of text, unless quiet.
func (c *Console) Line(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.o.Quiet {
		c.print(fmt.Sprintf(format, args...))
	}
}

// Final prints a line even when quiet: the result of the run.
func (c *Console) Final(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.print(fmt.Sprintf(format, args...))
}

// Warn prints a warning and counts it.
func (c *Console) Warn(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.warnings++
	c.wipe()
	fmt.Fprintf(c.err, "pretrain: warning: %s\n", fmt.Sprintf(format, args...))
}

// Warnings counts the warnings printed so far.
func (c *Console) Warnings() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.warnings
}

// JSON prints v as one line, where JSON was asked for.
func (c *Console) JSON(v any) error {
	if !c.o.JSON {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.json, "%s\n", b)
	return nil
}

// Step shows a logged step: redrawn in place on a terminal, at most ten times a second; elsewhere as a line every
// ten seconds.
func (c *Console) Step(p Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.o.Now()
	switch {
	case c.o.Quiet:
	case c.o.Terminal && !c.o.JSON:
		if now.Sub(c.drawn) >= time.Second/10 {
			c.drawn = now
			c.redraw(liveLine(p, c.o.Width))
		}
	case now.Sub(c.drawn) >= 10*time.Second:
		c.drawn = now
		c.print(plainLine(now, p))
	}
}

// Eval shows a step at which the encoder was scored: a row of the table that stays.
func (c *Console) Eval(p Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.o.Now()
	switch {
	case c.o.Quiet:
	case c.o.Terminal && !c.o.JSON:
		if !c.title {
			c.title = true
			c.columns = fit(columns(!math.IsNaN(p.KNN)), c.o.Width)
			c.print("")
			c.print(titles(c.columns))
		}
		c.print(c.paint(row(c.columns, p)))
	default:
		c.drawn = now
		c.print(plainLine(now, p))
	}
}

// Close ends the redrawn line, so that what follows starts on a line of its own.
func (c *Console) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wipe()
}

func (c *Console) print(line string) {
	c.wipe()
	fmt.Fprintf(c.out, "%s\n", strings.TrimRight(line, " "))
}

// redraw replaces the line under the table; wipe takes it away.
func (c *Console) redraw(line string) {
	c.wipe()
	c.live = true
	fmt.Fprint(c.out, line)
}

func (c *Console) wipe() {
	if c.live {
		c.live = false
		fmt.Fprint(c.out, "\r\x1b[K")
	}
}

// paint makes the score stand out.
func (c *Console) paint(row string) string {
	if !c.o.Color {
		return row
	}
	return "\x1b[1m" + strings.TrimRight(row, " ") + "\x1b[0m"
}

// A writer gives up after its first error: a closed pipe or a lost terminal must not stop a run.
type writer struct {
	w    io.Writer
	dead bool
}

func (w *writer) Write(b []byte) (int, error) {
	if !w.dead {
		_, err := w.w.Write(b)
		w.dead = err != nil
	}
	return len(b), nil
}
