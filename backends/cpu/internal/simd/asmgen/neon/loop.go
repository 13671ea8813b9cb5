package main

import "fmt"

// Registers of the destination and up to four sources, and elements left.
const count = gp(5)

func pointer(i int) gp { return gp(i) }

// loadBases loads the pointers of slices and the length of the first.
func loadBases(slices ...string) {
	for i, s := range slices {
		paramBase(s, pointer(i))
	}
	paramLen(slices[0], count)
}

// advance moves pointers by as many bytes.
func advance(bytes ...int) {
	for i, n := range bytes {
		ins("ADD", imm(n), pointer(i))
	}
}

// A place is one vector of a loop: where its operands are and which registers it may use. A tail is
// a single element in a register that is otherwise zero.
type place struct {
	regs []vec
	disp int
	tail bool
}

func (p place) move() string {
	if p.tail {
		return "FMOVS"
	}
	return "FMOVQ"
}

// in loads source i into register r; operand 0 is the destination.
func (p place) in(r vec, i int) vec {
	ins(p.move(), mem{pointer(i), p.disp}, r.f())
	return r
}

// out stores operand i.
func (p place) out(r vec, i int) { ins(p.move(), r.f(), mem{pointer(i), p.disp}) }

// pointwise emits dst[i] = body(sources[i]) for any length: unrolled, single vectors, single
// elements. setup runs once before; body may use need registers from place.regs.
func pointwise(name, signature string, sources []string, unroll, need int, setup func(), body func(p place)) {
	fn(name+"NEON", signature, "is "+export(name)+".")
	loadBases(append([]string{"dst"}, sources...)...)
	if setup != nil {
		setup()
	}
	each(1+len(sources), unroll, need, body)
	ins("RET")
}

// each emits the loop over count elements of some operands.
func each(operands, unroll, need int, body func(p place)) {
	step := func(n int, tail bool) {
		size := 16
		if tail {
			size = 4
		}
		for u := range n {
			body(place{vecs(u*need, need), 16 * u, tail})
		}
		for i := range operands {
			ins("ADD", imm(n*size), pointer(i))
		}
	}
	loop := func(label string, n int, tail bool) {
		elements := 4 * n
		if tail {
			elements = 1
		}
		descend(label, count, elements, func() { step(n, tail) })
	}
	if unroll > 1 {
		loop("many", unroll, false)
	}
	loop("vector", 1, false)
	loop("element", 1, true)
}

// descend emits a loop that takes n from left as long as there are as many.
func descend(name string, left gp, n int, body func()) {
	ins("SUBS", imm(n), left)
	ins("BLT", name+"end")
	label(name)
	body()
	ins("SUBS", imm(n), left)
	ins("BGE", name)
	label(name + "end")
	ins("ADD", imm(n), left)
}

// whole emits a loop over count elements, a multiple of n, and the end of the function. body moves the
// pointers on.
func whole(n int, body func()) {
	ins("CBZ", count, "end")
	label("more")
	body()
	ins("SUBS", imm(n), count)
	ins("BNE", "more")
	label("end")
	ins("RET")
}

// sixteen loads or stores 16 elements at a pointer.
func sixteen(op string, p gp, v []vec) {
	for i := 0; i < 4; i += 2 {
		if op == "FSTPQ" {
			ins(op, pair(v[i], v[i+1]), mem{p, 16 * i})
		} else {
			ins(op, mem{p, 16 * i}, pair(v[i], v[i+1]))
		}
	}
}

// export is the name of the Go twin.
func export(name string) string {
	if name == "relu" {
		return "ReLU"
	}
	return fmt.Sprintf("%c%s", name[0]-'a'+'A', name[1:])
}
