package crashfs

import (
	"io/fs"
	"strings"

	"kith/internal/fsys"
)

// Faulty is a file system whose n-th call fails, counted from 1 over all calls of FS and of its
// files, reading ones included. Calls after it work, as they do on a disk that was full for a
// moment, unless Stay is set.
type Faulty struct {
	fsys.FS
	N     int
	Err   error
	Stay  bool   // every call from the n-th on fails
	Calls int    // calls seen so far
	Hit   string // the call that failed first, "" if none did
}

// fail counts a call and tells whether it is the one.
func (f *Faulty) fail(call, name string) error {
	f.Calls++
	if f.Calls != f.N && !(f.Stay && f.Calls > f.N) {
		return nil
	}
	if f.Hit == "" {
		f.Hit = call + " " + name
	}
	return &fs.PathError{Op: strings.ToLower(call), Path: name, Err: f.Err}
}

// Create fails or creates.
func (f *Faulty) Create(name string) (fsys.File, error) {
	if err := f.fail("Create", name); err != nil {
		return nil, err
	}
	w, err := f.FS.Create(name)
	return &faultyFile{w, f, name}, err
}

// Open fails or opens.
func (f *Faulty) Open(name string) (fsys.Reader, error) {
	if err := f.fail("Open", name); err != nil {
		return nil, err
	}
	r, err := f.FS.Open(name)
	return &faultyReader{r, f, name}, err
}

// ReadDir fails or lists.
func (f *Faulty) ReadDir(name string) ([]fsys.Entry, error) {
	if err := f.fail("ReadDir", name); err != nil {
		return nil, err
	}
	return f.FS.ReadDir(name)
}

// Mkdir fails or makes a folder.
func (f *Faulty) Mkdir(name string) error {
	if err := f.fail("Mkdir", name); err != nil {
		return err
	}
	return f.FS.Mkdir(name)
}

// Rename fails or renames.
func (f *Faulty) Rename(from, to string) error {
	if err := f.fail("Rename", to); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

// Remove fails or removes.
func (f *Faulty) Remove(name string) error {
	if err := f.fail("Remove", name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

// SyncDir fails or syncs.
func (f *Faulty) SyncDir(name string) error {
	if err := f.fail("SyncDir", name); err != nil {
		return err
	}
	return f.FS.SyncDir(name)
}

type faultyFile struct {
	fsys.File
	fs   *Faulty
	name string
}

// Write writes half before it fails, as a full disk does.
func (f *faultyFile) Write(b []byte) (int, error) {
	if err := f.fs.fail("Write", f.name); err != nil {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, err
	}
	return f.File.Write(b)
}

// Sync fails without syncing, as a disk that reports a lost write does.
func (f *faultyFile) Sync() error {
	if err := f.fs.fail("Sync", f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

// Close may report an error and has closed all the same: that is what close(2) does.
func (f *faultyFile) Close() error {
	err := f.fs.fail("Close", f.name)
	if cerr := f.File.Close(); err == nil { // the descriptor is gone either way
		err = cerr
	}
	return err
}

type faultyReader struct {
	fsys.Reader
	fs   *Faulty
	name string
}

func (r *faultyReader) ReadAt(b []byte, at int64) (int, error) {
	if err := r.fs.fail("ReadAt", r.name); err != nil {
		return 0, err
	}
	return r.Reader.ReadAt(b, at)
}

// Careless is a file system where some syncs do nothing: the mutation that the crash model must
// notice. Skip gets "Sync" or "SyncDir" and the path.
type Careless struct {
	fsys.FS
	Skip func(call, name string) bool
}

// Create creates a file whose Sync may do nothing.
func (c Careless) Create(name string) (fsys.File, error) {
	f, err := c.FS.Create(name)
	if err != nil {
		return nil, err
	}
	return carelessFile{f, c, name}, nil
}

// SyncDir may do nothing.
func (c Careless) SyncDir(name string) error {
	if c.Skip("SyncDir", name) {
		return nil
	}
	return c.FS.SyncDir(name)
}

type carelessFile struct {
	fsys.File
	fs   Careless
	name string
}

func (f carelessFile) Sync() error {
	if f.fs.Skip("Sync", f.name) {
		return nil
	}
	return f.File.Sync()
}
