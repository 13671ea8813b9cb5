package plan

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"

	"kith/tensor"
)

// cse keeps one of equal computations: equal ops, by Go's ==, on equal values. In a step of two
// views that is the bf16 copy of each weight, and x-μ of BatchNorm forward and backward.
func cse(_ tensor.Backend, p []tensor.Instr) []tensor.Instr {
	c := numbering{map[any]uint32{}}
	seen := map[string]tensor.Instr{}
	same := map[tensor.Buffer]tensor.Buffer{} // result: the equal one that stays
	var kept []tensor.Instr
	for _, i := range p {
		for _, t := range i.In {
			b, offset := t.Buffer()
			if s := same[b]; s != nil {
				t.Bind(s, offset)
			}
		}
		if writes(i.Op) || !reflect.TypeOf(i.Op).Comparable() || !slices.ContainsFunc(i.Out, whole) {
			kept = append(kept, i)
			continue
		}
		key := c.key(i)
		if first, ok := seen[key]; ok {
			for k, t := range i.Out {
				same[bufferOf(t)] = bufferOf(first.Out[k])
			}
			continue
		}
		seen[key] = i
		kept = append(kept, i)
	}
	return kept
}

// A numbering gives equal things equal numbers. Ops are comparable, so they can be keys themselves.
type numbering struct{ of map[any]uint32 }

func (n numbering) number(x any) uint32 {
	k, ok := n.of[x]
	if !ok {
		k = uint32(len(n.of))
		n.of[x] = k
	}
	return k
}

// A named value is a value with the spec that an op sees.
type named struct {
	value
	dtype tensor.DType
	shape string
}

// key is the same for instructions that compute the same.
func (n numbering) key(i tensor.Instr) string {
	key := binary.NativeEndian.AppendUint32(nil, n.number(i.Op))
	for _, t := range i.In {
		v := named{valueOf(t), t.DType, fmt.Sprint([]int(t.Shape))}
		key = binary.NativeEndian.AppendUint32(key, n.number(v))
	}
	return string(key)
}
