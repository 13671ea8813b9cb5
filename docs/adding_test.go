// Package docs holds the documents, and the tests that keep them true.
package docs

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// block is a code block that says in its first line where it belongs.
var block = regexp.MustCompile("(?s)```go\n// ([a-z0-9_/]+\\.go)\n(.*?)```")

// try is a command of the text that tests what the block above it added.
var try = regexp.MustCompile("(?m)^go test (\\./\\S+) -run (\\S+)$")

// TestAdding builds the repository as it would be with every sample of adding.md added, and runs the tests that the
// text names.
func TestAdding(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("needs the go command")
	}
	text, err := os.ReadFile("adding.md")
	if err != nil {
		t.Fatal(err)
	}
	overlay, packages := write(t, string(text))
	if len(packages) == 0 {
		t.Fatal("no samples found")
	}
	goRun(t, goTool, append([]string{"vet", "-overlay", overlay}, packages...)...)
	for _, m := range try.FindAllStringSubmatch(string(text), -1) {
		out := goRun(t, goTool, "test", "-overlay", overlay, m[1], "-run", m[2], "-v")
		if !bytes.Contains(out, []byte("--- PASS")) {
			t.Errorf("%s tests nothing:\n%s", m[0], out)
		}
	}
}

// write puts the samples into a folder of their own and maps them into the repository, which stays as it is.
func write(t *testing.T, text string) (overlay string, packages []string) {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for _, m := range block.FindAllStringSubmatch(text, -1) {
		name, err := filepath.Abs(filepath.Join("..", m[1]))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s exists: the sample must add something new", m[1])
		}
		copied := filepath.Join(dir, strings.ReplaceAll(m[1], "/", "_"))
		if err := os.WriteFile(copied, []byte(m[2]), 0o644); err != nil {
			t.Fatal(err)
		}
		replace[name] = copied
		if p := "./" + filepath.Dir(m[1]); !slices.Contains(packages, p) {
			packages = append(packages, p)
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return overlay, packages
}

func goRun(t *testing.T, goTool string, args ...string) []byte {
	t.Helper()
	c := exec.CommandContext(t.Context(), goTool, args...)
	c.Dir = ".."
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}
