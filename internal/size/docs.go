package size

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

// An export is an exported name and whether it is explained.
type export struct {
	name       string
	line       int
	documented bool
}

// CheckDocs lists exported names without a doc comment, and packages without a package comment.
func (s *Source) CheckDocs() (faults []string) {
	has, seen := map[string]bool{}, map[string]string{}
	for _, f := range s.Files {
		if f.Test || f.Nested || f.Generated {
			continue
		}
		if seen[f.Package] == "" {
			seen[f.Package] = f.Path
		}
		has[f.Package] = has[f.Package] || f.syntax.Doc.Text() != ""
		for _, e := range s.exported(f) {
			if !e.documented {
				faults = append(faults, fmt.Sprintf("%s:%d: %s has no doc comment", f.Path, e.line, e.name))
			}
		}
	}
	for _, f := range s.Files { // in order of paths
		if seen[f.Package] == f.Path && !has[f.Package] {
			faults = append(faults, fmt.Sprintf("%s: package has no package comment", f.Package))
		}
	}
	return faults
}

// exported lists the exported names of a file.
func (s *Source) exported(f *File) (list []export) {
	if f.Test || f.Nested || f.Generated || f.syntax.Name.Name == "main" {
		return nil
	}
	note := func(name *ast.Ident, documented bool) {
		if name.IsExported() {
			list = append(list, export{name.Name, s.Fset.Position(name.Pos()).Line, documented})
		}
	}
	types := documentedTypes(f)
	for _, d := range f.syntax.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv != nil && !ast.IsExported(receiver(d)) {
				continue // reached through an interface only, which says what it does
			}
			note(d.Name, d.Doc.Text() != "" || explained(d, types))
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				noteSpec(d, spec, note)
			}
		}
	}
	return list
}

// noteSpec notes the names of a type, constant or variable. A comment on a group, or at the end of
// the line, is one for each name in it.
func noteSpec(d *ast.GenDecl, spec ast.Spec, note func(*ast.Ident, bool)) {
	group := d.Doc.Text() != ""
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		note(spec.Name, group && len(d.Specs) == 1 || spec.Doc.Text() != "" || spec.Comment.Text() != "" || group && d.Tok == token.TYPE)
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			note(name, group || spec.Doc.Text() != "" || spec.Comment.Text() != "")
		}
	}
}

// contracts are methods that every reader knows, from the standard library's interfaces, and those
// of ops and backends, which tensor.Op and tensor.Backend explain once for all.
var contracts = words(`Error String Unwrap Is As Read ReadAt Write Close Seek Size Len Less Swap
	MarshalJSON UnmarshalJSON MarshalText UnmarshalText ServeHTTP
	Infer Eval VJP At Columns Decompose Offset
	Name Alloc Free Run Upload Download Sync Runs Lower Capture Exact Unwrap
	Forward Loss Apply Slots Rank Size AllReduce AllGather Broadcast Barrier Abort`)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(text) {
		set[w] = true
	}
	return set
}

// explained tells methods that need no comment of their own: those of a contract, and the verb of a
// tensor (x.Tanh()) beside the op of that name.
func explained(d *ast.FuncDecl, types map[string]bool) bool {
	return d.Recv != nil && contracts[d.Name.Name] || d.Recv != nil && receiver(d) == "Tensor" && types[d.Name.Name]
}

// documentedTypes names the types of a file that have a doc comment.
func documentedTypes(f *File) map[string]bool {
	types := map[string]bool{}
	for _, d := range f.syntax.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		for _, spec := range g.Specs {
			t := spec.(*ast.TypeSpec)
			types[t.Name.Name] = g.Doc.Text() != "" || t.Doc.Text() != ""
		}
	}
	return types
}
