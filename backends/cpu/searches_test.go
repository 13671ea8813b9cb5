package cpu

import (
	"math/rand/v2"
	"testing"

	"kith/tensor"
)

// A search over several slabs and groups of queries finds what the definition finds, ties, skipped
// rows and all: on integers, where scores are exact and often equal, and on Gaussian numbers, where
// scores are the very chain of the definition on every level.
func TestNearestRowOverSlabs(t *testing.T) {
	const n, m, d = 140, 2*slabRows + 77, 9
	for _, integers := range []bool{true, false} {
		in := draw([]tensor.Spec{of(f32, n, d), of(f32, m, d), of(tensor.I32, n), of(tensor.I32, m)}, 5)
		r := rand.New(rand.NewPCG(9, 9))
		for i := range in {
			for j := range in[i].Data {
				switch {
				case i >= 2:
					in[i].Data[j] = float64(r.IntN(60) - 2)
				case integers:
					in[i].Data[j] = float64(r.IntN(5) - 2)
				default:
					in[i].Data[j] = float64(float32(in[i].Data[j]))
				}
			}
		}
		for _, op := range []tensor.NearestRow{{K: 1}, {K: 3}, {K: 2, Same: true}} {
			specs, err := op.Infer(specsOf(in))
			if err != nil {
				t.Fatal(err)
			}
			want := define(op, specs, in)
			levels(t, func(t *testing.T, b *Backend) {
				root := tensor.Open(b)
				out := blanks(root, specs)
				b.Run(op, out, tensorsOf(root, in))
				for k, w := range want {
					got, err := tensor.Data[float64](out[k])
					if err != nil {
						t.Fatal(err)
					}
					for i := range got {
						if got[i] != w.Data[i] {
							t.Fatalf("%+v, integers %v: output %d, element %d is %v, want %v", op, integers, k, i, got[i], w.Data[i])
						}
					}
				}
			})
		}
	}
}
