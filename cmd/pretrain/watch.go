package main

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"time"

	"kith/internal/console"
	"kith/internal/rundir"
	"kith/nnclr/train"
)

// A watch takes the events of a run to the console, the metrics, the log and the neighbor snapshots. It never ends a
// run: what cannot be written is warned of and counted.
type watch struct {
	con     *console.Console
	metrics *rundir.Metrics
	log     *slog.Logger
	logFile io.Closer
	bad     *badImages
	dir     *rundir.Dir

	budget    time.Duration    // length of a run by time, else 0
	start     string           // what the encoder was before: untrained, or weights
	last      console.Progress // the last logged step
	waiting   bool             // the hint about slow data was given
	lost      bool             // the warning about lost metrics was given
	snapshots []snapshot
}

// event takes one.
func (w *watch) event(e train.Event) {
	if e.Kind == "neighbors" {
		w.neighbors(e)
		return
	}
	w.record(e)
	switch {
	case e.Kind == "train":
		w.last = w.progress(e)
		w.con.Step(w.last)
		w.hints(e)
	case e.Kind == "eval" && e.Name == "floors":
		w.con.Line("before  kNN  raw pixels %s (centered %s)   %s network %s", percent(e, "pixels"), percent(e, "pixels_centered"), w.start, percent(e, "start"))
	case e.Kind == "eval":
		w.con.Eval(w.scored(e))
	default:
		w.other(e)
	}
}

// scored is the last logged step with the score of an evaluation.
func (w *watch) scored(e train.Event) console.Progress {
	p := w.last
	p.Step, p.Elapsed = e.Step, e.Elapsed
	p.Share, p.Left = e.Share, w.left(e)
	if v, ok := e.Number("top1"); ok {
		p.KNN = v
	}
	return p
}

// progress is a logged step as the console shows it.
func (w *watch) progress(e train.Event) console.Progress {
	get := func(key string) float64 {
		if v, ok := e.Number(key); ok {
			return v
		}
		return math.NaN()
	}
	p := console.Progress{
		Elapsed: e.Elapsed, Step: e.Step, Epoch: get("epoch"), Loss: get("loss"), LR: get("lr"), ImagesPerSec: get("img_s"),
		Wait: get("wait"), Std: get("emb_std"), Purity: get("nn_purity"), Self: get("nn_self"), Sim: get("nn_sim"), KNN: math.NaN(),
	}
	p.Share, p.Left = e.Share, w.left(e)
	return p
}

// left is the time to the end, if it goes on as it did. Of a run by time only training counts, so evaluations to come
// are not in it.
func (w *watch) left(e train.Event) time.Duration {
	if w.budget > 0 {
		return time.Duration(float64(w.budget) * (1 - e.Share))
	}
	return time.Duration(float64(e.Elapsed) * (1 - e.Share) / max(e.Share, 1e-9))
}

// other is what happens beside steps and scores.
func (w *watch) other(e train.Event) {
	switch e.Name {
	case "warning":
		w.con.Warn("%s", text(e, "text"))
	case "skipped":
		w.con.Warn("step %s is skipped: loss %v, gradient norm %v; kept in %s", console.Count(e.Step), field(e, "loss"), field(e, "grad_norm"), text(e, "path"))
	case "collapse":
		rank, _ := e.Number("rank")
		w.con.Warn("embeddings collapse (effective rank %.1f at step %s): try a lower --lr, a larger --queue or --batch; --on-collapse stop ends such a run", rank, console.Count(e.Step))
	}
}

// hints says once what a number means that a user may not know to look at.
func (w *watch) hints(e train.Event) {
	if wait, ok := e.Number("wait"); ok && wait > 0.1 && e.Step > 50 && !w.waiting {
		w.waiting = true
		w.con.Line("        %.0f %% of the time is spent waiting for images: more --workers, smaller files, or a faster disk", 100*wait)
	}
}

// record appends the event to metrics and log.
func (w *watch) record(e train.Event) {
	fields := []rundir.Field{{Key: "t", Value: round(e.Elapsed.Seconds(), 2)}, {Key: "kind", Value: e.Kind}, {Key: "step", Value: e.Step}}
	attrs := []any{"step", e.Step}
	if e.Name != "" {
		fields = append(fields, rundir.Field{Key: "name", Value: e.Name})
		attrs = append(attrs, "name", e.Name)
	}
	for _, f := range e.Fields {
		fields = append(fields, rundir.Field(f))
		attrs = append(attrs, f.Key, f.Value)
	}
	w.log.Info(e.Kind, attrs...)
	if err := w.con.JSON(object(fields)); err != nil {
		w.con.Warn("%v", err)
	}
	if err := w.metrics.Write(fields...); err != nil && !w.lost {
		w.lost = true
		w.con.Warn("metrics are being lost: %v", err)
	}
}

// object is a record as JSON wants it.
func object(fields []rundir.Field) map[string]any {
	out := map[string]any{}
	for _, f := range fields {
		if v, ok := f.Value.(float64); ok {
			out[f.Key] = rundir.Number(v)
		} else {
			out[f.Key] = f.Value
		}
	}
	return out
}

func field(e train.Event, key string) any {
	for _, f := range e.Fields {
		if f.Key == key {
			return f.Value
		}
	}
	return nil
}

func text(e train.Event, key string) string { return fmt.Sprint(field(e, key)) }

func percent(e train.Event, key string) string {
	v, ok := e.Number(key)
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*v)
}

func round(v float64, digits int) float64 {
	p := math.Pow(10, float64(digits))
	return math.Round(v*p) / p
}
