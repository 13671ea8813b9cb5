package docs

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// stop is a line of the tour's table: package and lines. link is a relative link of any document.
var (
	stop = regexp.MustCompile(`(?m)^\| \d+ \| \[([a-z/]+)\]\(\.\./[a-z/]+\) \| (\d+) \|`)
	link = regexp.MustCompile(`\]\(([a-zA-Z0-9_./]+)\)`)
	file = regexp.MustCompile("`([a-z_0-9]+\\.go)`")
)

// TestTour: packages and files of the tour exist, and its line counts are within a quarter of the truth.
func TestTour(t *testing.T) {
	text, err := os.ReadFile("tour.md")
	if err != nil {
		t.Fatal(err)
	}
	stops := stop.FindAllStringSubmatch(string(text), -1)
	if len(stops) < 10 {
		t.Fatalf("%d packages found in the tour", len(stops))
	}
	for _, m := range stops {
		want, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		if n := lines(t, filepath.Join("..", m[1])); 4*n > 5*want || 4*n < 3*want {
			t.Errorf("%s has %d lines, the tour says %d", m[1], n, want)
		}
	}
	for line := range strings.Lines(string(text)) {
		m := stop.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		for _, f := range file.FindAllStringSubmatch(line, -1) {
			if _, err := os.Stat(filepath.Join("..", m[1], f[1])); err != nil {
				t.Errorf("the tour names %s of %s: %v", f[1], m[1], err)
			}
		}
	}
}

// lines counts those of a package's own files.
func lines(t *testing.T, dir string) (n int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		n += bytes.Count(b, []byte("\n"))
	}
	return n
}

// TestLinks: what the documents point at is there.
func TestLinks(t *testing.T) {
	documents, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(documents, "../README.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// sample is the README's training step with what it takes for granted.
const sample = `package docs

import (
	"kith/autograd"
	"kith/backends/plan"
	"kith/nn"
	"kith/nnclr"
	"kith/nnclr/data"
	"kith/optim"
	"kith/tensor"
)

func epoch(root *tensor.Scope, method nnclr.Method, opt *optim.Optimizer, loader *data.Loader,
	in *nnclr.Inputs, out *nnclr.Outputs, now func(int) nnclr.Now, check func(error)) {
STEP}
`

// TestReadmeStep compiles the training step of the README.
func TestReadmeStep(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(text), "```go\n")
	if !ok {
		t.Fatal("no step in the README")
	}
	step, _, _ := strings.Cut(after, "```")
	if n := strings.Count(step, "\n"); n > 12 {
		t.Errorf("the step has %d lines, want at most 12", n)
	}
	compile(t, map[string]string{"docs/sample.go": strings.Replace(sample, "STEP", step, 1)})
}
