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
			for _, suffix := range []string{"_amd64.s", "_amd64.go"} {
				fresh, err := os.ReadFile(filepath.Join(to, name+suffix))
				if err != nil {
					t.Fatal(err)
				}
				old, err := os.ReadFile(filepath.Join("../..", name+suffix))
				if err != nil || !bytes.Equal(fresh, old) {
					t.Errorf("%s%s is stale; run: cd asmgen/%s && go run .", name, suffix, name)
				}
			}
		})
	}
}
