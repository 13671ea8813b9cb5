package tensor

import (
	"fmt"
	"slices"
)

// WriteRows makes rows of its first input hold those of the third: t [m,...], at I32 [],
// v [n,...], and optionally ok U8 []: where it is 0, nothing changes. Row i of v goes to row
// (at+i) mod m; of more than m rows, the last stay. It has no output and runs at commit only.
type WriteRows struct{ NoGrad }

// Infer wants t, at, v, and ok or not.
func (WriteRows) Infer(in []Spec) ([]Spec, error) {
	if len(in) != 3 && len(in) != 4 {
		return nil, fmt.Errorf("got %d inputs, want 3 or 4", len(in))
	}
	t, v := in[0], in[2]
	switch {
	case !in[1].Equal(Of(I32)):
		return nil, fmt.Errorf("row number is %v, want I32[]", in[1])
	case len(in) == 4 && !in[3].Equal(Of(U8)):
		return nil, fmt.Errorf("gate is %v, want U8[]", in[3])
	case len(t.Shape) == 0 || len(v.Shape) == 0 || t.Shape[0] == 0 ||
		t.DType != v.DType || !slices.Equal(t.Shape[1:], v.Shape[1:]):
		return nil, fmt.Errorf("%v has no rows for %v", t, v)
	}
	return nil, nil
}

// Eval copies row by row, in order.
func (WriteRows) Eval(_, in []Array) {
	if len(in) == 4 && in[3].Data[0] == 0 {
		return
	}
	m, width := in[0].Shape[0], in[0].Shape[1:].Size()
	at := int(in[1].Data[0])
	for i := range in[2].Shape[0] {
		copy(in[0].Data[(at+i)%m*width:][:width], in[2].Data[i*width:])
	}
}

func init() {
	Register(func() []Case {
		return []Case{
			{Op: WriteRows{}, In: Draw(Normal(5, 17), Ints(0, 5), Normal(3, 17))},
			{Op: WriteRows{}, In: Draw(Normal(5, 2), Ints(4, 5), Normal(3, 2), Mask())},
			{Op: WriteRows{}, In: Draw(Normal(3, 2), Ints(1, 2), Normal(8, 2))},
			{Op: WriteRows{}, In: Draw(Ints(0, 9, 6), Ints(5, 6), Ints(0, 9, 4))},
			{Op: WriteRows{}, In: Draw(Normal(5, 17), Ints(0, 5), Normal(3, 16)), Err: "no rows for"},
		}
	})
}
