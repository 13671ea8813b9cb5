package plan

import (
	"bytes"
	"testing"

	"kith/backends/ref"
	"kith/tensor"
)

// poisoned runs p as Run does, and fills each room with NaN the moment its life ends.
func poisoned(p *Plan, l layout, rooms []*room) func() {
	return func() {
		p.bind()
		for n, i := range p.program {
			p.root.Exec(i.Op, i.Out, i.In)
			for _, r := range rooms {
				if r.to == n {
					poison(p, r)
				}
			}
		}
	}
}

func poison(p *Plan, r *room) {
	t := rename(p.places[0].t)
	t.Spec = tensor.Of(tensor.U8, r.bytes)
	t.Bind(p.arena, r.offset)
	p.root.Backend().Upload(t, bytes.Repeat([]byte{0xff}, r.bytes))
}

// TestPlace destroys every value behind its last reader, which nobody may notice.
func TestPlace(t *testing.T) {
	for _, m := range modes {
		for _, set := range [][]Pass{nil, Passes} {
			prog := programs[1]
			eager := prog.world(m, 2)
			want := run(t, eager, func() { eager.root.Run(prog.step(eager)) })

			w := prog.world(m, 2)
			program := trace(w.root, prog.step(w))
			for _, pass := range set {
				program = pass.Run(w.root.Backend(), program)
			}
			l := place(program)
			rooms := distinct(l)
			if len(rooms) < 50 {
				t.Fatalf("%d rooms", len(rooms))
			}
			got := run(t, w, poisoned(settle(w.root, program), l, rooms))
			if i := differ(got, want); i >= 0 {
				t.Errorf("%s, passes %v: element %d is %v, want %v", m.name, passNames(set), i, got[i], want[i])
			}
		}
	}
}

func distinct(l layout) (rooms []*room) {
	seen := map[*room]bool{}
	for _, r := range l.rooms {
		if !seen[r] {
			seen[r] = true
			rooms = append(rooms, r)
		}
	}
	return rooms
}

// TestRooms checks what the poison cannot: that no two rooms of one time overlap, that all lie in
// the arena, and that inputs are overwritten where they may be.
func TestRooms(t *testing.T) {
	w := resnet18.world(t, imagined{willing{ref.Round()}}, tensor.F32, 4)
	program := trace(w.root, w.train)
	for _, pass := range Passes {
		program = pass.Run(w.root.Backend(), program)
	}
	l := place(program)
	rooms := distinct(l)
	for i, a := range rooms {
		if a.offset%align != 0 || a.offset < 0 || a.offset+a.bytes > l.bytes {
			t.Errorf("room %+v is not in the arena of %d", *a, l.bytes)
		}
		for _, b := range rooms[:i] {
			if a.from <= b.to && b.from <= a.to && a.offset < b.offset+b.bytes && b.offset < a.offset+a.bytes {
				t.Errorf("rooms %+v and %+v overlap", *a, *b)
			}
		}
	}
	live, most := make([]int, len(program)), 0
	for _, r := range rooms {
		for n := r.from; n <= r.to; n++ {
			live[n] += r.bytes
			most = max(most, live[n])
		}
	}
	if l.bytes > most+most/50 {
		t.Errorf("the arena has %d bytes, of which %d are in use at most", l.bytes, most)
	}
	shared := len(l.rooms) - len(rooms)
	t.Logf("%d symbols in %d rooms", len(l.rooms), len(rooms))
	if shared < 50 { // the gradients of 16 blocks, dz, and vectors
		t.Errorf("%d values took the place of an input, want more", shared)
	}
}

// TestInPlace tells which inputs an output may overwrite.
func TestInPlace(t *testing.T) {
	full, vector, mask := tensor.Of(tensor.F32, 4, 3), tensor.Of(tensor.F32, 3), tensor.Of(tensor.U8, 4, 3)
	fuse := func(out []int, parts ...tensor.Part) tensor.Op { return &tensor.Fused{Body: parts, Out: out} }
	matMul := tensor.Part{Op: tensor.MatMul{TransB: true}, In: []int{0, 1}}
	for _, c := range []struct {
		name    string
		op      tensor.Op
		in, out []tensor.Spec
		input   int
		want    bool
	}{
		{"pointwise", tensor.Add{}, []tensor.Spec{full, full}, []tensor.Spec{full}, 1, true},
		{"broadcast", tensor.Add{}, []tensor.Spec{full, vector}, []tensor.Spec{full}, 1, false},
		{"other width", tensor.Select{}, []tensor.Spec{full, full, mask}, []tensor.Spec{full}, 2, false},
		{"core", tensor.MatMul{}, []tensor.Spec{tensor.Of(tensor.F32, 3, 3), tensor.Of(tensor.F32, 3, 3)}, []tensor.Spec{tensor.Of(tensor.F32, 3, 3)}, 0, false},
		{"rows", tensor.RowMul{}, []tensor.Spec{full, tensor.Of(tensor.F32, 4)}, []tensor.Spec{full}, 0, false},
		{"behind a core", fuse([]int{4}, matMul, tensor.Part{Op: tensor.Add{}, In: []int{3, 2}}),
			[]tensor.Spec{full, tensor.Of(tensor.F32, 3, 3), full}, []tensor.Spec{full}, 2, true},
		{"into a core", fuse([]int{4}, matMul, tensor.Part{Op: tensor.Add{}, In: []int{3, 2}}),
			[]tensor.Spec{full, tensor.Of(tensor.F32, 3, 3), full}, []tensor.Spec{full}, 0, false},
		{"a vector that others are multiplied by", fuse([]int{2, 3}, tensor.Part{Op: tensor.Exp{}, In: []int{0}}, tensor.Part{Op: tensor.Mul{}, In: []int{1, 0}}),
			[]tensor.Spec{vector, full}, []tensor.Spec{vector, full}, 0, false},
		{"beside a sum", fuse([]int{1, 2}, tensor.Part{Op: tensor.ReLU{}, In: []int{0}}, tensor.Part{Op: tensor.Sum{Keep: 1}, In: []int{0}}),
			[]tensor.Spec{full}, []tensor.Spec{full, vector}, 0, true},
		{"a sum", fuse([]int{2}, tensor.Part{Op: tensor.ReLU{}, In: []int{0}}, tensor.Part{Op: tensor.Sum{Keep: 2}, In: []int{1}}),
			[]tensor.Spec{full}, []tensor.Spec{full}, 0, false},
	} {
		i := tensor.Instr{Op: c.op}
		for _, s := range c.in {
			i.In = append(i.In, symbolOf(s))
		}
		for _, s := range c.out {
			i.Out = append(i.Out, symbolOf(s))
		}
		if got := overwrites(i, 0, bufferOf(i.In[c.input])); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// symbolOf is a value of a step.
func symbolOf(s tensor.Spec) *tensor.Tensor {
	t := &tensor.Tensor{Spec: s}
	t.Bind(&symbol{s.Bytes()}, 0)
	return t
}
