package cpu_test

import (
	"testing"

	"kith/backends/backendtest"
	"kith/backends/cpu"
	"kith/tensor"
)

// open returns a way to open the backend that words name.
func open(t testing.TB, words string, threads int) func() tensor.Backend {
	return func() tensor.Backend {
		o := cpu.Options{Level: words, Strict: true, Threads: threads}
		b, err := cpu.New(o)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

// Each level conforms. Convolutions are direct: Winograd has bounds of its own.
func TestConformance(t *testing.T) {
	for _, level := range []string{"generic", "avx2", "avx512"} {
		t.Run(level, func(t *testing.T) {
			if _, err := cpu.New(cpu.Options{Level: level, Threads: 1}); err != nil {
				t.Skip(err)
			}
			backendtest.Run(t, open(t, level, 0))
		})
	}
}
