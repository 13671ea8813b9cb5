// Command mutate shows that the tests bite: it puts one deliberate bug at a time into the sources,
// through the go command's -overlay so that no file changes, and runs the tests of one package,
// which must fail.
//
//	go run ./internal/mutate            all mutants; rewrites docs/mutations.md
//	go run ./internal/mutate lars queue  those whose names hold one of the words; prints only
//
// A mutant whose edit does not match exactly once, that does not compile, or whose tests fail
// without it, is a failure too: it would prove nothing.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A mutant is one deliberate bug.
type mutant struct {
	name string
	file string // from the module's root
	old  string // matches exactly once
	new  string
	pkg  string // whose tests must fail
	run  string // go test's -run; "" is all
}

// A verdict is what became of a mutant.
type verdict struct {
	mutant
	by   string // the first test that failed; "" if none did
	took time.Duration
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(words []string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	chosen := choose(mutants, words)
	if err := soundBefore(root, chosen); err != nil {
		return err
	}
	var verdicts []verdict
	var missed []string
	for _, m := range chosen {
		v, err := try(root, m)
		if err != nil {
			fmt.Println(err)
			missed = append(missed, m.name)
			continue
		}
		fmt.Printf("%-50s %6.1fs  %s\n", m.name, v.took.Seconds(), or(v.by, "NOT CAUGHT"))
		if verdicts = append(verdicts, v); v.by == "" {
			missed = append(missed, m.name)
		}
	}
	if len(missed) > 0 {
		return fmt.Errorf("%d of %d mutants live: %s", len(missed), len(chosen), strings.Join(missed, "; "))
	}
	fmt.Printf("%d of %d mutants caught\n", len(chosen), len(chosen))
	if len(words) > 0 {
		return nil
	}
	return os.WriteFile(filepath.Join(root, "docs", "mutations.md"), page(verdicts), 0o644)
}

func or(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// moduleRoot is the folder of go.mod.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	return filepath.Dir(strings.TrimSpace(string(out))), err
}

// choose keeps the mutants whose names hold one of the words; all without words.
func choose(all []mutant, words []string) (out []mutant) {
	for _, m := range all {
		keep := len(words) == 0
		for _, w := range words {
			keep = keep || strings.Contains(m.name, w)
		}
		if keep {
			out = append(out, m)
		}
	}
	return out
}

// soundBefore runs each distinct set of tests without any mutant: a red test catches nothing.
func soundBefore(root string, chosen []mutant) error {
	seen := map[string]bool{}
	for _, m := range chosen {
		if key := m.pkg + " " + m.run; !seen[key] {
			seen[key] = true
			if by, out := test(root, m, ""); by != "" {
				return fmt.Errorf("%s fails without a mutant: %s\n%s", key, by, out)
			}
		}
	}
	return nil
}

// apply is the mutated source.
func apply(source []byte, m mutant) ([]byte, error) {
	if n := bytes.Count(source, []byte(m.old)); n != 1 {
		return nil, fmt.Errorf("%s: the edit matches %d places of %s, want 1", m.name, n, m.file)
	}
	return bytes.Replace(source, []byte(m.old), []byte(m.new), 1), nil
}

// try runs the tests of one mutant.
func try(root string, m mutant) (verdict, error) {
	v := verdict{mutant: m}
	path := filepath.Join(root, m.file)
	source, err := os.ReadFile(path)
	if err != nil {
		return v, err
	}
	mutated, err := apply(source, m)
	if err != nil {
		return v, err
	}
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return v, err
	}
	defer os.RemoveAll(dir)
	overlay, err := writeOverlay(dir, path, mutated)
	if err != nil {
		return v, err
	}
	start := time.Now()
	by, out := test(root, m, overlay)
	if bytes.Contains(out, []byte("[build failed]")) {
		return v, fmt.Errorf("%s does not compile:\n%s", m.name, out)
	}
	v.by, v.took = by, time.Since(start)
	return v, nil
}

// writeOverlay writes the file that tells the go command to read mutated in place of path.
func writeOverlay(dir, path string, mutated []byte) (string, error) {
	file, overlay := filepath.Join(dir, filepath.Base(path)), filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {path: file}})
	return overlay, errors.Join(err, os.WriteFile(file, mutated, 0o644), os.WriteFile(overlay, text, 0o644))
}

// test runs the tests and returns the first one that failed; a crash or a hang counts.
func test(root string, m mutant, overlay string) (by string, out []byte) {
	args := []string{"test", "-vet=off", "-timeout", "300s", "-failfast"}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	if m.run != "" {
		args = append(args, "-run", m.run)
	}
	out, err := goCommand(root, append(args, m.pkg)...)
	if err == nil {
		return "", out
	}
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: "); ok {
			name, _, _ = strings.Cut(name, " ")
			return name, out
		}
	}
	return "a panic", out
}

func goCommand(root string, args ...string) ([]byte, error) {
	c := exec.Command("go", args...)
	c.Dir = root
	return c.CombinedOutput()
}

// page is docs/mutations.md.
func page(verdicts []verdict) []byte {
	var b bytes.Buffer
	b.WriteString("# Mutations\n\nDeliberate bugs, each put into the sources by itself, and the test that catches it.\n" +
		"Made by `go run ./internal/mutate`, which fails when a bug lives, when its edit no longer\n" +
		"matches the source, or when it does not compile.\n\n")
	fmt.Fprintf(&b, "%d of %d caught.\n\n| bug | file | edit | caught by |\n|---|---|---|---|\n", len(verdicts), len(verdicts))
	for _, v := range verdicts {
		fmt.Fprintf(&b, "| %s | `%s` | %s → %s | `%s` of `%s` |\n", v.name, v.file, code(v.old), code(v.new), v.by, v.pkg)
	}
	return b.Bytes()
}

// code is an edit's side on one line of a table.
func code(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if s == "" {
		return "nothing"
	}
	return "`" + strings.ReplaceAll(s, "|", "\\|") + "`"
}
