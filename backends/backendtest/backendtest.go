// Package backendtest is the conformance suite of backends. A backend is done when it passes:
//
//	func TestConformance(t *testing.T) {
//		backendtest.Run(t, func() tensor.Backend { return New() })
//	}
//
//	func BenchmarkConformance(b *testing.B) {
//		backendtest.Bench(b, func() tensor.Backend { return New() })
//	}
//
// [Run] feeds it every case of every op and sweeps of shapes around what vectors, tiles and blocks
// like to get wrong, and compares each result with the op's definition in float64, within the
// bound that the op's arithmetic allows (tolerance.go). Half of the sweeps are integers, small
// enough that every order of summation gives the same bits. Every buffer begins as NaN and lies
// between fences that must not change (guard.go).
//
// [Threads] and [Same] compare the bits of two backends that promise equal ones; [Winograd] tests
// convolutions that are not computed directly, which [Run] wants.
package backendtest

import (
	"testing"

	"kith/tensor"
)

// Run tests the backends that open makes. Each part gets one of its own and closes it.
func Run(t *testing.T, open func() tensor.Backend) {
	for _, part := range []struct {
		name string
		run  func(t *testing.T, g *guard)
	}{
		{"Cases", cases},
		{"Sweeps", sweeps},
		{"Lattice", lattice},
		{"BF16", halves},
		{"Special", special},
		{"Gradients", gradients},
		{"InPlace", inPlace},
		{"Forms", forms},
		{"Bodies", bodies},
		{"Again", again},
	} {
		t.Run(part.name, func(t *testing.T) {
			g := newGuard(t, open())
			defer g.end()
			part.run(t, g)
		})
	}
	t.Run("Contract", func(t *testing.T) { contract(t, open) })
}

// cases runs what the ops' own files register.
func cases(t *testing.T, g *guard) { byOp(t, registered(), g.check) }

// sweeps runs shapes beyond those, with random numbers.
func sweeps(t *testing.T, g *guard) { byOp(t, swept(), g.check) }

// lattice runs the sweep again with integers whose sums are exact in float32, so the result must be
// equal bit for bit, whatever the order: a wrong index cannot hide in a tolerance.
func lattice(t *testing.T, g *guard) {
	g.poison = 0xa5 // not NaN, and not -1 either, which integers use
	byOp(t, integers(), g.check)
}

// halves runs cases and sweep with BF16 inputs, where the op takes them.
func halves(t *testing.T, g *guard) {
	g.shift = 2 // operands at odd places
	byOp(t, halved(), g.check)
}

// byOp runs each op's samples in a subtest with the op's name.
func byOp(t *testing.T, all []*sample, run func(t *testing.T, s *sample)) {
	t.Helper()
	var names []string
	groups := map[string][]*sample{}
	for _, s := range all {
		name := tensor.OpName(s.Op)
		if groups[name] == nil {
			names = append(names, name)
		}
		groups[name] = append(groups[name], s)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			for _, s := range groups[name] {
				if run(t, s); t.Failed() {
					return // one shape tells more than a hundred
				}
			}
		})
	}
}
