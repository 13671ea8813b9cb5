package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
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
			return nil
		},
	})
}
