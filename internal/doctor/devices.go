package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"kith/backends"
	"kith/internal/bench"
	"kith/tensor"
)

// kernels names the level that the processor's kernels run at.
func kernels(context.Context) Finding {
	b, err := backends.Open("cpu")
	if err != nil {
		return Finding{Trouble, "kernels", err.Error(), "this should not happen; please report it"}
	}
	root := tensor.Open(b)
	defer root.Close()
	if b.Name() == "cpu:generic" {
		return Finding{Trouble, "kernels", "plain Go only", "training works, many times slower than with AVX2"}
	}
	return Finding{OK, "kernels", b.Name(), ""}
}

// gpu opens the first GPU, or says why there is none.
func gpu(context.Context) Finding {
	if !slices.Contains(backends.Names(), "cuda") {
		return Finding{Absent, "gpu", "this build has no GPU backend", ""}
	}
	b, err := backends.Open("cuda:0")
	if err != nil {
		return Finding{Absent, "gpu", err.Error(), ""}
	}
	root := tensor.Open(b)
	defer root.Close()
	return Finding{OK, "gpu", b.Name(), ""}
}

// products measures what the processor reaches in multiply-adds and in moving memory.
func products(clock func() time.Duration) Check {
	return func(context.Context) Finding {
		b, err := backends.Open("cpu")
		if err != nil {
			return Finding{Absent, "speed", err.Error(), ""}
		}
		root := tensor.Open(b)
		defer root.Close()
		p, err := bench.MeasurePeaks(root, clock)
		if err != nil {
			return Finding{Trouble, "speed", err.Error(), "this should not happen; please report it"}
		}
		return Finding{OK, "speed", fmt.Sprintf("%.0f GFLOP/s of multiply-adds, %.1f GB/s in memory", p.GFLOPS, p.GBS), ""}
	}
}
