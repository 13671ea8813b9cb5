package tensor

// commit is what a step has assigned. All of it lands after every op of the step, so that within
// a step state is read-only and the step is a pure function of it.
type commit struct {
	entered  map[*Tensor]*Tensor // root tensor: its name in this step
	shared   map[Buffer]bool     // buffers of entered tensors
	next     map[*Tensor]*Tensor // root tensor: what it will hold
	read     map[*Tensor]bool    // next was seen by Pending
	assigned []*Tensor           // keys of next, in order
	reports  []write
	rows     []write
	byRows   map[*Tensor]bool
	gate     *Tensor
}

// write is one change of a root tensor.
type write struct {
	op Op
	in []*Tensor
}

func (c *commit) init() {
	c.entered = map[*Tensor]*Tensor{}
	c.shared = map[Buffer]bool{}
	c.next = map[*Tensor]*Tensor{}
	c.read = map[*Tensor]bool{}
	c.byRows = map[*Tensor]bool{}
}

// Enter gives root tensor t a name in step s: t as the step began, the same elements, no copy.
// Equal t give equal names.
func (s *Scope) Enter(t *Tensor) *Tensor {
	if s.root == nil {
		misuse("Enter outside a step", t.Spec)
	}
	if s.over {
		misuse("Enter after the step returned", t.Spec)
	}
	if t.scope != s.root {
		misuse("Enter of a tensor that is not of this step's root", t.Spec)
	}
	e := s.commit.entered[t]
	if e == nil {
		e = &Tensor{t.Spec, t.buf, t.offset, s}
		s.commit.entered[t] = e
		s.commit.shared[t.buf] = true
	}
	return e
}

// Assign makes root tensor t hold v after the commit. A second Assign to t panics unless Pending
// was read in between: an update would be lost.
func (s *Scope) Assign(t, v *Tensor) {
	s.target("Assign", t, v)
	c := &s.commit
	if c.byRows[t] {
		misuse("Assign to a tensor that AssignRows writes in the same step", t.Spec)
	}
	if c.next[t] == nil {
		c.assigned = append(c.assigned, t)
	} else if !c.read[t] {
		misuse("second Assign without Pending in between; an update would be lost", t.Spec)
	}
	c.next[t], c.read[t] = v, false
}

// Pending is t as it will be after the commit, as far as assigned yet.
func (s *Scope) Pending(t *Tensor) *Tensor {
	e := s.Enter(t)
	if s.commit.byRows[t] {
		misuse("Pending of a tensor that AssignRows writes", t.Spec)
	}
	if v := s.commit.next[t]; v != nil {
		s.commit.read[t] = true
		return v
	}
	return e
}

// AssignRows writes the rows of v into t from row at on (I32 []), wrapping around, after the
// commit. Of more rows than t has, the last stay.
func (s *Scope) AssignRows(t, at, v *Tensor) {
	e := s.Enter(t)
	if s.commit.next[t] != nil {
		misuse("AssignRows to a tensor that Assign writes in the same step", t.Spec)
	}
	s.mine("AssignRows", at)
	s.mine("AssignRows", v)
	specs := []Spec{e.Spec, at.Spec, v.Spec}
	if _, err := (WriteRows{}).Infer(specs); err != nil {
		panic(&Error{WriteRows{}, specs, err})
	}
	s.commit.byRows[t] = true
	s.commit.rows = append(s.commit.rows, write{WriteRows{}, []*Tensor{e, at, v}})
}

// Report makes root tensor t hold v after the commit, gated or not: it is for the host to read.
func (s *Scope) Report(t, v *Tensor) {
	s.target("Report", t, v)
	s.commit.reports = append(s.commit.reports, write{Write{}, []*Tensor{s.Enter(t), v}})
}

// Gate lets the commit depend on ok (U8 []): where it is 0, only reports land.
func (s *Scope) Gate(ok *Tensor) {
	if !ok.Spec.Equal(Of(U8)) {
		misuse("Gate wants U8[]", ok.Spec)
	}
	s.mine("Gate", ok)
	s.commit.gate = ok
}

// target checks that t can hold v.
func (s *Scope) target(verb string, t, v *Tensor) {
	e := s.Enter(t)
	s.mine(verb, v)
	if !e.Spec.Equal(v.Spec) {
		misuse(verb+" of a tensor with another spec", e.Spec, v.Spec)
	}
}

// mine checks that v belongs to step s. A root tensor that was not entered would not be copied
// before the commit changes it.
func (s *Scope) mine(verb string, v *Tensor) {
	if v.scope != s {
		misuse(verb+" of a tensor that is not of this step", v.Spec)
	}
}

// land performs all writes: reports, assignments in the order of first Assign, rows. What they
// write is computed before the first of them, so assignments are simultaneous.
func (c *commit) land(s *Scope) {
	writes := c.reports
	for i := range writes {
		writes[i].in[1] = c.apart(writes[i].in[1])
	}
	for _, t := range c.assigned {
		e, v := s.Enter(t), c.next[t]
		if c.gate != nil {
			v = v.Select(c.gate, e)
		}
		writes = append(writes, write{Write{}, []*Tensor{e, c.apart(v)}})
	}
	for _, w := range c.rows {
		in := []*Tensor{w.in[0], c.apart(w.in[1]), c.apart(w.in[2])}
		if c.gate != nil {
			in = append(in, c.apart(c.gate))
		}
		writes = append(writes, write{w.op, in})
	}
	for _, w := range writes {
		s.Exec(w.op, nil, w.in)
	}
}

// apart copies v if its elements are a root tensor's, lest a write change it before it is read.
func (c *commit) apart(v *Tensor) *Tensor {
	if !c.shared[v.buf] {
		return v
	}
	axes := DimsOf(v.Shape...)
	for i := range axes.N {
		axes.D[i] = i
	}
	return one(Permute{axes}, v)
}
