package train

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"kith/internal/rundir"
	"kith/nn"
	"kith/nnclr"
	"kith/nnclr/data"
)

// captured is what a captured step needs to happen again: views follow from image, epoch and seed.
type captured struct {
	Step, Epoch int
	Rate        rundir.Number
	Images      []int32
}

// capture keeps the images of a step that was refused, and the model that it met: the gate left it
// as it was.
func (r *loop) capture(b *data.Batch, now nnclr.Now) (dir string, err error) {
	if r.Captures == "" {
		return "", nil
	}
	dir = filepath.Join(r.Captures, fmt.Sprintf("step-%09d", now.Step))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return dir, err
	}
	text, err := json.MarshalIndent(captured{now.Step, now.Epoch, rundir.Number(now.Rate), b.Index}, "", "  ")
	if err != nil {
		return dir, err
	}
	if err := os.WriteFile(filepath.Join(dir, "batch.json"), append(text, '\n'), 0o644); err != nil {
		return dir, err
	}
	return dir, nn.Save(filepath.Join(dir, modelFile), r.Method)
}
