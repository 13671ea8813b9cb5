package data

import (
	"fmt"
	"testing"

	"kith/tensor/rng"
)

// TestDrawsAreDistinct: each view of each image in each epoch has draws of its own. A key that
// forgot one of the three would train on repeated views, and nothing else would show it.
func TestDrawsAreDistinct(t *testing.T) {
	view := testViews(t)[0]
	l := &Loader{Data: &fake{n: 40}, Views: []View{view, view}, Size: 8, Raw: true, Key: rng.New(7)}
	seen := map[string]string{}
	for e := range 3 {
		for b, err := range l.Epoch(e, 0) {
			if err != nil {
				t.Fatal(err)
			}
			for v, draws := range b.Draws {
				for row, index := range b.Index {
					what := fmt.Sprintf("view %d of image %d in epoch %d", v, index, e)
					// Pictures differ in size, so equal words would still give different boxes: the
					// image belongs to the comparison.
					draw := fmt.Sprint(index, draws[row*DrawLen:(row+1)*DrawLen])
					if other := seen[draw]; other != "" {
						t.Fatalf("%s repeats %s", what, other)
					}
					seen[draw] = what
				}
			}
		}
	}
	if len(seen) != 3*40*2 {
		t.Errorf("%d draws, want %d", len(seen), 3*40*2)
	}
}
