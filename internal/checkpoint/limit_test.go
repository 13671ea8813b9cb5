//go:build unix

package checkpoint

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kith/internal/testflag"
)

var limitTo = flag.String("limit-to", "", "for the process that TestFileSizeLimit starts: save here under a limit")

// TestLimitHelper is that process: its files may have 1 MB, and it saves 3 MB.
func TestLimitHelper(t *testing.T) {
	if *limitTo == "" {
		t.Skip("started by TestFileSizeLimit only")
	}
	limit := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	s := &Store{Dir: *limitTo}
	for n := 1; n <= 3; n++ {
		err := s.Save(2, files(2, 3<<20), Meta{})
		var e *Error
		if !errors.Is(err, syscall.EFBIG) || !errors.As(err, &e) || e.Fatal != (n == 3) {
			t.Errorf("save %d: got %v, want EFBIG", n, err)
		}
	}
	fmt.Println("\nlived on")
}

// A limit on file sizes sends a signal whose default is death. Go takes it as an error of the write,
// so the process goes on and the older checkpoint is untouched.
func TestFileSizeLimit(t *testing.T) {
	s, _ := newStore(t)
	mustSave(t, s, 0, 1)
	out, err := exec.Command(os.Args[0], "-test.run=^TestLimitHelper$", "-limit-to="+s.Dir).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "\nlived on\n") {
		t.Errorf("%v\n%s", err, out)
	}
	mustLoad(t, s, 1)
	if got := strings.Join(list(t, s), " "); got != "LATEST "+Name(1) {
		t.Errorf("left over: %s", got)
	}
}

// large are three files of together size bytes, of zeros: their contents cost nothing to make.
func large(size int64) (list []File) {
	for _, name := range fileNames {
		list = append(list, File{name, size / 3, func(w io.Writer) error {
			_, err := io.CopyN(w, zeros{}, size/3)
			return err
		}})
	}
	return list
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// A ResNet-50's checkpoint of 400 MB is saved within the 20 seconds that a machine which is taken
// away grants.
func TestLarge(t *testing.T) {
	if !testflag.Long() {
		t.Skip("-long: writes 400 MB")
	}
	s, _ := newStore(t)
	begin := time.Now()
	if err := s.Save(1, large(400<<20), Meta{}); err != nil {
		t.Fatal(err)
	}
	saved := time.Since(begin)
	if _, err := s.Load(); err != nil {
		t.Fatal(err)
	}
	t.Logf("saved in %v, checked in %v", saved, time.Since(begin)-saved)
	if saved > 20*time.Second {
		t.Errorf("saving took %v", saved)
	}
}

func BenchmarkSave(b *testing.B) {
	s := &Store{Dir: filepath.Join(b.TempDir(), "checkpoints"), Keep: 1}
	b.SetBytes(30 << 20)
	for i := range b.N {
		if err := s.Save(i, large(30<<20), Meta{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	s := &Store{Dir: filepath.Join(b.TempDir(), "checkpoints")}
	if err := s.Save(1, large(30<<20), Meta{}); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(30 << 20)
	for range b.N {
		if _, err := s.Load(); err != nil {
			b.Fatal(err)
		}
	}
}
