package rundir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"kith/internal/fsys"
)

const (
	lockName  = "LOCK"
	lockLimit = 4096 // bytes of its text
)

// A LockedError says that another process holds the lock of a run directory (exit code 11). PID and
// Host are what that process wrote about itself, zero where it could not be read.
type LockedError struct {
	Path string // of the run directory
	Holder
}

// Error names the holder, so that the user can look at that process, or wait for it.
func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s is in use by another process", e.Path)
	}
	return fmt.Sprintf("%s is in use by process %d on host %s", e.Path, e.PID, e.Host)
}

// A Holder is the text in LOCK. It is advice: only the lock itself counts, and that is gone the
// moment its process ends, however it ends.
type Holder struct {
	PID  int
	Host string
	Boot string // boot id where the system has one: after a restart the PID means nothing
}

// acquire takes the lock. On a file system without locks it warns and goes on: refusing to train
// there would help nobody.
func acquire(path string, warn func(string)) (*flock.Flock, error) {
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR))
	ok, err := tryLock(lock)
	switch {
	case ok:
		writeHolder(path)
		return lock, nil
	case err == nil:
		return nil, &LockedError{filepath.Dir(path), readHolder(path)}
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.ENOLCK):
		if warn != nil {
			warn(fmt.Sprintf("%s: this file system has no locks; nothing stops a second writer", path))
		}
		return nil, nil
	}
	return nil, err
}

// tryLock takes the lock unless a writer has it. Held looks at a lock by sharing it for microseconds,
// so a refusal may be a looker's: then the lock can be shared, and another try is due.
func tryLock(lock *flock.Flock) (ok bool, err error) {
	for range 1000 {
		if ok, err := lock.TryLock(); ok || err != nil {
			return ok, err
		}
		shared, err := lock.TryRLock()
		if !shared || err != nil {
			return false, err
		}
		if err := lock.Unlock(); err != nil {
			return false, err
		}
		time.Sleep(time.Millisecond)
	}
	return false, nil // looked at all the time for a second: something else is wrong there
}

// writeHolder notes who holds the lock, in place: a rename would part the name from the locked file.
// Errors do not matter, and on Windows a locked file cannot be written through a second handle.
func writeHolder(path string) {
	host, _ := os.Hostname()
	os.WriteFile(path, []byte(fmt.Sprintf("pid %d\nhost %s\nboot %s\n", os.Getpid(), host, bootID())), 0o666)
}

// readHolder takes what it can read: a holder may be in the middle of writing it.
func readHolder(path string) Holder {
	text, _ := fsys.ReadFile(fsys.OS{}, path, lockLimit)
	var h Holder
	for _, line := range strings.Split(string(text), "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "pid":
			h.PID, _ = strconv.Atoi(value)
		case "host":
			h.Host = value
		case "boot":
			h.Boot = value
		}
	}
	return h
}

// bootID is Linux's name for this boot, "" elsewhere.
func bootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b))
}

// Held tells whether some process is writing to the run directory at path, and which.
func Held(path string) (Holder, bool) {
	name := filepath.Join(path, lockName)
	if _, err := os.Stat(name); err != nil {
		return Holder{}, false // looking must not create the file
	}
	lock := flock.New(name, flock.SetFlag(os.O_RDONLY))
	defer lock.Close()
	free, err := lock.TryRLock()
	if free || err != nil {
		return Holder{}, false
	}
	return readHolder(name), true
}
