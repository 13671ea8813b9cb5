package plan

import (
	"slices"

	"kith/tensor"
)

// dead drops what no write needs: a walk back from the writes.
func dead(_ tensor.Backend, p []tensor.Instr) []tensor.Instr {
	needed := map[tensor.Buffer]bool{}
	isNeeded := func(t *tensor.Tensor) bool { return needed[bufferOf(t)] }
	var kept []tensor.Instr
	for _, i := range slices.Backward(p) {
		if !writes(i.Op) && !slices.ContainsFunc(i.Out, isNeeded) {
			continue
		}
		for _, t := range i.In {
			needed[bufferOf(t)] = true
		}
		kept = append(kept, i)
	}
	slices.Reverse(kept)
	return kept
}
