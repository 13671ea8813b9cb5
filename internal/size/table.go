package size

import (
	"fmt"
	"sort"
	"strings"
)

// A Row sums up one package.
type Row struct {
	Package               string
	Files, Code, Comments int // without tests and generated files
	Tests, Generated      int // lines of code
	Median, P90, Max      int // lines of functions
	LongestFile           int
	Documented, Exported  int
	budget                int // lines of code, 0 for none
}

// budgets of packages, printed beside what they have.
var budgets = map[string]int{"tensor": 3500, "backends/plan": 1500, "autograd": 300, "cmd/pretrain": 3000}

// Table sums up every package, by path, and all together in the last row.
func (s *Source) Table() []Row {
	rows, funcs := map[string]*Row{}, map[string][]int{}
	for _, f := range s.Files {
		for _, name := range []string{f.Package, "~ all"} {
			r := rows[name]
			if r == nil {
				r = &Row{Package: name, budget: budgets[name]}
				rows[name] = r
			}
			r.add(s, f)
			if !f.Test && !f.Generated {
				for _, fn := range f.Funcs {
					funcs[name] = append(funcs[name], fn.Lines)
				}
			}
		}
	}
	var list []Row
	for name, r := range rows { // any order: sorted below
		r.Median, r.P90, r.Max = quantile(funcs[name], 0.5), quantile(funcs[name], 0.9), quantile(funcs[name], 1)
		list = append(list, *r)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Package < list[j].Package })
	return list
}

// add counts a file to the row. Generated code is kept apart: nobody reads it.
func (r *Row) add(s *Source, f *File) {
	switch {
	case f.Test:
		r.Tests += f.Code
	case f.Generated:
		r.Generated += f.Code
	default:
		r.Files++
		r.Code += f.Code
		r.Comments += f.Comments
		r.LongestFile = max(r.LongestFile, f.Lines)
		for _, e := range s.exported(f) {
			r.Exported++
			if e.documented {
				r.Documented++
			}
		}
	}
}

// Format prints a table, and beside each number of code lines how it differs from before, which may
// be nil.
func Format(rows, before []Row) string {
	old := map[string]Row{}
	for _, r := range before {
		old[r.Package] = r
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-34s %5s %7s %7s %6s %7s %7s  %-14s %7s %9s\n",
		"package", "files", "code", "", "notes", "tests", "made", "function lines", "longest", "docs")
	for _, r := range rows {
		change := ""
		if before != nil && r.Code != old[r.Package].Code {
			change = fmt.Sprintf("%+d", r.Code-old[r.Package].Code)
		}
		fmt.Fprintf(&b, "%-34s %5d %7d %7s %5d%% %7d %7d  %3d /%3d /%4d %7d %4d/%d",
			r.Package, r.Files, r.Code, change, share(r.Comments, r.Code+r.Comments), r.Tests, r.Generated,
			r.Median, r.P90, r.Max, r.LongestFile, r.Documented, r.Exported)
		if r.budget > 0 {
			fmt.Fprintf(&b, "   budget %d", r.budget)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// share is n of all in percent.
func share(n, all int) int {
	if all == 0 {
		return 0
	}
	return (100*n + all/2) / all
}
