package fsys

import (
	"fmt"
	"math/rand/v2"
	"os"
)

// OS is the file system of the machine.
type OS struct{}

// Create makes a new file; O_EXCL guards against writing into somebody else's.
func (OS) Create(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err // not f: a nil *os.File in a File is not nil
	}
	return f, nil
}

// Open opens a file for reading and notes its size.
func (OS) Open(name string) (Reader, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &PathError{Op: "open", Path: name, Err: fmt.Errorf("not a regular file")}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return osReader{f, info.Size()}, nil
}

type osReader struct {
	*os.File
	size int64
}

func (r osReader) Size() int64 { return r.size }

// ReadDir lists a folder. Symbolic links count as files: kith makes none.
func (OS) ReadDir(name string) ([]Entry, error) {
	list, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(list))
	for i, e := range list {
		entries[i] = Entry{Name: e.Name(), Dir: e.IsDir()}
	}
	return entries, nil
}

// Mkdir makes one folder.
func (OS) Mkdir(name string) error { return os.Mkdir(name, 0o777) }

// Rename moves a file or folder within one file system.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove removes a file or an empty folder.
func (OS) Remove(name string) error { return os.Remove(name) }

// SyncDir makes the entries of a folder durable. Windows knows no such call: there it does nothing,
// and a rename is as safe as NTFS's own journal makes it.
func (OS) SyncDir(name string) error { return syncDir(name) }

// Free is what an unprivileged process may still write below dir, in bytes.
func (OS) Free(dir string) (int64, error) { return free(dir) }

// Unique returns a word that no other process or call is using, for names of temporary files:
// process number and 32 random bits. It is not secret and steers no result.
func Unique() string { return fmt.Sprintf("%d-%08x", os.Getpid(), rand.Uint32()) }
