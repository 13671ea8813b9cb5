// Package size measures the source of kith and checks the rules that a machine can check: how large
// functions and files are, who imports whom, what is documented, and where the order of a map could
// reach a result. It reads source as it lies on disk, whatever the build tags.
//
//	go test ./internal/size -v      the table, and how it differs from the last commit
package size

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"sort"
	"strings"
)

// Module is the path of the root module.
const Module = "kith"

// A Source is all Go files of the module, without nested modules and testdata.
type Source struct {
	Fset  *token.FileSet
	Files []*File // by path
}

// A File is one Go file.
type File struct {
	Path      string // slashes, from the top of the module
	Package   string // folder, "." for the top
	Lines     int    // all, blank ones included
	Code      int    // lines with code, also if a comment follows
	Comments  int    // lines with nothing but comment
	Test      bool
	Generated bool
	Nested    bool // in a nested module: measured as a generator, not part of the import graph
	Funcs     []Func

	syntax *ast.File
}

// A Func is one function or method.
type Func struct {
	Name  string // with the receiver: Queue.Push
	Line  int
	Lines int // from func to the closing brace
}

// Read parses every Go file below the root of a module.
func Read(root fs.FS) (*Source, error) {
	s := &Source{Fset: token.NewFileSet()}
	nested := map[string]bool{}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != "." && (base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_') {
				return fs.SkipDir
			}
			if _, err := fs.Stat(root, path.Join(name, "go.mod")); err == nil && name != "." || nested[path.Dir(name)] {
				nested[name] = true
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") {
			return nil
		}
		f, err := s.readFile(root, name)
		if err == nil {
			f.Nested = nested[path.Dir(name)]
			s.Files = append(s.Files, f)
		}
		return err
	})
	sort.Slice(s.Files, func(i, j int) bool { return s.Files[i].Path < s.Files[j].Path })
	return s, err
}

// generated is the line by which Go tools know generated files.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// readFile parses and measures one file.
func (s *Source) readFile(root fs.FS, name string) (*File, error) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return nil, err
	}
	syntax, err := parser.ParseFile(s.Fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	f := &File{
		Path: name, Package: path.Dir(name), syntax: syntax,
		Test: strings.HasSuffix(name, "_test.go"), Generated: generated.Match(text),
	}
	f.countLines(text)
	for _, d := range syntax.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			begin, end := s.Fset.Position(fn.Pos()).Line, s.Fset.Position(fn.End()).Line
			f.Funcs = append(f.Funcs, Func{funcName(fn), begin, end - begin + 1})
		}
	}
	return f, nil
}

// countLines sorts lines into code, comment and blank. The scanner knows what is what; matching
// text would take // inside a raw string for a comment.
func (f *File) countLines(text []byte) {
	var s scanner.Scanner
	fset := token.NewFileSet()
	file := fset.AddFile("", fset.Base(), len(text))
	s.Init(file, text, nil, scanner.ScanComments)
	code, comment := map[int]bool{}, map[int]bool{}
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			break
		}
		if tok == token.SEMICOLON && lit == "\n" {
			continue // inserted by the scanner
		}
		mark := code
		if tok == token.COMMENT {
			mark = comment
		}
		line := file.Line(pos)
		for i := range strings.Count(lit, "\n") + 1 {
			mark[line+i] = true
		}
	}
	f.Lines, f.Code = strings.Count(string(text), "\n"), len(code)
	for line := range comment { // any order: counted
		if !code[line] {
			f.Comments++
		}
	}
}

func funcName(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	return receiver(fn) + "." + fn.Name.Name
}

// receiver is the name of a method's type.
func receiver(fn *ast.FuncDecl) string {
	t := fn.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}
