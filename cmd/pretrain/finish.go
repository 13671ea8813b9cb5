package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"time"

	"kith/cmd/pretrain/internal/settings"
	"kith/internal/console"
	"kith/internal/rundir"
	"kith/nn"
	"kith/nnclr/data"
	"kith/nnclr/train"
)

// openWatch opens metrics and log of a run that stands at step.
func openWatch(s *settings.Settings, p *parts, dir *rundir.Dir, step int, con *console.Console) (*watch, error) {
	metrics, err := dir.OpenMetrics(step)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(dir.Join(logName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	w := &watch{
		con: con, metrics: metrics, dir: dir, budget: time.Duration(s.Budget),
		log: slog.New(slog.NewTextHandler(file, nil)), logFile: file, snapshots: readSnapshots(dir.Path, step),
		bad: p.bad, last: unknown(), start: pick(s.Weights == "random", "untrained", "weights"),
	}
	return w, nil
}

// unknown is a run of which nothing is known yet.
func unknown() console.Progress {
	nan := math.NaN()
	return console.Progress{Epoch: nan, Loss: nan, LR: nan, ImagesPerSec: nan, Wait: nan, Std: nan, Purity: nan, Self: nan, Sim: nan, KNN: nan}
}

// nameBad names the images that could not be used, once: before the last line, which counts warnings, or when the run
// fails.
func (w *watch) nameBad() {
	list := w.bad.list()
	w.bad = new(badImages)
	if len(list) == 0 {
		return
	}
	w.con.Warn("%s images could not be used; they are named in %s", console.Count(len(list)), w.dir.Join(badName))
	if err := w.dir.Replace(badName, func(out io.Writer) error { return data.WriteBad(out, list) }); err != nil {
		w.con.Warn("%v", err)
	}
}

// close ends the streams.
func (w *watch) close() {
	w.nameBad()
	if err := w.metrics.Close(); err != nil {
		w.con.Warn("%v", err)
	}
	if err := w.logFile.Close(); err != nil {
		w.con.Warn("%v", err)
	}
}

// finish writes what the run was for, and prints it.
func finish(s *settings.Settings, p *parts, w *watch, sum *train.Summary) error {
	// Batch norm sees two batches a step, one for each view.
	export := func(out io.Writer) error {
		return nn.WriteTorch(out, p.encoder, "kith "+readBuild().version, 2*sum.Steps)
	}
	if err := w.dir.Replace(exportedName, export); err != nil {
		return err
	}
	if err := w.dir.WriteFile("export/README.md", []byte(exportText(s))); err != nil {
		return err
	}
	short := shorten(s, sum)
	if err := w.dir.WriteJSON("summary.json", short); err != nil {
		return err
	}
	pictures, err := drawNeighbors(p, w)
	if err != nil {
		return err
	}
	w.nameBad()
	w.result(sum, pictures)
	return w.con.JSON(result{"result", w.dir.Path, short})
}

// A result is the last line of --json.
type result struct {
	Kind string `json:"kind"`
	Run  string `json:"run"`
	summary
}

// A summary is summary.json. A start from --weights is no untrained network, so its score has a name of its own.
type summary struct {
	rundir.Summary
	Start *rundir.Number `json:"knn_start,omitempty"`
}

func shorten(s *settings.Settings, t *train.Summary) summary {
	start := rundir.Number(t.Start)
	out := summary{Summary: rundir.Summary{
		KNN: rundir.Number(t.KNN), KNNPixels: rundir.Number(t.Pixels), KNNPixelsCentered: rundir.Number(t.PixelsCentered),
		KNNUntrained: start, Steps: t.Steps, ViewsPerSecond: rundir.Number(t.ViewsPerSecond),
		LossFirst: rundir.Number(t.LossFirst), LossLast: rundir.Number(t.LossLast), Seconds: rundir.Number(t.Seconds),
	}}
	if s.Weights != "random" {
		out.KNNUntrained, out.Start = rundir.Number(math.NaN()), &start
	}
	return out
}

// result prints the end of a run.
func (w *watch) result(t *train.Summary, pictures string) {
	warnings := ""
	if n := w.con.Warnings(); n > 0 {
		warnings = fmt.Sprintf("   warnings: %d", n)
	}
	took := console.Clock(time.Duration(t.Seconds * float64(time.Second)))
	if math.IsNaN(t.KNN) {
		w.con.Final("done in %s   loss %.3f -> %.3f%s", took, t.LossFirst, t.LossLast, warnings)
	} else {
		w.con.Final("done in %s   kNN %.1f %% (pixels %.1f, centered %.1f, %s %.1f)%s",
			took, 100*t.KNN, 100*t.Pixels, 100*t.PixelsCentered, w.start, 100*t.Start, warnings)
		w.con.Line("  100-label kNN %.1f %% (%s %.1f)   same-label neighbors %.0f %%", 100*t.Few, w.start, 100*t.FewStart, 100*t.Purity)
	}
	w.con.Line("  model     %s   (how to load it: README.md beside it)", w.dir.Join(exportedName))
	if pictures != "" {
		w.con.Line("  pictures  %s", pictures)
	}
	w.con.Line("next: pretrain ./my_photos        pretrain embed --run %s --data ./my_photos -o vectors.npy", w.dir.Path)
}

// exportText is the README beside an exported encoder.
func exportText(s *settings.Settings) string {
	settings, err := json.Marshal(map[string]any{"model": s.Model, "stem": s.Stem, "size": s.Size})
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return "Encoder of a kith run: " + string(settings) + `

Names and layouts are torchvision's, without the classifier. In Python, for models that torchvision has:

    import torchvision, safetensors.torch
    net = torchvision.models.` + s.Model + `()
    net.load_state_dict(safetensors.torch.load_file("model.safetensors"), strict=False)  # fc.* stays as it was

resnet-tiny and the 3x3 stems are not torchvision's: see nn/resnet.go for their shapes, or use
pretrain embed to compute vectors, and --weights to train on from here.
`
}
