package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kith/internal/testflag"
)

// TestEdits checks that every mutant still matches its source exactly once, that names and edits
// are distinct, and that docs/mutations.md lists them all. With -long it runs them.
func TestEdits(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "mutations.md"))
	if err != nil {
		t.Error(err)
	}
	seen := map[string]bool{}
	for _, m := range mutants {
		source, err := os.ReadFile(filepath.Join(root, m.file))
		if err != nil {
			t.Error(err)
			continue
		}
		mutated, err := apply(source, m)
		if err != nil {
			t.Error(err)
		}
		if err == nil && string(mutated) == string(source) {
			t.Errorf("%s changes nothing", m.name)
		}
		if seen[m.name] {
			t.Errorf("%s is there twice", m.name)
		}
		seen[m.name] = true
		if !strings.Contains(string(text), "| "+m.name+" |") {
			t.Errorf("docs/mutations.md does not list %q; rebuild it with: go run ./internal/mutate", m.name)
		}
	}
	if len(mutants) < 30 {
		t.Errorf("%d mutants, want at least 30", len(mutants))
	}
	if testflag.Long() {
		if err := run(nil); err != nil {
			t.Error(err)
		}
	}
}

// TestApply refuses edits that match nothing or too much.
func TestApply(t *testing.T) {
	for _, c := range []struct{ old, err string }{
		{"b", ""}, {"x", "matches 0 places"}, {"a", "matches 2 places"},
	} {
		got, err := apply([]byte("aba"), mutant{name: "m", file: "f", old: c.old, new: "c"})
		switch {
		case c.err == "" && (err != nil || string(got) != "aca"):
			t.Errorf("edit of %q gives %q, %v", c.old, got, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("edit of %q: %v, want %q", c.old, err, c.err)
		}
	}
}
