package emit

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Every program must write the very files that are committed.
func TestRegenerate(t *testing.T) {
	programs, err := filepath.Glob("../*/main.go")
	if err != nil || len(programs) == 0 {
		t.Fatal("no programs found", err)
	}
	for _, main := range programs {
		dir := filepath.Dir(main)
		name, to := filepath.Base(dir), t.TempDir()
		t.Run(name, func(t *testing.T) {
			run := exec.Command("go", "run", ".", "-to", to)
			run.Dir = dir
			if out, err := run.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			written, err := filepath.Glob(filepath.Join(to, "*"))
			if err != nil || len(written) != 2 {
				t.Fatal("the program wrote", written, err)
			}
			for _, path := range written {
				fresh, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				old, err := os.ReadFile(filepath.Join("../..", filepath.Base(path)))
				if err != nil || !bytes.Equal(fresh, old) {
					t.Errorf("%s is stale; run: cd asmgen/%s && go run .", filepath.Base(path), name)
				}
			}
		})
	}
}
