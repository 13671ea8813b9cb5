package console

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 11, 23, 7, 2, 34, 0, time.UTC)

func at(elapsed time.Duration) Progress {
	return Progress{Elapsed: elapsed, Left: 83 * time.Second, Share: 0.41, Step: 132, Epoch: 4, Loss: 3.684, LR: 0.0933,
		ImagesPerSec: 2004.2, Wait: 0.01, Std: 0.087, Purity: 0.61, Self: 0.004, Sim: 0.71, KNN: 0.828}
}

// TestPlain: one line every ten seconds and at each evaluation, without control characters.
func TestPlain(t *testing.T) {
	var out bytes.Buffer
	now := start
	c := New(Options{Out: &out, Err: &out, Now: func() time.Time { return now }})
	for range 25 { // 24 seconds: lines at 0, 10 and 20
		p := at(now.Sub(start))
		p.KNN = math.NaN()
		c.Step(p)
		now = now.Add(time.Second)
	}
	c.Eval(at(now.Sub(start)))
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines, want 4:\n%s", len(lines), out.String())
	}
	want := "2026-11-23T07:02:59Z step=132 epoch=4.0 loss=3.684 lr=0.0933 img_s=2004 wait=0.01 knn=0.828 eta=1m23s"
	if diff := cmp.Diff(want, lines[3]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if strings.ContainsAny(out.String(), "\r\x1b") || strings.Contains(lines[0], "knn") {
		t.Errorf("control characters, or a score that is not known:\n%q", out.String())
	}
}

// TestTerminal: rows stay, the line below is redrawn at most ten times a second and is gone at the end.
func TestTerminal(t *testing.T) {
	var out bytes.Buffer
	now := start
	c := New(Options{Out: &out, Err: &out, Terminal: true, Width: 110, Now: func() time.Time { return now }})
	for range 100 {
		c.Step(at(now.Sub(start)))
		now = now.Add(10 * time.Millisecond)
	}
	if n := strings.Count(out.String(), " > "); n != 10 {
		t.Errorf("drawn %d times in a second, want 10", n)
	}
	out.Reset()
	c.Eval(at(17 * time.Second))
	c.Close()
	want := "\r\x1b[K\n" +
		"   time  epoch    loss     lr   img/s  wait  emb-std  NN same-label  NN itself      kNN\n" +
		"   0:17    4.0   3.684  0.093   2,004    1%    0.087           61 %        0 %   82.8 %  #####-------\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestWidths: from 40 columns on nothing wraps, and score and loss are never dropped.
func TestWidths(t *testing.T) {
	for width := 40; width <= 130; width++ {
		cols := fit(columns(true), width)
		head, line := titles(cols), row(cols, at(17*time.Second))
		if len(head) > max(width, 47) || len(line) > max(width, 47) { // 47: what always stays
			t.Errorf("width %d: table of %d", width, len(line))
		}
		if !strings.Contains(head, "kNN") || !strings.Contains(head, "loss") {
			t.Errorf("width %d: %q lost a column that matters", width, head)
		}
		if n := len(liveLine(at(17*time.Second), width)); n >= width {
			t.Errorf("width %d: live line of %d", width, n)
		}
	}
	if !strings.Contains(titles(fit(columns(true), 80)), "emb-std") {
		t.Error("80 columns have room for emb-std")
	}
}

func TestWithoutLabels(t *testing.T) {
	p := at(0)
	p.KNN, p.Purity = math.NaN(), math.NaN()
	var out bytes.Buffer
	c := New(Options{Out: &out, Err: &out, Terminal: true, Width: 100, Now: func() time.Time { return start }})
	c.Eval(p)
	if s := out.String(); !strings.Contains(s, "NN sim") || !strings.Contains(s, "0.710") || strings.Contains(s, "kNN") {
		t.Errorf("without labels the neighbor's cosine takes the place of kNN, got\n%s", s)
	}
}

func TestQuietAndJSON(t *testing.T) {
	var out, errs bytes.Buffer
	c := New(Options{Out: &out, Err: &errs, Quiet: true, JSON: true, Now: func() time.Time { return start }})
	c.Line("a header")
	c.Step(at(0))
	c.Eval(at(0))
	c.Warn("disk %d %% full", 97)
	if err := c.JSON(map[string]int{"step": 1}); err != nil {
		t.Fatal(err)
	}
	c.Final("done")
	if diff := cmp.Diff("{\"step\":1}\n", out.String()); diff != "" {
		t.Errorf("standard output (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff("pretrain: warning: disk 97 % full\ndone\n", errs.String()); diff != "" || c.Warnings() != 1 {
		t.Errorf("standard error, %d warnings (-want +got)\n%s", c.Warnings(), diff)
	}
}

// A pipe fails every write and counts them.
type pipe struct{ writes int }

func (p *pipe) Write([]byte) (int, error) { p.writes++; return 0, errors.New("broken pipe") }

func TestClosedPipe(t *testing.T) {
	var p pipe
	c := New(Options{Out: &p, Err: &bytes.Buffer{}, Now: func() time.Time { return start }})
	for range 5 {
		c.Line("x")
	}
	if p.writes != 1 {
		t.Errorf("%d writes to a closed pipe, want one", p.writes)
	}
}

func TestFormats(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -1234: "-1,234", -123: "-123", 1281167: "1,281,167"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int]string{672: "672", 77392: "77 k", 23508032: "23.5 M", 138e6: "138 M"} {
		if got := Short(n); got != want {
			t.Errorf("Short(%d) = %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{17 * time.Second: "0:17", 100 * time.Second: "1:40", 125 * time.Minute: "2:05 h", -time.Second: "0:00"} {
		if got := Clock(d); got != want {
			t.Errorf("Clock(%v) = %s, want %s", d, got, want)
		}
	}
}
