package size

import (
	"go/ast"
	"go/token"
	"go/types"
)

// harmless tells loops over a map whose result is the same in any order, by the form of their body:
// collecting what is sorted afterwards, counting in whole numbers, setting an entry of another map
// under the loop's own key, deleting, setting a constant, and whatever stays inside the body. A sum
// of floats is not among them, nor is a return: which of two errors comes out is an order, too.
func (c *checker) harmless(d ast.Decl, loop *ast.RangeStmt) bool {
	o := order{c: c, decl: d, loop: loop}
	return o.block(loop.Body.List)
}

// An order looks at one loop.
type order struct {
	c    *checker
	decl ast.Decl
	loop *ast.RangeStmt
}

func (o order) block(list []ast.Stmt) bool {
	for _, s := range list {
		if !o.stmt(s) {
			return false
		}
	}
	return true
}

// stmt tells statements that do the same in any order. What it does not know it does not trust.
func (o order) stmt(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.DeclStmt:
		return true // its names are the body's own
	case *ast.AssignStmt:
		return o.assign(s)
	case *ast.IncDecStmt:
		return o.local(s.X) || o.integer(s.X)
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		return ok && (isDelete(call) || isSort(call) && len(call.Args) > 0 && o.local(call.Args[0]))
	case *ast.IfStmt:
		return (s.Init == nil || o.stmt(s.Init)) && o.block(s.Body.List) && (s.Else == nil || o.stmt(s.Else))
	case *ast.BlockStmt:
		return o.block(s.List)
	case *ast.RangeStmt:
		return o.block(s.Body.List)
	case *ast.BranchStmt:
		return s.Tok == token.CONTINUE
	}
	return false
}

// assign looks at each variable that a statement sets.
func (o order) assign(s *ast.AssignStmt) bool {
	for i, left := range s.Lhs {
		if o.local(left) {
			continue
		}
		var right ast.Expr
		if len(s.Rhs) == len(s.Lhs) {
			right = s.Rhs[i]
		}
		switch {
		case s.Tok == token.ADD_ASSIGN || s.Tok == token.SUB_ASSIGN:
			if !o.integer(left) {
				return false
			}
		case s.Tok != token.ASSIGN:
			return false
		case !o.ownEntry(left) && !o.constant(right) && !o.collected(left, right):
			return false
		}
	}
	return true
}

// local tells names that the loop itself declares, and parts of what they name.
func (o order) local(x ast.Expr) bool {
	id, ok := root(x).(*ast.Ident)
	if !ok {
		return false
	}
	obj := o.c.info.Defs[id]
	if obj == nil {
		obj = o.c.info.Uses[id]
	}
	return id.Name == "_" || obj != nil && o.loop.Pos() <= obj.Pos() && obj.Pos() < o.loop.End()
}

// root is the name that an expression begins with.
func root(x ast.Expr) ast.Expr {
	switch x := x.(type) {
	case *ast.IndexExpr:
		return root(x.X)
	case *ast.SelectorExpr:
		return root(x.X)
	case *ast.StarExpr:
		return root(x.X)
	}
	return x
}

// integer tells whole numbers: their sums are the same in any order, those of floats are not.
func (o order) integer(x ast.Expr) bool {
	t := o.c.info.Types[x].Type
	if t == nil {
		return false
	}
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsInteger != 0
}

// ownEntry tells m[key] of a map under the loop's key: no other turn of the loop sets it.
func (o order) ownEntry(x ast.Expr) bool {
	index, ok := x.(*ast.IndexExpr)
	if !ok || !o.c.unordered(index.X) {
		return false
	}
	key, ok := index.Index.(*ast.Ident)
	own, isIdent := o.loop.Key.(*ast.Ident)
	return ok && isIdent && key.Name == own.Name
}

// constant tells values that every turn of the loop would set alike.
func (o order) constant(x ast.Expr) bool {
	return x != nil && (o.c.info.Types[x].Value != nil || o.c.info.Types[x].IsNil())
}

// collected tells x = append(x, …) where x is sorted after the loop.
func (o order) collected(left, right ast.Expr) bool {
	call, ok := right.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return false
	}
	f, ok := call.Fun.(*ast.Ident)
	name := types.ExprString(left)
	return ok && f.Name == "append" && types.ExprString(call.Args[0]) == name && o.sortedLater(name)
}

// sortedLater looks for a call of a sort after the loop that names x: slices.Sort(x), or a loop over
// lists, x among them, that sorts each.
func (o order) sortedLater(x string) (found bool) {
	ast.Inspect(o.decl, func(n ast.Node) bool {
		if n == nil || n.End() < o.loop.End() || found {
			return false // lies before the loop's end as a whole
		}
		if n.Pos() < o.loop.End() {
			return true
		}
		switch n := n.(type) {
		case *ast.CallExpr:
			found = found || isSort(n) && mentions(n, x)
		case *ast.RangeStmt:
			found = found || mentions(n.X, x) && sorts(n.Body)
		}
		return !found
	})
	return found
}

func mentions(n ast.Node, name string) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if x, ok := n.(ast.Expr); ok && types.ExprString(x) == name {
			found = true
		}
		return !found
	})
	return found
}

func sorts(n ast.Node) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && isSort(call) {
			found = true
		}
		return !found
	})
	return found
}

// isSort tells the sorting functions of packages slices and sort.
func isSort(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := f.X.(*ast.Ident)
	if !ok {
		return false
	}
	switch pkg.Name + "." + f.Sel.Name {
	case "slices.Sort", "slices.SortFunc", "slices.SortStableFunc", "slices.Sorted",
		"sort.Strings", "sort.Ints", "sort.Float64s", "sort.Slice", "sort.SliceStable", "sort.Sort", "sort.Stable":
		return true
	}
	return false
}

func isDelete(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.Ident)
	return ok && f.Name == "delete"
}
