package main

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"kith/tensor/rng"
)

// TestMain makes this test binary be the command pretrain when a script runs it.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pretrain": main})
}

// TestScripts runs testdata/script: one script for each message and each command.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir) // caches stay in the script's own folder
			e.Setenv("PRETRAIN_THREADS", "1")
			e.Setenv("small", "recipe=demo head.hidden=32 head.out=16 head.predictor=32 batch=8 queue=64 warmup=2")
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Getuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"photos": photos, "exits": exits, "waitfor": waitFor},
	})
}

// photos DIR CLASSES EACH makes a folder of small pictures: DIR/a/0.png and so on, or DIR/0.png with one class. Those
// of a class have one color and a grain of their own.
func photos(ts *testscript.TestScript, _ bool, args []string) {
	classes, err := strconv.Atoi(args[1])
	ts.Check(err)
	each, err := strconv.Atoi(args[2])
	ts.Check(err)
	grain := rng.New(7).Stream()
	for c := range classes {
		dir := ts.MkAbs(args[0])
		if classes > 1 {
			dir = filepath.Join(dir, string(rune('a'+c)))
		}
		ts.Check(os.MkdirAll(dir, 0o755))
		for i := range each {
			img := image.NewRGBA(image.Rect(0, 0, 40, 36))
			for y := range 36 {
				for x := range 40 {
					n := uint8(grain.Uint32() >> 26)
					img.Set(x, y, color.RGBA{uint8(80*c) + n, 100 + n, uint8(200-60*c) + n, 255})
				}
			}
			f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d.png", i)))
			ts.Check(err)
			ts.Check(errors.Join(png.Encode(f, img), f.Close()))
		}
	}
}

// exits CODE COMMAND runs a command and wants this exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		e, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = e.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit %d, want %d", got, want)
	}
}

// waitFor PATH waits until a file is there.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	for range 600 {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("%s did not appear in a minute", args[0])
}
