package rundir_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"

	"kith/internal/rundir"
)

// The life of a run directory.
func Example() {
	parent, err := os.MkdirTemp("", "runs")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(parent)
	dir, err := rundir.New(parent, "demo", nil) // locked from here on
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dir.Close()
	if err := dir.SetStatus(rundir.Status{State: rundir.Running}); err != nil {
		fmt.Println(err)
	}
	metrics, err := dir.OpenMetrics(0)
	if err != nil {
		fmt.Println(err)
		return
	}
	metrics.Write(rundir.Field{Key: "kind", Value: "train"}, rundir.Field{Key: "step", Value: 1},
		rundir.Field{Key: "loss", Value: math.NaN()})
	metrics.Close()

	text, err := os.ReadFile(filepath.Join(parent, "demo", "metrics.jsonl"))
	fmt.Print(string(text))
	status, err := rundir.ReadStatus(dir.Path)
	fmt.Println(status, err)
	// Output:
	// {"kind":"train","step":1,"loss":"nan"}
	// running <nil>
}
