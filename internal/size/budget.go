package size

import (
	"fmt"
	"path"
	"sort"
	"strings"
)

// Budgets, in lines.
const (
	funcMedian = 12
	funcP90    = 45
	funcMax    = 80
	fileP90    = 400
	fileMax    = 800
	passMax    = 150 // code lines of a planner's pass

	// testShare is the least lines of tests for 100 lines of code. The goal is 100; raise this with
	// what is there, so that the share never falls.
	testShare = 60
)

// exempt tells files that may be long, and whose functions may be: tests, what a program wrote,
// programs that write (their length is that of their output's patterns), and kernels, which are
// long where a loop is written out.
func (f *File) exempt() bool {
	return f.Test || f.Generated || f.Nested || f.kernel()
}

func (f *File) kernel() bool { return within(f.Package, "backends/cpu/internal") }

// within tells a package in a folder, or the folder's own. Comparing text alone would put nnclrx
// into nnclr.
func within(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }

// CheckSizes lists what is over budget.
func (s *Source) CheckSizes() (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	var funcs, files []int
	for _, f := range s.Files {
		if f.exempt() {
			continue
		}
		files = append(files, f.Lines)
		if f.Lines > fileMax {
			fault("%s has %d lines, at most %d", f.Path, f.Lines, fileMax)
		}
		if isPass(f) && f.Code > passMax {
			fault("%s: a pass of %d lines of code, at most %d", f.Path, f.Code, passMax)
		}
		for _, fn := range f.Funcs {
			funcs = append(funcs, fn.Lines)
			if fn.Lines > funcMax {
				fault("%s:%d: %s has %d lines, at most %d", f.Path, fn.Line, fn.Name, fn.Lines, funcMax)
			}
		}
	}
	for _, c := range []struct {
		what string
		got  int
		most int
	}{
		{"median of functions", quantile(funcs, 0.5), funcMedian},
		{"90th percentile of functions", quantile(funcs, 0.9), funcP90},
		{"90th percentile of files", quantile(files, 0.9), fileP90},
	} {
		if c.got > c.most {
			fault("%s is %d lines, at most %d", c.what, c.got, c.most)
		}
	}
	if code, tests := s.balance(); 100*tests < testShare*code {
		fault("%d lines of tests for %d lines of code, at least %d %%", tests, code, testShare)
	}
	return faults
}

// passes of the planner, by file.
var passes = map[string]bool{
	"dead.go": true, "cse.go": true, "remat.go": true, "fuse.go": true, "lower.go": true,
	"direct.go": true, "place.go": true,
}

func isPass(f *File) bool { return f.Package == "backends/plan" && passes[path.Base(f.Path)] }

// balance is the lines of code that people wrote and the lines of tests for them.
func (s *Source) balance() (code, tests int) {
	for _, f := range s.Files {
		switch {
		case f.Generated || f.Nested:
		case f.Test || isSuite(f.Package):
			tests += f.Code // conformance suites are tests that others call
		default:
			code += f.Code
		}
	}
	return code, tests
}

// quantile is the smallest of the numbers that a share q of them does not exceed; 0 of none.
func quantile(v []int, q float64) int {
	if len(v) == 0 {
		return 0
	}
	v = append([]int(nil), v...)
	sort.Ints(v)
	at := int(q*float64(len(v)) + 0.9999999) // rounded up
	return v[max(at, 1)-1]
}
