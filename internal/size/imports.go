package size

import (
	"fmt"
	"go/ast"
	"strconv"
	"strings"
)

// A rule says what the packages of a pattern may import of kith. A pattern is a package, or a folder
// and all below it: "nnclr/data/...".
type rule struct {
	pkg string
	may string // patterns; "*" for anything but cmd
}

// rules of who imports whom; the first that fits counts. Tests may import what they like.
var rules = []rule{
	{"tensor", "tensor/rng"},
	{"tensor/rng", ""},
	{"autograd", "tensor tensor/rng"}, // directions of gradient checks
	{"nn", "tensor tensor/rng internal/format/safetensors"},
	{"optim", "tensor nn"},
	{"nnclr", "tensor tensor/rng nn"},
	{"nnclr/data/...", "tensor/rng nnclr/data/... internal/..."},
	{"nnclr/eval/...", "tensor tensor/rng autograd nn optim nnclr/data/... nnclr/eval/... backends/plan internal/..."},
	{"nnclr/train/...", "tensor tensor/rng autograd nn optim nnclr nnclr/data/... nnclr/eval nnclr/train/... " +
		"backends/plan backends/dist internal/..."},
	{"backends", "tensor backends/cpu backends/cuda backends/ref"},
	{"backends/backendtest", "tensor tensor/rng autograd backends/ref internal/..."},
	{"backends/cpu/...", "tensor tensor/rng internal/par internal/bf16 backends/cpu/..."},
	{"backends/cuda/...", "tensor tensor/rng internal/par internal/bf16 backends/cuda/..."},
	{"backends/ref", "tensor tensor/rng internal/par internal/bf16"},
	{"backends/plan", "tensor tensor/rng internal/par internal/bf16"},
	{"backends/dist/...", "tensor tensor/rng internal/par internal/bf16 backends/dist/..."},
	{"backends/trace", "tensor tensor/rng internal/par internal/bf16"},
	{"internal/bench/...", "*"},
	{"internal/doctor/...", "*"},
	{"internal/sweep/...", "*"},
	{"internal/dashboard/...", "*"},
	{"internal/golden", "tensor/rng internal/..."}, // a test helper whose numbers are Philox's
	{"internal/truth/...", "*"},                    // tests of everything against other programs
	{"internal/...", "internal/..."},
	{"cmd/...", "* cmd/..."},
	{"docs/...", "*"},
}

// modules outside that may be imported, each a decision (docs/decisions), and some by few only.
var modules = []struct{ path, only string }{
	{"golang.org/x/sys", ""}, {"golang.org/x/image", ""}, {"golang.org/x/term", ""},
	{"github.com/klauspost/cpuid/v2", ""}, {"github.com/spf13/cobra", ""}, {"github.com/spf13/pflag", ""},
	{"github.com/goccy/go-yaml", ""}, {"github.com/vbauerster/mpb/v8", ""}, {"github.com/gofrs/flock", ""},
	{"google.golang.org/protobuf", ""},
	{"github.com/ebitengine/purego", "backends/cuda/driver/libcuda backends/dist/mpi backends/dist/nccl internal/turbojpeg"},
}

// testModules may be imported by tests in addition.
var testModules = []string{"github.com/google/go-cmp", "github.com/rogpeppe/go-internal", "pgregory.net/rapid", "go.uber.org/goleak"}

// CheckImports lists imports against the rules.
func (s *Source) CheckImports() (faults []string) {
	for _, f := range s.Files {
		if f.Nested {
			continue
		}
		for _, spec := range f.syntax.Imports {
			target, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
			if why := refused(f, target); why != "" {
				faults = append(faults, fmt.Sprintf("%s: imports %s: %s", f.Path, target, why))
			}
		}
	}
	return faults
}

// refused says why a file may not import a package, "" if it may.
func refused(f *File, target string) string {
	if own, ok := strings.CutPrefix(target, Module+"/"); ok {
		if f.Test {
			return ""
		}
		return refusedOwn(f.Package, own)
	}
	if first, _, _ := strings.Cut(target, "/"); !strings.Contains(first, ".") {
		return "" // the standard library
	}
	for _, m := range modules {
		if within(target, m.path) {
			if m.only != "" && !matchAny(f.Package, m.only) {
				return "only " + m.only + " may"
			}
			return ""
		}
	}
	for _, m := range testModules {
		if (f.Test || isSuite(f.Package)) && within(target, m) {
			return ""
		}
	}
	return "not among the modules of docs/decisions"
}

// refusedOwn applies the first rule that fits the importing package. No rule is a fault, too: a new
// folder is a decision.
func refusedOwn(pkg, target string) string {
	if isSuite(target) && !isSuite(pkg) {
		return "only tests may"
	}
	for _, r := range rules {
		if !match(pkg, r.pkg) {
			continue
		}
		if matchAny(target, r.may) {
			return ""
		}
		return pkg + " may import: " + r.may
	}
	return "internal/size has no rule for " + pkg
}

// isSuite tells packages of tests that other packages' tests run.
func isSuite(pkg string) bool {
	return pkg == "backends/backendtest" || pkg == "nnclr/data/datatest" || pkg == "internal/golden" || pkg == "internal/testflag"
}

func matchAny(pkg, patterns string) bool {
	for _, p := range strings.Fields(patterns) {
		if match(pkg, p) {
			return true
		}
	}
	return false
}

func match(pkg, pattern string) bool {
	if pattern == "*" {
		return !within(pkg, "cmd")
	}
	if dir, ok := strings.CutSuffix(pattern, "/..."); ok {
		return within(pkg, dir)
	}
	return pkg == pattern
}

// CheckInternal lists exported functions and fields outside internal/ whose types come from
// internal/: nobody outside the module could name them.
func (s *Source) CheckInternal() (faults []string) {
	for _, f := range s.Files {
		if f.Test || f.Nested || f.Package == "cmd" || within(f.Package, "cmd") || isInternal(f.Package) {
			continue
		}
		hidden := hiddenNames(f)
		if len(hidden) == 0 {
			continue
		}
		for _, d := range f.syntax.Decls {
			for _, t := range exposed(d) {
				ast.Inspect(t, func(n ast.Node) bool {
					if x, ok := n.(*ast.SelectorExpr); ok {
						if id, ok := x.X.(*ast.Ident); ok && hidden[id.Name] {
							faults = append(faults, fmt.Sprintf("%s: %s.%s is part of an exported signature",
								s.Fset.Position(x.Pos()), id.Name, x.Sel.Name))
						}
					}
					return true
				})
			}
		}
	}
	return faults
}

func isInternal(pkg string) bool {
	return within(pkg, "internal") || strings.Contains("/"+pkg+"/", "/internal/")
}

// hiddenNames are the names by which a file calls packages of internal/.
func hiddenNames(f *File) map[string]bool {
	names := map[string]bool{}
	for _, spec := range f.syntax.Imports {
		target, _ := strconv.Unquote(spec.Path.Value)
		if own, ok := strings.CutPrefix(target, Module+"/"); ok && isInternal(own) {
			name := own[strings.LastIndex(own, "/")+1:]
			if spec.Name != nil {
				name = spec.Name.Name
			}
			names[name] = true
		}
	}
	return names
}

// exposed gives the types that a declaration shows to other packages: parameters and results of
// exported functions and methods, and exported fields and methods of exported types.
func exposed(d ast.Decl) (types []ast.Node) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d))) {
			types = append(types, d.Type)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			t, ok := spec.(*ast.TypeSpec)
			if !ok || !t.Name.IsExported() {
				continue
			}
			switch x := t.Type.(type) {
			case *ast.StructType:
				types = append(types, exportedFields(x.Fields)...)
			case *ast.InterfaceType:
				types = append(types, exportedFields(x.Methods)...)
			default:
				types = append(types, x)
			}
		}
	}
	return types
}

// exportedFields are the types of the fields that other packages can name.
func exportedFields(list *ast.FieldList) (types []ast.Node) {
	for _, field := range list.List {
		for _, name := range field.Names {
			if name.IsExported() {
				types = append(types, field.Type)
				break
			}
		}
	}
	return types
}
