// Package docs holds the documents, and the tests that keep them true.
package docs

import (
	"bytes"
	"encoding/json"
	"maps"
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
var try = regexp.MustCompile(`(?m)^go test (\./\S+) -run (\S+)$`)

// TestAdding builds each package as it would be with the samples of adding.md for it, and runs the tests that the text
// names. Each package has an overlay of its own: a change of tensor means building everything above it.
func TestAdding(t *testing.T) {
	text, err := os.ReadFile("adding.md")
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]map[string]string{} // package → file → text
	for _, m := range block.FindAllStringSubmatch(string(text), -1) {
		dir := filepath.Dir(m[1])
		if of[dir] == nil {
			of[dir] = map[string]string{}
		}
		of[dir][m[1]] = m[2]
	}
	if len(of) < 6 {
		t.Fatalf("samples for %d packages found", len(of))
	}
	for _, dir := range slices.Sorted(maps.Keys(of)) {
		overlay := compile(t, of[dir])
		for _, m := range try.FindAllStringSubmatch(string(text), -1) {
			if tests[m[1]] != dir {
				continue
			}
			out := goRun(t, "test", "-overlay", overlay, m[1], "-run", m[2], "-v")
			if !bytes.Contains(out, []byte("--- PASS")) {
				t.Errorf("%s tests nothing:\n%s", m[0], out)
			}
		}
	}
}

// tests says which package's samples a package of tests is about.
var tests = map[string]string{"./autograd": "tensor", "./nnclr/data": "nnclr/data"}

// compile builds and vets the files of one package as if they were in the repository, and returns the overlay.
func compile(t *testing.T, files map[string]string) (overlay string) {
	t.Helper()
	overlay, packages := write(t, files)
	goRun(t, append([]string{"vet", "-overlay", overlay}, packages...)...)
	return overlay
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

func goRun(t *testing.T, args ...string) []byte {
	t.Helper()
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("needs the go command")
	}
	c := exec.CommandContext(t.Context(), goTool, args...)
	c.Dir = ".."
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}
