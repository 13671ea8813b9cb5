package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kith/cmd/pretrain/internal/settings"
	"kith/internal/checkpoint"
	"kith/internal/rundir"
)

// past leaves a run directory as an earlier process would.
func past(t *testing.T, path string, s *settings.Settings, digest string, state rundir.Status, step int) {
	t.Helper()
	d, err := rundir.Make(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Replace(configName, s.WriteYAML); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteJSON(dataName, dataFile{Digest: digest}); err != nil {
		t.Fatal(err)
	}
	if err := d.SetStatus(state); err != nil {
		t.Fatal(err)
	}
	if step > 0 {
		if err := os.MkdirAll(d.Join(checkpoints, checkpoint.Name(step)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func load(t *testing.T, line string) *settings.Settings {
	t.Helper()
	var as []settings.Assignment
	for _, kv := range strings.Fields(line) {
		key, value, _ := strings.Cut(kv, "=")
		as = append(as, settings.Assignment{Key: key, Texts: []string{value}, Origin: "flag", Name: key})
	}
	s, _, err := settings.Load(settings.Input{Recipes: recipeFiles(), Line: as})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestOpenRun: which directory a command takes, beside runs that are done, failed, of other settings, or its own.
func TestOpenRun(t *testing.T) {
	t.Chdir(t.TempDir())
	mine, other := load(t, ""), load(t, "lr=0.3")
	past(t, "runs/done", mine, "d", rundir.Status{State: rundir.Done}, 768)
	past(t, "runs/mine", mine, "d", rundir.Status{State: rundir.Interrupted}, 100)
	past(t, "runs/older", mine, "d", rundir.Status{State: rundir.Running}, 50) // killed: nobody holds it
	past(t, "runs/other", other, "d", rundir.Status{State: rundir.Interrupted}, 12000)
	past(t, "runs/elsewhere", mine, "another folder", rundir.Status{State: rundir.Interrupted}, 900)
	past(t, "runs/failed", mine, "d", rundir.Status{State: rundir.Failed, Code: 5, Reason: "loss became NaN"}, 10)
	past(t, "runs/empty", mine, "d", rundir.Status{State: rundir.Interrupted}, 0)
	for path, text := range map[string]string{"photos/cat/a.png": "", "notes/config.yaml": "mine", // and two runs killed as they began
		"runs/early/LOCK": "", "runs/begun/LOCK": "", "runs/begun/config.yaml": "", "runs/begun/metrics.jsonl": "", "runs/begun/.tmp-data.json-1": ""} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Date(2026, 11, 23, 7, 2, 0, 0, time.UTC)
	for _, c := range []struct {
		line    string
		path    string
		resumed bool
		err     string
	}{
		{"", "runs/mine", true, ""},
		{"threads=7", "runs/mine", true, ""},
		{"seed=5", "runs/2026-11-23_0702-nnclr-resnet-tiny", false, ""},
		{"resume=never", "runs/2026-11-23_0702-nnclr-resnet-tiny-2", false, ""},
		{"lr=0.3", "runs/other", true, ""},
		{"name=older", "runs/older", true, ""},
		{"name=fresh", "runs/fresh", false, ""},
		{"out=deep/er/run", "deep/er/run", false, ""},
		{"resume=must seed=6", "", false, "no unfinished run of these settings and data in runs"},
		{"resume=must name=new", "", false, "there is no run runs/new to go on with"},
		{"name=done", "", false, "run directory runs/done holds a finished run"},
		{"name=failed", "", false, "run directory runs/failed holds a run that failed: loss became NaN"},
		{"name=other lr=0.1", "", false, "run directory runs/other holds an unfinished run at step 12,000 of other settings (lr 0.3 -> 0.1)"},
		{"name=elsewhere", "", false, "run directory runs/elsewhere holds an unfinished run at step 900 of other settings (other images)"},
		{"name=mine resume=never", "", false, "run directory runs/mine holds an unfinished run at step 100"},
		{"name=early", "runs/early", false, ""},
		{"name=begun", "runs/begun", false, ""},
		{"out=notes", "", false, "notes is not empty and holds no run"},
		{"out=photos", "", false, "photos is not empty and holds no run"},
	} {
		d, resumed, err := openRun(load(t, c.line), "d", now, nil)
		if c.err != "" {
			if f := explain(err); f.msg != c.err || f.code != exitUsage {
				t.Errorf("%s: exit %d, %s\nwant %s", c.line, f.code, f.msg, c.err)
			}
			continue
		}
		if err != nil || d.Path != filepath.FromSlash(c.path) || resumed != c.resumed {
			t.Errorf("%s: %+v, resumed %v, %v; want %s, %v", c.line, d, resumed, err, c.path, c.resumed)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLocked: a held directory is exit 11, with the holder's name.
func TestLocked(t *testing.T) {
	t.Chdir(t.TempDir())
	past(t, "runs/a", load(t, ""), "d", rundir.Status{State: rundir.Interrupted}, 1)
	held, err := rundir.Open("runs/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	_, _, err = openRun(load(t, "name=a"), "d", time.Now(), nil)
	var b bytes.Buffer
	if code := report(&b, err); code != exitLocked || !strings.Contains(b.String(), "pretrain: runs/a is in use by process") {
		t.Errorf("exit %d, %s", code, b.String())
	}
}
