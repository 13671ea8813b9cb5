package eval

import (
	"testing"

	"kith/backends/ref"
	"kith/tensor"
)

// TestUnlabeledRowsTakeNoPlace: a row without label neither votes nor uses up one of the K places,
// even as the nearest.
func TestUnlabeledRowsTakeNoPlace(t *testing.T) {
	bank := &Features{Rows: []float32{1, 0, .8, .2, 0, 1}, Width: 2, Label: []int32{-1, 5, 6}, ID: []int32{0, 1, 2}}
	query := &Features{Rows: []float32{1, 0}, Width: 2, Label: []int32{5}, ID: []int32{0}}
	votes, err := KNN{1, .07}.Votes(NewFinder(tensor.Open(ref.New())), bank, query)
	if err != nil || votes[0].Label != 5 || len(votes[0].Score) != 1 {
		t.Errorf("got %+v, %v, want one vote for 5", votes, err)
	}
}
