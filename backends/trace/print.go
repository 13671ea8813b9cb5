package trace

import (
	"fmt"
	"io"

	"kith/tensor"
)

// Print writes a line for each op to w: its number since Open, its attributes, the specs of its
// inputs and outputs, and the range of each float output.
func Print(b tensor.Backend, w io.Writer) tensor.Backend {
	n := 0
	return &observer{Backend: b, saw: func(op tensor.Op, out, in []*tensor.Tensor) {
		fmt.Fprintf(w, "%5d %s ->", n, describe(op, in))
		for _, t := range changed(out, in) {
			fmt.Fprintf(w, " %v%s", t.Spec, extent(numbers(b, t)))
		}
		fmt.Fprintln(w)
		n++
	}}
}

// extent is the smallest and the largest of x, and how many are NaN.
func extent(x []float64) string {
	if len(x) == 0 {
		return ""
	}
	lo, hi, nan := x[0], x[0], 0
	for _, v := range x {
		switch {
		case v != v:
			nan++
		case v < lo || lo != lo:
			lo = v
		}
		if v > hi || hi != hi {
			hi = v
		}
	}
	if nan == 0 {
		return fmt.Sprintf(" %.4g…%.4g", lo, hi)
	}
	return fmt.Sprintf(" %.4g…%.4g, %d NaN", lo, hi, nan)
}
