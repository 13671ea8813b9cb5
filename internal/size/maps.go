package size

import (
	"fmt"
	"go/ast"
	"go/types"
	"path"
	"strings"
)

// engine is where numbers are made. There the order of a map must not reach a result.
var engine = []string{"tensor", "autograd", "nn", "optim", "nnclr", "backends"}

// leave is the comment by which a loop says that its order does not matter, and why:
//
//	for name := range set { // any order: sorted below
const leave = "any order: "

// CheckMaps lists loops over maps in engine packages whose order may reach a result: those that
// neither are harmless by their form (see order.go) nor say why they are.
func (s *Source) CheckMaps() (faults []string) {
	c := &checker{source: s, done: map[string]*types.Package{}, info: types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
	}}
	for _, f := range s.Files {
		if f.Test || f.Nested || !isEngine(f.Package) || within(f.Package, "backends/backendtest") {
			continue
		}
		c.Import(Module + "/" + f.Package)
		says := s.linesSaying(f, leave)
		for _, d := range f.syntax.Decls {
			for _, loop := range c.mapLoops(d) {
				line := s.Fset.Position(loop.Pos()).Line
				if !says[line] && !says[line-1] && !c.harmless(d, loop) {
					faults = append(faults, fmt.Sprintf("%s:%d: range over a map: sort the keys, or say \"// %s…\"", f.Path, line, leave))
				}
			}
		}
	}
	return faults
}

// isEngine tells packages whose results must not depend on an order.
func isEngine(pkg string) bool {
	for _, dir := range engine {
		if within(pkg, dir) {
			return true
		}
	}
	return false
}

// linesSaying gives the lines with a comment that contains text.
func (s *Source) linesSaying(f *File, text string) map[int]bool {
	lines := map[int]bool{}
	for _, group := range f.syntax.Comments {
		for _, c := range group.List {
			if strings.Contains(c.Text, text) {
				lines[s.Fset.Position(c.Pos()).Line] = true
			}
		}
	}
	return lines
}

// A checker finds the types of expressions. It knows kith's own packages; those outside it takes for
// empty and goes on past the errors, since all it asks is whether an expression is a map.
type checker struct {
	source *Source
	done   map[string]*types.Package
	info   types.Info
}

// Import type-checks a package, once.
func (c *checker) Import(target string) (*types.Package, error) {
	if p := c.done[target]; p != nil {
		return p, nil
	}
	dir := strings.TrimPrefix(target, Module+"/")
	var files []*ast.File
	for _, f := range c.source.Files {
		if f.Package == dir && !f.Test && !f.Nested {
			files = append(files, f.syntax)
		}
	}
	if len(files) == 0 || dir == target {
		p := types.NewPackage(target, path.Base(target))
		p.MarkComplete()
		c.done[target] = p
		return p, nil
	}
	conf := types.Config{Importer: c, Error: func(error) {}}
	p, _ := conf.Check(target, c.source.Fset, files, &c.info)
	c.done[target] = p
	return p, nil
}

// mapLoops lists the loops over maps in a declaration.
func (c *checker) mapLoops(d ast.Decl) (loops []*ast.RangeStmt) {
	ast.Inspect(d, func(n ast.Node) bool {
		if loop, ok := n.(*ast.RangeStmt); ok && c.unordered(loop.X) {
			loops = append(loops, loop)
		}
		return true
	})
	return loops
}

// unordered tells maps, and the iterators of package maps, which hide one.
func (c *checker) unordered(x ast.Expr) bool {
	if call, ok := x.(*ast.CallExpr); ok {
		if f, ok := call.Fun.(*ast.SelectorExpr); ok {
			if id, ok := f.X.(*ast.Ident); ok && id.Name == "maps" {
				return true
			}
		}
	}
	t := c.info.Types[x].Type
	if t == nil {
		return false
	}
	if p, ok := t.Underlying().(*types.TypeParam); ok {
		t = p.Constraint()
	}
	_, ok := t.Underlying().(*types.Map)
	return ok
}
