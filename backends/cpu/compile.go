package cpu

import (
	"reflect"
	"slices"

	"kith/tensor"
)

// A program is a body of pointwise and column parts, compiled for inputs of given specs: chains
// that run one after the other. The main one covers the full-size parts and the columns; vectors
// before it and the tail behind it have a chain each.
type program struct {
	specs  []tensor.Spec // of all values: inputs, then results of parts
	inputs int
	outs   []int // values that leave
	chains []chain
	core   *core  // the product that runs before chain core.at, or nil
	made   []int  // when each value is made, or an input last read, counted in chains
	values []view // where the values in memory are, bound for each run
}

// A compiler turns parts into chains.
type compiler struct {
	b      *Backend
	p      *program
	parts  []tensor.Part
	first  []int  // value number of each part's first result
	stage  []int  // of each part: before, within or after the main chain, or on the way into the core
	core   int    // the part that is a product, -1 if there is none
	memory []bool // of each value: it is in memory when its chain has run
	full   int    // elements of a full-size value
	now    int    // counts chains; those around a core are one
}

const (
	before = iota
	within
	after
	intoFirst // operand of the core
	intoSecond
)

// compile makes the program of parts; specs are those of all values. It reports false if some
// part has no tile kernel or the parts do not fit one after another.
func (b *Backend) compile(p *program, parts []tensor.Part, specs []tensor.Spec, inputs int, outs []int) bool {
	*p = program{specs: specs, inputs: inputs, outs: outs, made: make([]int, len(specs))}
	c := compiler{b: b, p: p, parts: parts, memory: make([]bool, len(specs)), core: -1}
	if len(specs) > maxSlots-2*len(parts) || !c.supported() || !c.arrange() {
		return false
	}
	for i := range inputs {
		c.memory[i] = true
	}
	for _, v := range outs {
		c.memory[v] = true
	}
	for i, part := range parts { // what one chain leaves for another
		for _, v := range part.In {
			if made := c.maker(v); made >= 0 && c.stage[made] != c.stage[i] && !c.carried(made, i, v) || made >= 0 && c.stage[i] != within && c.stage[i] < intoFirst {
				c.memory[v] = true
			}
		}
	}
	return c.chain(before) && c.product() && c.chain(within) && c.chain(after)
}

// supported checks dtypes and kernels, and numbers the results.
func (c *compiler) supported() bool {
	if slices.ContainsFunc(c.p.specs, func(s tensor.Spec) bool { return s.DType == tensor.F64 }) {
		return false
	}
	next := c.p.inputs
	for i, part := range c.parts {
		c.first = append(c.first, next)
		switch part.Op.(type) {
		case tensor.Sum:
			next++
		case tensor.Moments:
			next += 3
		case tensor.MatMul, tensor.Conv2D, tensor.Conv2DGradX, tensor.Conv2DGradW, packed:
			if c.core >= 0 {
				return false
			}
			c.core = i
			next++
		default:
			if _, ok := c.b.tiles[reflect.TypeOf(part.Op)]; !ok {
				return false
			}
			next++
		}
	}
	return next == len(c.p.specs)
}

// reduces tells whether op is a column reduction.
func reduces(op tensor.Op) bool { _, ok := op.(tensor.Columns); return ok }

// arrange finds the full size and the stage of each part.
func (c *compiler) arrange() bool {
	for _, part := range c.parts {
		c.full = max(c.full, c.size(part.In[0]))
	}
	var way []int // of each part on the way into the core: its stage; else -1
	if c.core >= 0 {
		c.full = c.size(c.first[c.core])
		way = c.ways()
	}
	for i, part := range c.parts {
		if c.core >= 0 && way[i] >= 0 {
			if reduces(part.Op) {
				return false
			}
			c.stage = append(c.stage, way[i])
			continue
		}
		late := slices.ContainsFunc(part.In, func(v int) bool {
			m := c.maker(v)
			return m >= 0 && (c.stage[m] == after || reduces(c.parts[m].Op))
		})
		stage := within
		switch {
		case i == c.core:
		case late:
			stage = after
		case c.size(part.In[0]) < c.full:
			stage = before
		case c.size(part.In[0]) > c.full:
			return false
		}
		if reduces(part.Op) && stage != within {
			return false
		}
		c.stage = append(c.stage, stage)
	}
	return true
}

// size returns the elements of value v.
func (c *compiler) size(v int) int { return c.p.specs[v].Shape.Size() }

// maker returns the part that makes value v, -1 for an input.
func (c *compiler) maker(v int) int {
	if v < c.p.inputs {
		return -1
	}
	i, found := slices.BinarySearch(c.first, v)
	if !found {
		i-- // a later result of a part
	}
	return i
}

// chain compiles the parts of one stage: all of them into one, or each into its own.
func (c *compiler) chain(stage int) bool {
	at := c.staged(stage)
	c.now++
	if stage == within {
		return len(at) == 0 || c.core >= 0 || c.emit(at, c.full, -1)
	}
	for _, i := range at {
		c.now++
		if !c.emit([]int{i}, c.size(c.first[i]), -1) {
			return false
		}
	}
	return true
}

// staged returns the parts of a stage, but for the core.
func (c *compiler) staged(stage int) (at []int) {
	for i := range c.parts {
		if c.stage[i] == stage && i != c.core {
			at = append(at, i)
		}
	}
	return at
}
