package doctor

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func clock() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}

// TestThisMachine: every check answers on whatever machine runs the tests, in one line, and leaves nothing behind.
func TestThisMachine(t *testing.T) {
	dir := t.TempDir()
	n := 0
	err := Run(t.Context(), Checks(filepath.Join(dir, "runs", "new"), clock()), func(f Finding) error {
		n++
		if f.Name == "" || f.Text == "" || strings.Contains(f.Text, "\n") || f.Status == Trouble && f.Hint == "" {
			t.Errorf("%+v is not a complete line", f)
		}
		return nil
	})
	if err != nil || n != len(Checks(dir, clock())) {
		t.Errorf("%d findings, %v", n, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := existing(filepath.Join(file, "runs")); got != filepath.Dir(file) {
		t.Errorf("the folder to look at is %s, want %s", got, filepath.Dir(file))
	}
	dir := filepath.Join(filepath.Dir(file), "sealed")
	if err := os.Mkdir(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		t.Skip("root may write anywhere")
	}
	if f := locks(dir); f.Status != Trouble || f.Hint == "" {
		t.Errorf("%+v for a folder that cannot be written", f)
	}
}

func TestStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Run(ctx, Checks(".", clock()), func(Finding) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v after cancel", err)
	}
}

func TestPrint(t *testing.T) {
	var b bytes.Buffer
	if err := (Finding{Trouble, "disk", "1 MiB free", "--out DIR"}).Print(&b); err != nil {
		t.Fatal(err)
	}
	if want := "!!  disk       1 MiB free\n      hint: --out DIR\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
