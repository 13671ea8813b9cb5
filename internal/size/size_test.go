package size

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"
)

// report fails the test with all faults.
func report(t *testing.T, faults []string) {
	t.Helper()
	if len(faults) > 0 {
		t.Errorf("%d faults:\n%s", len(faults), strings.Join(faults, "\n"))
	}
}

func kith(t *testing.T) *Source {
	t.Helper()
	s, err := Read(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Files) < 100 {
		t.Fatalf("only %d files: this is not the top of the module", len(s.Files))
	}
	return s
}

func TestSizes(t *testing.T) {
	s := kith(t)
	report(t, s.CheckSizes())
	if testing.Verbose() {
		t.Logf("\n%s", Format(s.Table(), lastCommit(t)))
	}
}

func TestDocs(t *testing.T)     { report(t, kith(t).CheckDocs()) }
func TestImports(t *testing.T)  { report(t, kith(t).CheckImports()) }
func TestInternal(t *testing.T) { report(t, kith(t).CheckInternal()) }
func TestMaps(t *testing.T)     { report(t, kith(t).CheckMaps()) }

// lastCommit measures the source at HEAD; nil where there is no git or no repository.
func lastCommit(t *testing.T) []Row {
	out, err := exec.Command("git", "-C", "../..", "archive", "HEAD", "--", ":(top,glob)**/*.go", ":(top,glob)**/go.mod").Output()
	if err != nil {
		t.Logf("no comparison with the last commit: %v", err)
		return nil
	}
	files := fstest.MapFS{}
	for r := tar.NewReader(bytes.NewReader(out)); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if head.Typeflag == tar.TypeReg {
			files[head.Name] = &fstest.MapFile{Data: text}
		}
	}
	s, err := Read(files)
	if err != nil {
		t.Fatal(err)
	}
	return s.Table()
}
