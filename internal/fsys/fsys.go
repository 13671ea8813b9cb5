// Package fsys is the seam between kith and the file system: the few calls that saving needs, as an
// interface, so that a test can refuse any of them or pull the plug after any of them.
//
// Go's io/fs reads only. What makes a file safe is on the writing side (fsync of a file, fsync of a
// folder, rename), and that is the side a checkpoint lives or dies by.
//
// Optional interfaces, found by assertion:
//
//   - [Space]: how many bytes are free. A file system without it is taken to have room.
package fsys

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
)

// FS is a file system. Names are slash- or OS-separated paths as package os takes them. Errors are
// *fs.PathError or *os.LinkError and so carry the path.
type FS interface {
	Create(name string) (File, error)     // a new file for writing; an existing one is an error
	Open(name string) (Reader, error)     // an existing file for reading
	ReadDir(name string) ([]Entry, error) // sorted by name
	Mkdir(name string) error              // one level; an existing folder is an error
	Rename(from, to string) error         // atomic; replaces a file, never a folder with entries
	Remove(name string) error             // a file or an empty folder
	SyncDir(name string) error            // entries of the folder reach the disk
}

// A File is being written. Bytes are safe only after Sync has returned nil. A failed Sync must not
// be tried again on the same file: the kernel marks the pages clean, so the second call lies.
type File interface {
	io.Writer
	Sync() error
	Close() error
}

// A Reader reads by offset, never by memory map: a file that is cut while mapped kills the process.
type Reader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// An Entry is one name in a folder.
type Entry struct {
	Name string
	Dir  bool
}

// Space tells the bytes that an unprivileged process may still write below dir.
type Space interface {
	Free(dir string) (int64, error)
}

// Free is fs's answer to [Space], and false where it has none or the call fails.
func Free(fs FS, dir string) (bytes int64, ok bool) {
	s, ok := fs.(Space)
	if !ok {
		return 0, false
	}
	bytes, err := s.Free(dir)
	return bytes, err == nil
}

// Exists tells whether name can be seen in its folder. A folder that is not there holds nothing.
func Exists(fs FS, name string) (bool, error) {
	entries, err := fs.ReadDir(filepath.Dir(name))
	if err != nil && !errors.Is(err, ErrNotExist) {
		return false, err
	}
	for _, e := range entries {
		if e.Name == filepath.Base(name) {
			return true, nil
		}
	}
	return false, nil
}

// ReadFile returns the whole of a file of at most limit bytes. The limit comes before the
// allocation, so that a file of unknown origin cannot ask for all memory.
func ReadFile(fs FS, name string, limit int64) ([]byte, error) {
	r, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.Size() > limit {
		return nil, &PathError{Op: "read", Path: name, Err: ErrTooLarge}
	}
	b := make([]byte, r.Size())
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, r.Size()), b); err != nil {
		return nil, &PathError{Op: "read", Path: name, Err: err}
	}
	return b, nil
}

// PathError is the error of every call, that of io/fs.
type PathError = fs.PathError

// ErrTooLarge is what [ReadFile] answers beyond its limit.
var ErrTooLarge = errors.New("file is larger than allowed")

// MkdirAll makes name and its parents, and syncs the folder above each new one: a folder whose
// entry never reached the disk takes everything in it along.
func MkdirAll(fs FS, name string) error {
	if _, err := fs.ReadDir(name); err == nil {
		return nil
	}
	parent := filepath.Dir(name)
	if parent != name {
		if err := MkdirAll(fs, parent); err != nil {
			return err
		}
	}
	// Another process may have made it in between, which is as good.
	if err := fs.Mkdir(name); err != nil && !errors.Is(err, ErrExist) {
		return err
	}
	return fs.SyncDir(parent)
}

// ErrExist and ErrNotExist are those of io/fs, for errors.Is.
var (
	ErrExist    = fs.ErrExist
	ErrNotExist = fs.ErrNotExist
)

// RemoveAll removes name and what is in it. A name that is not there is no error.
func RemoveAll(fs FS, name string) error {
	entries, _ := fs.ReadDir(name) // fails on a plain file; Remove then is the judge
	for _, e := range entries {
		remove := fs.Remove
		if e.Dir {
			remove = func(path string) error { return RemoveAll(fs, path) }
		}
		if err := remove(filepath.Join(name, e.Name)); err != nil {
			return err
		}
	}
	if err := fs.Remove(name); err != nil && !errors.Is(err, ErrNotExist) {
		return err
	}
	return nil
}

// Replace writes name anew, all or nothing: a temporary file in the same folder, fsync, rename,
// fsync of the folder. A reader sees the old contents or the new ones, also after a power cut.
func Replace(fs FS, name string, write func(w io.Writer) error) error {
	tmp := filepath.Join(filepath.Dir(name), ".tmp-"+filepath.Base(name)+"-"+Unique())
	if err := WriteNew(fs, tmp, write); err != nil {
		fs.Remove(tmp) // best effort: the first error is the one to tell
		return err
	}
	if err := fs.Rename(tmp, name); err != nil {
		fs.Remove(tmp)
		return err
	}
	return fs.SyncDir(filepath.Dir(name))
}

// ReplaceBytes is [Replace] with contents at hand.
func ReplaceBytes(fs FS, name string, b []byte) error {
	return Replace(fs, name, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// WriteNew creates name, lets write fill it, syncs and closes it. Every error counts: NFS and quotas
// report a full disk as late as at close.
func WriteNew(fs FS, name string, write func(w io.Writer) error) error {
	f, err := fs.Create(name)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
