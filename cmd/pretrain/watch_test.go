package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kith/internal/console"
	"kith/internal/rundir"
	"kith/nnclr/data"
	"kith/nnclr/train"
)

// newTestWatch watches a run of 100 steps in a directory of its own.
func newTestWatch(t *testing.T) (w *watch, out, errs *bytes.Buffer) {
	t.Helper()
	d, err := rundir.Make(filepath.Join(t.TempDir(), "a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.OpenMetrics(0)
	if err != nil {
		t.Fatal(err)
	}
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	now := time.Date(2026, 11, 23, 7, 2, 34, 0, time.UTC)
	con := console.New(console.Options{Out: out, Err: errs, Now: func() time.Time { now = now.Add(11 * time.Second); return now }})
	log, err := os.Create(d.Join(logName))
	if err != nil {
		t.Fatal(err)
	}
	w = &watch{con: con, metrics: m, dir: d, bad: new(badImages), last: unknown(), start: "untrained",
		log: slog.New(slog.NewTextHandler(log, nil)), logFile: log}
	return w, out, errs
}

func step(n int, fields ...train.Field) train.Event {
	return train.Event{Kind: "train", Step: n, Elapsed: time.Duration(n) * time.Second, Share: float64(n) / 100, Fields: append(fields,
		train.Field{Key: "epoch", Value: 0.5}, train.Field{Key: "loss", Value: 3.5}, train.Field{Key: "img_s", Value: 900.0})}
}

// TestWatch sends one event of each kind and looks at where it arrives.
func TestWatch(t *testing.T) {
	w, out, errs := newTestWatch(t)
	event := func(name string, fields ...train.Field) train.Event {
		return train.Event{Kind: "event", Name: name, Step: 70, Fields: fields}
	}
	for _, e := range []train.Event{
		{Kind: "eval", Name: "floors", Fields: []train.Field{{Key: "pixels", Value: .448}, {Key: "pixels_centered", Value: .503}, {Key: "start", Value: .759}}},
		step(25),
		{Kind: "eval", Name: "knn", Step: 25, Elapsed: 25 * time.Second, Share: .25, Fields: []train.Field{{Key: "top1", Value: .828}}},
		step(60, train.Field{Key: "wait", Value: .4}),
		step(70, train.Field{Key: "wait", Value: .5}),
		event("skipped", train.Field{Key: "loss", Value: 1e38}, train.Field{Key: "grad_norm", Value: 2.0}, train.Field{Key: "path", Value: "nan/step-70"}),
		event("collapse", train.Field{Key: "rank", Value: 1.4}),
		event("warning", train.Field{Key: "text", Value: "disk 97 % full"}),
		event("checkpoint", train.Field{Key: "path", Value: "step-000000070"}),
		{Kind: "neighbors", Step: 70, Fields: []train.Field{{Key: "queries", Value: []int32{3}}, {Key: "nearest", Value: 1}, {Key: "ids", Value: []int32{9}}, {Key: "scores", Value: []float64{.5}}}},
	} {
		w.event(e)
	}
	w.close()
	for _, want := range []string{
		"before  kNN  raw pixels 44.8 % (centered 50.3 %)   untrained network 75.9 %\n",
		" step=25 epoch=0.5 loss=3.500 img_s=900 knn=0.828 eta=1m15s\n", // a quarter took 25 s
		"        40 % of the time is spent waiting for images",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Count(out.String(), "waiting for images") != 1 {
		t.Errorf("the hint is given more than once:\n%s", out)
	}
	for _, want := range []string{
		"pretrain: warning: step 70 is skipped: loss 1e+38, gradient norm 2; kept in nan/step-70\n",
		"pretrain: warning: embeddings collapse (effective rank 1.4 at step 70)",
		"pretrain: warning: disk 97 % full\n",
	} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("no %q in\n%s", want, errs)
		}
	}
	records := 0
	for r, err := range rundir.Records(w.dir.Path) {
		if err != nil {
			t.Fatal(err)
		}
		records++
		if r.Text("kind") == "" {
			t.Errorf("record without kind: %v", r)
		}
	}
	if records != 9 { // all but the neighbors, which have a file of their own
		t.Errorf("%d records in metrics.jsonl, want 9", records)
	}
	if s := readSnapshots(w.dir.Path, 70); len(s) != 1 || s[0].IDs[0] != 9 {
		t.Errorf("snapshots %+v", s)
	}
	if s := readSnapshots(w.dir.Path, 69); len(s) != 0 {
		t.Errorf("a run that goes on at step 69 keeps a snapshot of step 70: %+v", s)
	}
	if log, err := os.ReadFile(w.dir.Join(logName)); err != nil || !strings.Contains(string(log), "name=checkpoint") {
		t.Errorf("train.log, %v:\n%s", err, log)
	}
}

// TestGrid: rows of queries, frames by label, and an empty place for a neighbor that is no image.
func TestGrid(t *testing.T) {
	images, err := data.Patches("train")
	if err != nil {
		t.Fatal(err)
	}
	g := neighborGrid(images, []snapshot{{Step: 7, Queries: []int32{0, 8000}, Nearest: 2, IDs: []int32{1, 5, -1, 3}, Scores: []float64{.25, 0, 0, 0}}})
	if len(g.Rows) != 2 || len(g.Rows[0]) != 2 || g.Columns[1] != "step 7" {
		t.Fatalf("%d rows, columns %v", len(g.Rows), g.Columns)
	}
	if c := g.Rows[0][1]; c.Caption != "0.25" || c.Frame != 1 || c.Image.W != 48 {
		t.Errorf("a neighbor of the same photograph: caption %q, frame %v, width %d", c.Caption, c.Frame, c.Image.W)
	}
	if c := g.Rows[1][1]; c.Image.W != 0 || c.Caption != "" {
		t.Errorf("a neighbor that is no image: caption %q, width %d", c.Caption, c.Image.W)
	}
}

// TestFollowed: of labeled images one of each class, the same for the same seed.
func TestFollowed(t *testing.T) {
	images, err := data.Patches("train")
	if err != nil {
		t.Fatal(err)
	}
	s := load(t, "")
	ids := followed(images, seedOf(s))
	seen := map[int]bool{}
	var p data.Picture
	for _, i := range ids {
		label, err := data.Read(images, i, &p)
		if err != nil || seen[label] {
			t.Errorf("image %d of class %d again, %v", i, label, err)
		}
		seen[label] = true
	}
	if len(ids) != queries {
		t.Errorf("%d images are followed, want %d", len(ids), queries)
	}
}
