// Package testflag holds the flags that all of kith's tests share:
//
//	go test ./... -long                  the full forms of the tests
//	go test ./... -require cuda,avx512   skips of these names are failures
//	go test ./... -seed 7                replays a random test
//	go test ./... -digest DIR            compares results with those of another processor
//
// The go command hands these flags to every test binary, and a binary that does
// not know a flag fails. So each package with tests has a file testflag_test.go
// that imports this one; TestEveryPackage says which do not.
package testflag

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var (
	long    = flag.Bool("long", false, "run the full forms of the tests")
	require = flag.String("require", "", "names, joined by commas, of what must be tested: a skip for want of one is a failure")
	seed    = flag.Uint64("seed", 0, "seed of random tests; 0 is 1, or a fresh one with -long")
	digests = flag.String("digest", "", "folder for digests of results: a file that is missing is written, one that is there is compared")
)

// Long reports whether to run the full form of a test.
func Long() bool { return *long }

// Require reports whether -require names the thing, so that its tests must run.
func Require(name string) bool {
	return slices.Contains(strings.Split(*require, ","), name)
}

// Need skips the test for want of the named thing, or fails it if -require
// names it. It is called where the thing was found missing; why says how.
func Need(t testing.TB, name, why string) {
	t.Helper()
	if Require(name) {
		t.Fatalf("-require %s: %s", name, why)
	}
	t.Skipf("no %s: %s", name, why)
}

// Seed returns the seed for a random test and logs it, so that a failure shows
// how to replay it. Without -seed it is 1, which keeps plain runs repeatable;
// -long draws a fresh one each time, which is how new cases are found.
func Seed(t testing.TB) uint64 {
	t.Helper()
	s := *seed
	switch {
	case s == 0 && *long:
		s = rand.Uint64() | 1
	case s == 0:
		s = 1
	}
	t.Logf("replay with -seed %d", s)
	return s
}

// Digest compares lines that stand for the results of a test, in bits, with the file of that name in
// the folder of -digest, which a run on another kind of processor has written. The first run writes
// it; without -digest nothing happens.
func Digest(t testing.TB, name string, lines []string) {
	t.Helper()
	if *digests == "" {
		return
	}
	file := filepath.Join(*digests, name)
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		err = os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	if text == nil {
		return
	}
	want := strings.Split(string(text), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d digests, %d in %s", len(lines), len(want), file)
	}
	for i, l := range lines {
		if l != want[i] {
			t.Errorf("got %s, want %s", l, want[i])
		}
	}
}
