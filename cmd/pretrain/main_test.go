package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kith/cmd/pretrain/internal/settings"
)

// TestHelpFits: the help is one screen of 80 columns and 40 lines.
func TestHelpFits(t *testing.T) {
	var out bytes.Buffer
	if code := run(t.Context(), []string{"help"}, &out, &out); code != 0 {
		t.Fatalf("exit %d", code)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) > 40 {
		t.Errorf("%d lines, at most 40", len(lines))
	}
	for _, l := range lines {
		if len(l) > 80 {
			t.Errorf("%d columns: %s", len(l), l)
		}
	}
}

// TestBugs: what no rule explains asks to be reported, and a panic ends with exit 1 and without a stack.
func TestBugs(t *testing.T) {
	var b bytes.Buffer
	if code := report(&b, errors.New("zerr")); code != exitBug || !strings.Contains(b.String(), "please report") {
		t.Errorf("exit %d, %s", code, b.String())
	}
	b.Reset()
	if code := bug(&b, "broken"); code != exitBug || strings.Contains(b.String(), "goroutine") || !strings.Contains(b.String(), "pretrain: bug: broken") {
		t.Errorf("exit %d, %s", code, b.String())
	}
	for _, asked := range []bool{false, true} {
		b.Reset()
		func() {
			defer func() {
				if p := recover(); p != "broken" || strings.Contains(b.String(), "TestBugs") != asked {
					t.Errorf("debug %v: panic %v, %s", asked, p, b.String())
				}
			}()
			defer showStack(&b, asked)
			panic("broken")
		}()
	}
}

// TestSettingsPage: docs/settings.txt is what the command prints.
func TestSettingsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/settings.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(settings.Help(recipeFiles()), string(page)); diff != "" {
		t.Errorf("docs/settings.txt is stale; rebuild it with  go run ./cmd/pretrain help settings > docs/settings.txt\n(-want +got)\n%s", diff)
	}
}
