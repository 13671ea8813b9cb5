//go:build unix

package fsys

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncDir opens the folder for reading, which is enough for fsync.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

func free(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, &PathError{Op: "statfs", Path: dir, Err: err}
	}
	// Bavail, not Bfree: the rest is reserved for root. Types differ between systems.
	return int64(s.Bavail) * int64(s.Bsize), nil
}
