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
	files := map[string]string{}
	for _, m := range block.FindAllStringSubmatch(string(text), -1) {
		files[m[1]] = m[2]
	}
	if len(files) == 0 {
		t.Fatal("no samples found")
	}
	overlay, packages := write(t, files)
	goRun(t, goTool, append([]string{"vet", "-overlay", overlay}, packages...)...)
	for _, m := range try.FindAllStringSubmatch(string(text), -1) {
		out := goRun(t, goTool, "test", "-overlay", overlay, m[1], "-run", m[2], "-v")
		if !bytes.Contains(out, []byte("--- PASS")) {
			t.Errorf("%s tests nothing:\n%s", m[0], out)
		}
	}
}

// compile builds and vets one file as if it were in the repository.
func compile(t *testing.T, name, text string) {
	t.Helper()
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("needs the go command")
	}
	overlay, packages := write(t, map[string]string{name: text})
	goRun(t, goTool, append([]string{"vet", "-overlay", overlay}, packages...)...)
}

// write puts files, by their names in the repository, into a folder of their own and maps them into it; the
// repository stays as it is.
func write(t *testing.T, files map[string]string) (overlay string, packages []string) {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for short, text := range files {
		name, err := filepath.Abs(filepath.Join("..", short))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s exists: a sample must add something new", short)
		}
		copied := filepath.Join(dir, strings.ReplaceAll(short, "/", "_"))
		if err := os.WriteFile(copied, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		replace[name] = copied
		if p := "./" + filepath.Dir(short); !slices.Contains(packages, p) {
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
