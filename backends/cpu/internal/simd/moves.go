package simd

import "unsafe"

// Moves is memory that kernels of family F copy while they compute, two lines for each four steps of
// depth, so that operands of the next ones cost no time of their own. Whoever needs the copies calls
// Finish first: a kernel may end before its moves do, or know none. The zero value is nothing.
type Moves struct {
	list     *Move          // whose turn it is; the list ends with one of no pairs
	from, to unsafe.Pointer // next two lines; from is nil at the end of the list
	left     int            // pairs to the end of the row
}

// A Move is some rows of lines to copy, to where none of them come from.
type Move struct {
	From      unsafe.Pointer // first line of the current row
	FromPitch int            // bytes from row to row
	To        unsafe.Pointer
	ToPitch   int
	Rows      int // rows to go, the current one included
	Pairs     int // pairs of lines in a row, at least 1
}

// Start makes Moves of a list, which must end with one of no pairs and is changed as lines are copied.
func Start(list []Move) Moves {
	if list[0].Pairs == 0 {
		return Moves{}
	}
	return Moves{list: &list[0], from: list[0].From, to: list[0].To, left: list[0].Pairs}
}

// Finish copies what is left.
func (m *Moves) Finish() {
	for m.from != nil {
		const pair = 32 // elements
		copy(unsafe.Slice((*float32)(m.to), pair*m.left), unsafe.Slice((*float32)(m.from), pair*m.left))
		m.turn()
	}
	*m = Moves{}
}

// turn goes to the next row, or to the next move, or sees the end of the list.
func (m *Moves) turn() {
	x := m.list
	if x.Rows--; x.Rows > 0 {
		x.From, x.To = unsafe.Add(x.From, x.FromPitch), unsafe.Add(x.To, x.ToPitch)
	} else {
		x = (*Move)(unsafe.Add(unsafe.Pointer(x), unsafe.Sizeof(*x)))
		m.list = x
	}
	if m.from, m.to, m.left = x.From, x.To, x.Pairs; x.Pairs == 0 {
		m.from = nil
	}
}
