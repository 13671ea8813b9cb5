package checkpoint_test

import (
	"errors"
	"fmt"
	"io"

	"kith/internal/checkpoint"
	"kith/internal/crashfs"
)

// A run that saves, is damaged, and goes on from the checkpoint before.
func Example() {
	disk := crashfs.New() // the machine's, where FS is not set
	store := &checkpoint.Store{
		FS: disk, Dir: "checkpoints",
		Warn: func(message string) { fmt.Println("warning:", message) },
	}
	if _, err := store.Load(); errors.Is(err, checkpoint.ErrNone) {
		fmt.Println("a new run")
	}
	for _, step := range []int{100, 200} {
		state := checkpoint.File{Name: "state.json", Write: func(w io.Writer) error {
			_, err := fmt.Fprintf(w, `{"step":%d}`, step)
			return err
		}}
		if err := store.Save(step, []checkpoint.File{state}, checkpoint.Meta{}); err != nil {
			fmt.Println(err) // an *Error; training goes on unless it is Fatal
		}
	}
	disk.Corrupt("checkpoints/step-000000200/state.json", func(b []byte) []byte { return b[:5] })

	snapshot, err := store.Load()
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := snapshot.Read("state.json")
	fmt.Println(snapshot.Step, string(text), err)
	// Output:
	// a new run
	// warning: step-000000200 is damaged: state.json: 5 bytes, the manifest says 12
	// warning: step-000000200 is now .bad-step-000000200
	// warning: going on from step-000000100
	// 100 {"step":100} <nil>
}
