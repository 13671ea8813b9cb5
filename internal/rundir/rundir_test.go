package rundir

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kith/internal/fsys"
)

func mustMake(t *testing.T) *Dir {
	t.Helper()
	d, err := Make(filepath.Join(t.TempDir(), "runs", "a"), func(m string) { t.Error(m) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func mustRead(t *testing.T, d *Dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(d.Join(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestName(t *testing.T) {
	now := time.Date(2026, 11, 23, 7, 2, 59, 0, time.UTC)
	for _, c := range [][3]string{
		{"nnclr", "resnet50", "2026-11-23_0702-nnclr-resnet50"},
		{"NNCLR", "ResNet 50/../x", "2026-11-23_0702-nnclr-resnet-50-..-x"},
		{"a\x00\n", "é", "2026-11-23_0702-a---" + "-"},
	} {
		if got := Name(now, c[0], c[1]); got != c[2] {
			t.Errorf("Name(%q, %q) = %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

func TestNew(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "x", "runs")
	for _, want := range []string{"r", "r-2", "r-3"} {
		d, err := New(parent, "r", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if d.Path != filepath.Join(parent, want) {
			t.Errorf("made %s, want %s", d.Path, want)
		}
	}
	if _, err := Make(filepath.Join(parent, "r-2"), nil); !errors.Is(err, fsys.ErrExist) {
		t.Errorf("got %v", err)
	}
	if _, err := Open(filepath.Join(parent, "none"), nil); !errors.Is(err, fsys.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(filepath.Join(parent, "file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := New(filepath.Join(parent, "file"), "r", nil); err == nil {
		t.Error("made a run below a file")
	}
}

// What a killed process left of a replacement goes when the next one opens the run; nothing else does.
func TestCleansUp(t *testing.T) {
	d := mustMake(t)
	d.Close()
	for name, stays := range map[string]bool{
		".tmp-STATUS-1-ab": false, "eval/.tmp-knn.json-1-ab": false, "checkpoints/.tmp-LATEST-1-ab": true,
		"a/b/.tmp-x": true, "tmp-notes": true, ".tmp-folder/x": true,
	} {
		path := d.Join(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		again, err := Open(d.Path, nil)
		if err != nil {
			t.Fatal(err)
		}
		again.Close()
		if _, err := os.Stat(path); (err == nil) != stays {
			t.Errorf("%s: there %v, want %v", name, err == nil, stays)
		}
	}
}

func TestWriteFiles(t *testing.T) {
	d := mustMake(t)
	for _, text := range []string{"one", "two"} {
		if err := d.WriteFile("eval/knn.json", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if got := mustRead(t, d, "eval/knn.json"); got != "two" {
		t.Errorf("got %q", got)
	}
	if err := d.WriteJSON("env.json", map[string]any{"b": "<&>", "a": 1}); err != nil {
		t.Fatal(err)
	}
	if got := mustRead(t, d, "env.json"); got != "{\n  \"a\": 1,\n  \"b\": \"<&>\"\n}\n" {
		t.Errorf("got %q", got)
	}
	if err := d.WriteJSON("bad.json", math.NaN()); err == nil || !strings.Contains(err.Error(), "bad.json") {
		t.Errorf("got %v", err)
	}
	entries, err := os.ReadDir(d.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".tmp") || e.Name() == "bad.json" {
			t.Errorf("%s is left over", e.Name())
		}
	}
	// A vanished run directory is not made anew.
	if err := os.Rename(d.Path, d.Path+"-moved"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"STATUS", "eval/knn.json"} {
		if err := d.WriteFile(name, nil); !errors.Is(err, fsys.ErrNotExist) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestStatus(t *testing.T) {
	d := mustMake(t)
	if _, err := ReadStatus(d.Path); !errors.Is(err, fsys.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	for _, c := range []struct {
		status Status
		line   string
	}{
		{Status{State: Running}, "running\n"},
		{Status{State: Done}, "done\n"},
		{Status{State: Interrupted}, "interrupted\n"},
		{Status{Failed, 5, "loss became NaN at step 311"}, "failed 5 loss became NaN at step 311\n"},
		{Status{Failed, 1, ""}, "failed 1\n"},
	} {
		if err := d.SetStatus(c.status); err != nil {
			t.Fatal(err)
		}
		if got := mustRead(t, d, "STATUS"); got != c.line {
			t.Errorf("STATUS is %q, want %q", got, c.line)
		}
		if got, err := ReadStatus(d.Path); err != nil || got != c.status {
			t.Errorf("read %+v, %v, want %+v", got, err, c.status)
		}
	}
	if got := (Status{Failed, 6, "disk full\n  hint: x"}).String(); got != "failed 6 disk full" {
		t.Errorf("got %q", got)
	}
	for _, line := range []string{"", "runing", "running fast", "failed", "failed x y", "done\n\n"} {
		if err := d.WriteFile("STATUS", []byte(line)); err != nil {
			t.Fatal(err)
		}
		if s, err := ReadStatus(d.Path); err == nil {
			t.Errorf("%q is taken for %+v", line, s)
		}
	}
}

// A run whose process is gone without a word does not stay "running".
func TestStatusOfKilled(t *testing.T) {
	d := mustMake(t)
	if err := d.SetStatus(Status{State: Running}); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if got, err := ReadStatus(d.Path); err != nil || got.State != Interrupted {
		t.Errorf("read %+v, %v", got, err)
	}
}

func TestSummary(t *testing.T) {
	d := mustMake(t)
	want := Summary{KNN: 0.828, KNNPixels: 0.448, KNNUntrained: Number(math.Inf(1)), Steps: 790, LossLast: Number(math.Inf(-1)), Seconds: 100.25}
	if err := d.WriteSummary(want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadSummary(d.Path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if text := mustRead(t, d, "summary.json"); !strings.HasPrefix(text, "{\n  \"knn\": 0.828,\n  \"knn_pixels\": 0.448,\n") {
		t.Error(text)
	}
	if err := d.WriteFile("summary.json", []byte("{")); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSummary(d.Path); err == nil || !strings.Contains(err.Error(), "summary.json") {
		t.Errorf("got %v", err)
	}
}

func TestNumber(t *testing.T) {
	for _, x := range []float64{0, -1.5, 1e-300, math.Inf(1), math.Inf(-1), math.NaN()} {
		b, err := Number(x).MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var got Number
		if err := got.UnmarshalJSON(b); err != nil || (float64(got) != x && x == x) || (x != x && got == got) {
			t.Errorf("%v became %s became %v, %v", x, b, got, err)
		}
	}
	var n Number
	if err := n.UnmarshalJSON([]byte(`"fast"`)); err == nil {
		t.Error("a word is taken for a number")
	}
}
