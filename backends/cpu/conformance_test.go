package cpu_test

import (
	"testing"

	"kith/backends/backendtest"
	"kith/backends/cpu"
	"kith/internal/testflag"
	"kith/tensor"
)

// open returns a way to open a level. Convolutions are direct: Winograd has bounds of its own.
func open(t testing.TB, level string, threads int) func() tensor.Backend {
	return func() tensor.Backend {
		b, err := cpu.New(cpu.Options{Level: level, Strict: true, Threads: threads})
		if err != nil {
			testflag.Need(t, level, err.Error())
		}
		return b
	}
}

// Each level that the machine has conforms.
func TestConformance(t *testing.T) {
	for _, level := range cpu.Levels() {
		t.Run(level, func(t *testing.T) { backendtest.Run(t, open(t, level, 0)) })
	}
}

// The number of threads changes no bit.
func TestThreads(t *testing.T) {
	levels := cpu.Levels()
	if !testflag.Long() {
		levels = levels[len(levels)-1:]
	}
	for _, level := range levels {
		t.Run(level, func(t *testing.T) {
			backendtest.Threads(t, func(threads int) tensor.Backend { return open(t, level, threads)() })
		})
	}
}

// AVX2 and AVX-512 give the same bits.
func TestLevelsAgree(t *testing.T) {
	backendtest.Same(t, open(t, "avx2", 0), open(t, "avx512", 0))
}

// BenchmarkConformance times the big cases of all ops.
func BenchmarkConformance(b *testing.B) {
	for _, level := range cpu.Levels() {
		b.Run(level, func(b *testing.B) { backendtest.Bench(b, open(b, level, 0)) })
	}
}
