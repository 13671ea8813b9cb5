package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"

	"kith/nnclr/train"
)

const snapshotsName = "neighbors/snapshots.jsonl"

// A snapshot is what the followed images had for neighbors at one step.
type snapshot struct {
	Step    int       `json:"step"`
	Queries []int32   `json:"queries"` // image ids
	Nearest int       `json:"nearest"` // neighbors of each
	IDs     []int32   `json:"ids"`     // [queries × nearest]; negative: a row of no image
	Scores  []float64 `json:"scores"`  // cosines
}

// neighbors keeps a snapshot. The file is small, so it is written as a whole each time.
func (w *watch) neighbors(e train.Event) {
	s := snapshot{Step: e.Step}
	s.Queries, _ = field(e, "queries").([]int32)
	s.Nearest, _ = field(e, "nearest").(int)
	s.IDs, _ = field(e, "ids").([]int32)
	s.Scores, _ = field(e, "scores").([]float64)
	if len(s.IDs) == 0 {
		return
	}
	w.snapshots = append(w.snapshots, s)
	err := w.dir.Replace(snapshotsName, func(out io.Writer) error {
		enc := json.NewEncoder(out)
		for _, s := range w.snapshots {
			if err := enc.Encode(s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.con.Warn("neighbors of step %d are lost: %v", e.Step, err)
	}
}

// readSnapshots reads those of a run up to a step, from which it goes on.
func readSnapshots(dir string, step int) (out []snapshot) {
	f, err := os.Open(filepath.Join(dir, snapshotsName))
	if err != nil {
		return nil
	}
	defer f.Close()
	dec := json.NewDecoder(f)
	for {
		var s snapshot
		if dec.Decode(&s) != nil || s.Step > step {
			return out
		}
		out = append(out, s)
	}
}
