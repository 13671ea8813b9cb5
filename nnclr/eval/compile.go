package eval

import (
	"kith/backends/plan"
	"kith/tensor"
)

// Compile is a step ready to be run again and again: planned, or with eager op by op.
func Compile(root *tensor.Scope, step func(*tensor.Scope), eager bool) (run func()) {
	if eager {
		return func() { root.Run(step) }
	}
	return plan.Compile(root, step).Run
}
