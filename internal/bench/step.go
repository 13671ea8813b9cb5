package bench

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"kith/nnclr/eval"
	"kith/tensor"
)

// A StepResult has the keys that the peers' scripts print, so that lines can be compared as they are.
type StepResult struct {
	Peer        string  `json:"peer"`
	Version     string  `json:"version"`
	Model       string  `json:"model"`
	Batch       int     `json:"batch"`
	Device      string  `json:"device"`
	Threads     int     `json:"threads"`
	Precision   string  `json:"precision"`
	Compile     bool    `json:"compile"`
	Queue       int     `json:"queue"`
	Best        float64 `json:"step_ms_best"`
	Median      float64 `json:"step_ms_median"`
	ViewsBest   float64 `json:"views_per_s_best"`
	ViewsMedian float64 `json:"views_per_s_median"`
	PeakGiB     float64 `json:"peak_gib"` // of the process
	Loss        float64 `json:"loss"`
	FirstLoss   float64 `json:"first_loss"`
}

// Step times steps after warmup ones, of which the first plans.
func Step(root *tensor.Scope, w Work, warmup, steps int) (*StepResult, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	st, err := w.build(root)
	if err != nil {
		return nil, err
	}
	run := eval.Compile(root, st.program, w.Eager)
	var took []time.Duration
	r := &StepResult{Peer: "kith", Model: w.Model, Batch: w.Batch, Device: root.Backend().Name(), Precision: precision(w.Compute), Compile: !w.Eager, Queue: w.Queue}
	for i := range max(warmup, 1) + max(steps, 1) {
		if i == max(warmup, 1) {
			w.await()
		}
		from := w.Clock()
		st.set(i)
		run()
		read, err := st.out.Read() // waits for the step
		if err != nil {
			return nil, err
		}
		r.Loss = read["loss"][0]
		if i == max(warmup, 1)-1 {
			r.FirstLoss = r.Loss
		}
		if i >= max(warmup, 1) {
			took = append(took, w.Clock()-from)
		}
	}
	slices.Sort(took)
	r.Best, r.Median = ms(took[0]), ms(took[len(took)/2])
	r.ViewsBest, r.ViewsMedian = views(w.Batch, r.Best), views(w.Batch, r.Median)
	r.PeakGiB = peakGiB()
	return r, nil
}

func ms(d time.Duration) float64 { return round(float64(d) / 1e6) }

func views(batch int, ms float64) float64 { return round(2 * float64(batch) / (ms / 1e3)) }

// round keeps two decimals.
func round(v float64) float64 { return float64(int64(v*100+0.5)) / 100 }

func precision(d tensor.DType) string {
	if d == tensor.BF16 {
		return "bf16"
	}
	return "fp32"
}

// peakGiB is the largest resident size this process has had, where the system tells (Linux); else 0.
func peakGiB() float64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			if err == nil {
				return round(float64(kb) / (1 << 20))
			}
		}
	}
	return 0
}
