package rundir

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"

	"kith/internal/fsys"
)

// A Number is a float64 that JSON can hold: NaN and the infinities become the strings "nan", "inf"
// and "-inf", which encoding/json would refuse to write.
type Number float64

// MarshalJSON gives the number, or its word.
func (n Number) MarshalJSON() ([]byte, error) {
	switch x := float64(n); {
	case math.IsNaN(x):
		return []byte(`"nan"`), nil
	case math.IsInf(x, 1):
		return []byte(`"inf"`), nil
	case math.IsInf(x, -1):
		return []byte(`"-inf"`), nil
	default:
		return json.Marshal(x)
	}
}

// UnmarshalJSON reads what MarshalJSON gives.
func (n *Number) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case `"nan"`:
		*n = Number(math.NaN())
	case `"inf"`:
		*n = Number(math.Inf(1))
	case `"-inf"`:
		*n = Number(math.Inf(-1))
	default:
		var x float64
		if err := json.Unmarshal(b, &x); err != nil {
			return err
		}
		*n = Number(x)
	}
	return nil
}

// A Summary is a run in a few numbers. Accuracies are fractions of 1.
type Summary struct {
	KNN               Number `json:"knn"`                 // top-1 of the trained encoder
	KNNPixels         Number `json:"knn_pixels"`          // of raw pixels
	KNNPixelsCentered Number `json:"knn_pixels_centered"` // of pixels minus their mean
	KNNUntrained      Number `json:"knn_untrained"`       // of the encoder before training
	Steps             int    `json:"steps"`
	ViewsPerSecond    Number `json:"views_per_s"` // both views of an image count
	LossFirst         Number `json:"loss_first"`
	LossLast          Number `json:"loss_last"`
	Seconds           Number `json:"seconds"`
}

const summaryName = "summary.json"

// WriteSummary replaces summary.json.
func (d *Dir) WriteSummary(s Summary) error { return d.WriteJSON(summaryName, s) }

// ReadSummary reads the summary.json of the run directory at path.
func ReadSummary(path string) (s Summary, err error) {
	name := filepath.Join(path, summaryName)
	text, err := fsys.ReadFile(fsys.OS{}, name, 1<<20)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}
