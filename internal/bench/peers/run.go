package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// record is one line of JSON that a peer prints.
type record struct {
	Peer      string  `json:"peer"`
	Version   string  `json:"version"`
	Shape     string  `json:"shape"`
	Pass      string  `json:"pass"`
	GFLOPS    float64 `json:"gflops"`
	Winograd  bool    `json:"winograd"`     // kith: 3×3 of stride 1
	OfPeak    float64 `json:"percent_peak"` // kith: of multiply-adds in registers, between its runs
	ViewsBest float64 `json:"views_per_s_best"`
	PeakGiB   float64 `json:"peak_gib"`
	Compiled  bool    `json:"compile"` // PyTorch: by torch.compile
}

// mode says how PyTorch ran.
func (r record) mode() string {
	if r.Compiled {
		return "compiled"
	}
	return "eager"
}

// kith builds the command and gives its path.
func kith() (path string, done func(), err error) {
	dir, err := os.MkdirTemp("", "peers")
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(dir, "pretrain")
	build := exec.Command("go", "build", "-o", path, "./cmd/pretrain")
	build.Dir = "../../.."
	if out, err := build.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("building kith: %w\n%s", err, out)
	}
	return path, func() { os.RemoveAll(dir) }, nil
}

// run runs a command and reads the JSON lines it prints.
func run(name string, args ...string) ([]record, error) {
	cmd := exec.Command(name, args...)
	// These force kernels for other machines, which would make the peer look slow.
	cmd.Env = without(os.Environ(), "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, tail(problems.String(), 600))
	}
	var records []record
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		var r record
		if json.Unmarshal(lines.Bytes(), &r) == nil {
			records = append(records, r)
		}
	}
	return records, lines.Err()
}

func without(env []string, names ...string) (kept []string) {
	for _, e := range env {
		drop := false
		for _, n := range names {
			drop = drop || strings.HasPrefix(e, n+"=")
		}
		if !drop {
			kept = append(kept, e)
		}
	}
	return kept
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
