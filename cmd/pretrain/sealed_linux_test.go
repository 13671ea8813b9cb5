package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSealed: a folder that may not be read, seen by a user who is not root. The script of errors tests the same where
// the tests themselves are run by such a user.
func TestSealed(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("not root: testdata/script/errors.txt tests this")
	}
	dir := t.TempDir()
	sealed, bin := filepath.Join(dir, "sealed"), filepath.Join(dir, "pretrain")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755), os.Mkdir(sealed, 0o700),
		os.WriteFile(filepath.Join(sealed, "a.png"), nil, 0o600), os.WriteFile(bin, self, 0o755)); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	c := exec.Command(bin, sealed, "--out", filepath.Join(dir, "run"))
	c.Dir, c.Stderr = dir, &errs
	const nobody = 65534
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	err = c.Run()
	if c.ProcessState == nil {
		t.Skipf("no process as another user: %v", err)
	}
	want := "pretrain: " + sealed + ": permission denied\n  hint: chmod -R u+rX  lets you read it\n"
	if code := c.ProcessState.ExitCode(); code != exitData || errs.String() != want {
		t.Errorf("exit %d, want %d:\n%s", code, exitData, strings.TrimSpace(errs.String()))
	}
	if _, err := os.Stat(filepath.Join(dir, "run")); err == nil {
		t.Error("a run directory was made though nothing was started")
	}
}
