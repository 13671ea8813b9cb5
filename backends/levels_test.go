package backends_test

import (
	"slices"
	"testing"

	"kith/backends/backendtest"
	"kith/backends/cpu"
	"kith/internal/testflag"
	"kith/tensor"
)

// openCPU returns a way to open a level of the cpu backend.
func openCPU(t testing.TB, level string, threads int) tensor.Backend {
	b, err := cpu.New(cpu.Options{Level: level, Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// need skips the test where the machine lacks a level.
func need(t *testing.T, level string) {
	t.Helper()
	if !slices.Contains(cpu.Levels(), level) {
		testflag.Need(t, level, "the processor lacks it")
	}
}

// Any number of threads gives the same bits, with Winograd's convolutions too.
func TestThreads(t *testing.T) {
	levels := cpu.Levels()
	if !testflag.Long() {
		levels = levels[len(levels)-1:]
	}
	for _, level := range levels {
		t.Run(level, func(t *testing.T) {
			backendtest.Threads(t, func(n int) tensor.Backend { return openCPU(t, level, n) })
		})
	}
}

// Convolutions by Winograd's transforms stay within their bound at each level.
func TestWinograd(t *testing.T) {
	for _, level := range cpu.Levels() {
		t.Run(level, func(t *testing.T) {
			backendtest.Winograd(t, func() tensor.Backend { return openCPU(t, level, 0) })
		})
	}
}

// AVX2 and AVX-512 give the same bits.
func TestLevels(t *testing.T) {
	need(t, "avx2")
	need(t, "avx512")
	backendtest.Same(t,
		func() tensor.Backend { return openCPU(t, "avx2", 0) },
		func() tensor.Backend { return openCPU(t, "avx512", 0) })
}

// BenchmarkCPU times the ops' big cases at each level: go test ./backends -bench CPU/avx512/Op/Conv2D.
func BenchmarkCPU(b *testing.B) {
	for _, level := range cpu.Levels() {
		b.Run(level, func(b *testing.B) {
			backendtest.Bench(b, func() tensor.Backend { return openCPU(b, level, 0) })
		})
	}
}
