package fsys

import "golang.org/x/sys/windows"

func syncDir(string) error { return nil }

func free(dir string) (int64, error) {
	p, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, &PathError{Op: "statfs", Path: dir, Err: err}
	}
	var avail uint64
	if err := windows.GetDiskFreeSpaceEx(p, &avail, nil, nil); err != nil {
		return 0, &PathError{Op: "statfs", Path: dir, Err: err}
	}
	return int64(avail), nil
}
