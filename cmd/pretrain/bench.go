package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"kith/cmd/pretrain/internal/settings"
	"kith/internal/bench"
	"kith/tensor"
)

// benchOptions are the flags of bench.
type benchOptions struct {
	model         string
	batch, queue  int
	steps, warmup int
	precision     string
	eager, json   bool
	instructions  bool
	byShape       bool
	only          string
	batches       []int
	wait          time.Duration
	await         func()
	line          []settings.Assignment // device and threads
	threads       int
}

func newBench() *cobra.Command {
	c := &cobra.Command{Use: "bench", Short: "time a training step, its ops, single shapes, or show its plan", Args: takes(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return usage("pretrain bench step|ops|plan|shapes", "bench needs a subject")
		}}
	c.AddCommand(
		benchCommand("step", "time whole steps", printStep),
		benchCommand("ops", "time each kind of instruction of a step", printOps),
		benchCommand("plan", "show what the planner makes of a step", printPlan),
		benchCommand("shapes", "time the encoders' convolutions and products by shape", printShapes))
	return c
}

// benchCommand is one subject; all take the same flags.
func benchCommand(name, short string, run func(root *tensor.Scope, o benchOptions, w io.Writer) error) *cobra.Command {
	var o benchOptions
	c := &cobra.Command{Use: name + " [flags]", Short: short, Args: takes(0)}
	f := c.Flags()
	f.StringVar(&o.model, "model", "resnet18-cifar", "encoder; -cifar behind it: 3x3 stem and 32 px, else 224 px")
	f.IntVar(&o.batch, "batch", 128, "images a step; views are twice that")
	f.IntVar(&o.queue, "queue", 65536, "rows of the support set")
	f.IntVar(&o.steps, "steps", 5, "steps that are timed")
	f.IntVar(&o.warmup, "warmup", 2, "steps before them")
	f.StringVar(&o.precision, "precision", "f32", "f32 or bf16")
	f.BoolVar(&o.eager, "eager", false, "run each op at once instead of a plan")
	f.BoolVar(&o.json, "json", false, "print JSON")
	f.BoolVar(&o.instructions, "instructions", false, "plan: list every instruction, and what is in memory at the peak")
	f.BoolVar(&o.byShape, "by-shape", false, "ops: a line for each form and shapes of its inputs, not for each form")
	f.StringVar(&o.only, "only", "", "shapes: those whose name begins so, such as matmul or r50")
	f.IntSliceVar(&o.batches, "batches", []int{128, 16}, "shapes: images of ResNet-18-CIFAR's convolutions, and of ResNet-50's")
	f.DurationVar(&o.wait, "wait", 10*time.Second, "wait for other work on the machine to end, so long at most")
	set := addSettings(c, ofMachine)
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		if o.line, err = line(c, set, nil); err != nil {
			return err
		}
		root, err := o.open()
		if err != nil {
			return err
		}
		defer root.Close()
		o.await = func() {
			// A machine that does not say what else it does is measured as it is.
			if load, err := bench.AwaitQuiet(os.DirFS("/proc"), o.wait, time.Sleep); err == nil {
				fmt.Fprintln(c.ErrOrStderr(), load)
			}
		}
		return run(root, o, c.OutOrStdout())
	}
	return c
}

// open opens the device that the settings name.
func (o *benchOptions) open() (*tensor.Scope, error) {
	s, _, err := settings.Load(settings.Input{Recipes: recipeFiles(), Environ: machineEnviron(), Line: o.line})
	if err != nil {
		return nil, err
	}
	if o.precision == "fp32" { // what others call it
		o.precision = "f32"
	}
	if o.precision != "f32" && o.precision != "bf16" {
		return nil, usage("", "--precision %s: there are f32 and bf16", o.precision)
	}
	o.threads = cores(s.Threads)
	b, _, err := openDevice(s.Device, o.threads)
	if err != nil {
		return nil, err
	}
	return tensor.Open(b), nil
}

func (o benchOptions) work() bench.Work {
	w := bench.Work{Model: o.model, Batch: o.batch, Queue: o.queue, Compute: tensor.F32, Eager: o.eager, Clock: stopwatch(time.Now), Await: o.await}
	if o.precision == "bf16" {
		w.Compute = tensor.BF16
	}
	return w
}

func printStep(root *tensor.Scope, o benchOptions, w io.Writer) error {
	r, err := bench.Step(root, o.work(), o.warmup, o.steps)
	if err != nil {
		return benchFailure(err)
	}
	r.Version, r.Threads = readBuild().version, o.threads
	if o.json {
		return json.NewEncoder(w).Encode(r)
	}
	_, err = fmt.Fprintf(w, "%s, batch %d, queue %d on %s, %d threads, %s\n  step      %.1f ms at best, %.1f ms median of %d\n  views/s   %.1f at best, %.1f median\n  memory    %.2f GiB at peak\n",
		r.Model, r.Batch, r.Queue, r.Device, r.Threads, r.Precision, r.Best, r.Median, o.steps, r.ViewsBest, r.ViewsMedian, r.PeakGiB)
	return err
}

func printOps(root *tensor.Scope, o benchOptions, w io.Writer) error {
	results, peaks, err := bench.Ops(root, o.work(), o.byShape)
	if err != nil {
		return benchFailure(err)
	}
	if o.json {
		return json.NewEncoder(w).Encode(map[string]any{"device": root.Backend().Name(), "peaks": peaks, "ops": results})
	}
	if _, err := fmt.Fprintf(w, "%s batch %d on %s; 100%% here is %.1f GFLOP/s (multiply-adds; Winograd and bf16 pass it) and %.1f GB/s (scaling 64 MiB)\n%8s %6s %6s %9s %5s %7s %5s  form\n",
		o.model, o.batch, root.Backend().Name(), peaks.GFLOPS, peaks.GBS, "ms", "share", "count", "GFLOP/s", "peak", "GB/s", "copy"); err != nil {
		return err
	}
	for _, r := range results {
		note := ""
		if !r.Kernel {
			note = "  (no kernel: by definition)"
		}
		if r.Shapes != "" {
			note = "  of " + r.Shapes + note
		}
		if _, err := fmt.Fprintf(w, "%8.2f %5.1f%% %6d %9.1f %4.0f%% %7.1f %4.0f%%  %s%s\n", r.Ms, 100*r.Share, r.Count, r.GFLOPS, r.OfPeak, r.GBS, r.OfCopy, r.Form, note); err != nil {
			return err
		}
	}
	return nil
}

func printShapes(root *tensor.Scope, o benchOptions, w io.Writer) error {
	if len(o.batches) != 2 || min(o.batches[0], o.batches[1]) < 1 {
		return usage("pretrain bench shapes --batches 128,16", "--batches takes two, of 1 image at least")
	}
	results, err := bench.Shapes(root, o.only, bench.Batches(o.batches), o.work())
	if err != nil {
		return benchFailure(err)
	}
	if len(results) == 0 {
		return usage("pretrain bench shapes", "no shape begins with %q", o.only)
	}
	for _, r := range results {
		r.Version, r.Threads = readBuild().version, o.threads
		if o.json {
			err = json.NewEncoder(w).Encode(r)
		} else {
			name := r.Shape
			if r.Batch > 0 {
				name = fmt.Sprintf("%d %s", r.Batch, name)
			}
			_, err = fmt.Fprintf(w, "%-26s %-8s %9.3f ms %8.1f GFLOP/s %6.1f%% of the peak, %.1f%% at best\n", name, r.Pass, r.Ms, r.GFLOPS, r.OfPeak, r.MostOfPeak)
		}
		if err != nil {
			return err
		}
	}
	return printMeans(bench.MeansOfPeak(results), o, w)
}

// printMeans prints means below shapes. JSON has lines of shapes only; who reads them can compute.
func printMeans(means []bench.Mean, o benchOptions, w io.Writer) error {
	if o.json {
		return nil
	}
	for _, m := range means {
		if _, err := fmt.Fprintf(w, "geometric mean of %d 3x3 convolutions of stride 1, %s: %.2f of the peak\n", m.Count, m.Pass, m.OfPeak/100); err != nil {
			return err
		}
	}
	return nil
}

func printPlan(root *tensor.Scope, o benchOptions, w io.Writer) error {
	r, err := bench.Plan(root, o.work())
	if err != nil {
		return benchFailure(err)
	}
	if o.json {
		return json.NewEncoder(w).Encode(r)
	}
	if _, err := fmt.Fprintf(w, "%s batch %d on %s\n%-8s %12s %10s %9s\n", r.Model, r.Batch, r.Device, "pass", "instructions", "MB moved", "MB peak"); err != nil {
		return err
	}
	for _, s := range r.Stages {
		if _, err := fmt.Fprintf(w, "%-8s %12d %10.1f %9.1f\n", s.Pass, s.Instructions, s.MovedMB, s.PeakMB); err != nil {
			return err
		}
	}
	if o.instructions {
		if _, err := fmt.Fprintf(w, "\n%8s %6s  at the peak, results of\n", "MB", "count"); err != nil {
			return err
		}
		for _, h := range r.Peak {
			if _, err := fmt.Fprintf(w, "%8.2f %6d  %s\n", h.MB, h.Count, h.Form); err != nil {
				return err
			}
		}
		_, err = fmt.Fprintf(w, "\n%s\n", r.Text)
	}
	return err
}

// benchFailure is a step that cannot be: a model of no such name, a batch of one. Failures of the device stay what
// they are.
func benchFailure(err error) error {
	if f := noMemory(err); f != nil {
		return f
	}
	return usage("pretrain bench step --model resnet18-cifar --batch 128", "%v", err)
}
