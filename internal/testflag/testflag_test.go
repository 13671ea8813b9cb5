package testflag

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryPackage finds packages whose test binary would refuse -long.
func TestEveryPackage(t *testing.T) {
	const root = "../.."
	tested, knows := map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root {
			_, nested := os.Stat(filepath.Join(path, "go.mod")) // a module of its own has flags of its own
			if name == "testdata" || name[0] == '.' || name[0] == '_' || nested == nil {
				return filepath.SkipDir
			}
		}
		if strings.HasSuffix(name, "_test.go") {
			dir := filepath.Dir(path)
			tested[dir] = true
			knows[dir] = knows[dir] || imports(t, path, "kith/internal/testflag")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(tested) < 10 {
		t.Errorf("found only %d packages with tests; is %s the root of the module?", len(tested), root)
	}
	for dir := range tested {
		if !knows[dir] && filepath.Base(dir) != "testflag" {
			t.Errorf("%s: go test ./... -long fails there; add testflag_test.go like that of tensor", dir)
		}
	}
}

// imports reports whether the Go file imports the package.
func imports(t *testing.T, file, pkg string) bool {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, im := range f.Imports {
		if im.Path.Value == `"`+pkg+`"` {
			return true
		}
	}
	return false
}

func TestRequire(t *testing.T) {
	old := *require
	defer func() { *require = old }()
	*require = "cuda,avx512"
	for name, want := range map[string]bool{"cuda": true, "avx512": true, "avx": false, "onnx": false} {
		if got := Require(name); got != want {
			t.Errorf("Require(%q) = %v with -require %s", name, got, *require)
		}
	}
}

func TestSeed(t *testing.T) {
	old := *seed
	defer func() { *seed = old }()
	*seed = 7
	if got := Seed(t); got != 7 {
		t.Errorf("Seed() = %d with -seed 7", got)
	}
	*seed = 0
	if got := Seed(t); !Long() && got != 1 {
		t.Errorf("Seed() = %d without -seed, want 1", got)
	}
}
