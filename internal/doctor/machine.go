package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"
	"golang.org/x/sys/cpu"
)

func processor(context.Context) Finding {
	c := cpuid.CPU
	return Finding{OK, "processor", fmt.Sprintf("%s, %d threads in use; caches %s L1d, %s L2, %s L3",
		strings.TrimSpace(c.BrandName), runtime.GOMAXPROCS(0), size(c.Cache.L1D), size(c.Cache.L2), size(c.Cache.L3)), ""}
}

// features lists what decides which kernels run.
func features(context.Context) Finding {
	var have []string
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"AVX2", cpu.X86.HasAVX2}, {"FMA", cpu.X86.HasFMA}, {"AVX-512F", cpu.X86.HasAVX512F}, {"AVX-512BW", cpu.X86.HasAVX512BW},
		{"AVX-512DQ", cpu.X86.HasAVX512DQ}, {"AVX-512VL", cpu.X86.HasAVX512VL}, {"AVX-512 BF16", cpu.X86.HasAVX512BF16},
		{"AMX", cpu.X86.HasAMXTile}, {"NEON", cpu.ARM64.HasASIMD},
	} {
		if f.has {
			have = append(have, f.name)
		}
	}
	if have == nil {
		return Finding{Trouble, "features", "no vector unit that kith knows", "training works, many times slower"}
	}
	return Finding{OK, "features", strings.Join(have, ", "), ""}
}

// memory reads what the kernel says is left, and the limit of the container around us.
func memory(context.Context) Finding {
	const want = 2 << 30 // the demo's bound
	info := readPairs("/proc/meminfo")
	free, known := info["MemAvailable"]
	if !known {
		return Finding{Absent, "memory", "unknown on " + runtime.GOOS, ""}
	}
	free *= 1024 // meminfo counts kB
	text := fmt.Sprintf("%s available of %s", size(free), size(info["MemTotal"]*1024))
	if limit := groupLimit(); limit > 0 {
		text += fmt.Sprintf(", limit of this container %s", size(limit))
		free = min(free, limit)
	}
	if free < want {
		return Finding{Trouble, "memory", text, "the demo needs 2 GiB"}
	}
	return Finding{OK, "memory", text, ""}
}

// groupLimit is the memory limit of the control group, 0 without one.
func groupLimit() int {
	b, err := os.ReadFile("/sys/fs/cgroup/memory.max")
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil { // "max"
		return 0
	}
	return n
}

// readPairs reads lines of the form "name: 123 kB".
func readPairs(name string) map[string]int {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	out := map[string]int{}
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(line, ":")
		if f := strings.Fields(value); len(f) > 0 {
			if n, err := strconv.Atoi(f[0]); err == nil {
				out[key] = n
			}
		}
	}
	return out
}

// existing is dir or the nearest folder above it that exists.
func existing(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "."
	}
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func size(n int) string {
	switch {
	case n <= 0:
		return "?"
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
