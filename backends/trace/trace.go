// Package trace gives decorators of backends for looking at what runs: [Print] writes each op,
// [NaN] finds the first number that is none, [Time] adds up where a step spends its time.
//
//	root := tensor.Open(trace.Print(b, os.Stderr))
//
// They see ops as they run: one by one in an eager step, fused ones in a plan. They wait for each
// op, and a plan on them is never captured. Everything else is left to the backend under them.
package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"kith/internal/bf16"
	"kith/tensor"
)

// An observer is told of each op when its results are there, whether a kernel made them or the
// definition.
type observer struct {
	tensor.Backend
	saw func(op tensor.Op, out, in []*tensor.Tensor)

	op      tensor.Op // runs by definition; its results are about to be uploaded
	out, in []*tensor.Tensor
	missing int // how many of them
}

// Unwrap is the backend under the decorator.
func (o *observer) Unwrap() tensor.Backend { return o.Backend }

var errCapture = errors.New("a traced backend shows each op and cannot be captured")

// Capture refuses: what is recorded once and replayed cannot be looked at.
func (o *observer) Capture(func()) (func(), error) { return nil, errCapture }

// Run passes op on.
func (o *observer) Run(op tensor.Op, out, in []*tensor.Tensor) bool {
	o.missing = 0
	if o.Backend.Run(op, out, in) {
		o.saw(op, out, in)
		return true
	}
	o.op, o.out, o.in, o.missing = op, out, in, max(1, len(out))
	return false
}

// Upload passes elements on. They may be the results of the op at hand.
func (o *observer) Upload(dst *tensor.Tensor, src []byte) {
	o.Backend.Upload(dst, src)
	if o.missing == 0 || !slices.Contains(changed(o.out, o.in), dst) {
		return
	}
	if o.missing--; o.missing == 0 {
		o.saw(o.op, o.out, o.in)
	}
}

// changed is what an op changes: its outputs, or the first input of a write.
func changed(out, in []*tensor.Tensor) []*tensor.Tensor {
	if len(out) == 0 {
		return in[:1]
	}
	return out
}

// numbers is the elements of a float tensor; nil for other dtypes and where the device has failed.
func numbers(b tensor.Backend, t *tensor.Tensor) []float64 {
	if !t.DType.Float() {
		return nil
	}
	raw := make([]byte, t.Bytes())
	if b.Download(raw, t) != nil {
		return nil // it sticks; Sync will tell
	}
	x, le := make([]float64, t.Shape.Size()), binary.LittleEndian
	for i := range x {
		switch t.DType {
		case tensor.F32:
			x[i] = float64(math.Float32frombits(le.Uint32(raw[4*i:])))
		case tensor.BF16:
			x[i] = float64(bf16.Bits(le.Uint16(raw[2*i:])).Wide())
		case tensor.F64:
			x[i] = math.Float64frombits(le.Uint64(raw[8*i:]))
		}
	}
	return x
}

// name is an op in short: the names of its parts if it is fused.
func name(op tensor.Op) string {
	f, ok := op.(*tensor.Fused)
	if !ok {
		return tensor.OpName(op)
	}
	var names []string
	for _, p := range f.Body {
		names = append(names, tensor.OpName(p.Op))
	}
	return strings.Join(names, " ")
}

// describe is an op with its attributes, as in "Conv2D{Stride:2 Pad:1}", and its inputs.
func describe(op tensor.Op, in []*tensor.Tensor) string {
	text := name(op)
	if _, fused := op.(*tensor.Fused); !fused {
		fields := fmt.Sprintf("%+v", op)
		fields = strings.NewReplacer(" NoGrad:{}", "", "NoGrad:{} ", "", "NoGrad:{}", "").Replace(fields)
		if fields != "{}" {
			text += fields
		}
	}
	return text + " of " + specs(in)
}

func specs(ts []*tensor.Tensor) string {
	var text []string
	for _, t := range ts {
		text = append(text, t.Spec.String())
	}
	return strings.Join(text, ", ")
}
