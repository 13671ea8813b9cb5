// Package rundir is the folder of one run: its name, its lock, its status and its metrics.
//
//	runs/2026-11-23_0702-nnclr-resnet50/
//	  LOCK            held by the process that writes here
//	  STATUS          running | done | interrupted | failed <exit code> <reason>
//	  metrics.jsonl   one object a line, appended; metrics.csv the same, flat
//	  summary.json    the run in nine numbers
//	  checkpoints/    internal/checkpoint
//
// Small files are replaced as a whole (temporary file, fsync, rename, fsync of the folder), so a
// reader never sees half of one. Streams are appended; after a crash they are cut back to the
// checkpoint that the run goes on from, so no step appears twice.
package rundir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"kith/internal/fsys"
)

// A Dir is a run directory that this process has locked for writing.
type Dir struct {
	Path string

	fs   fsys.FS
	lock *flock.Flock // nil on a file system without locks
}

// Name is the name of a run that is not given one: date, time, method and model, such as
// 2026-11-23_0702-nnclr-resnet50. The time is local, as a reader of the folder expects.
func Name(now time.Time, method, model string) string {
	return now.Format("2006-01-02_1504") + "-" + plain(method) + "-" + plain(model)
}

// plain keeps what is safe in a file name on every system.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '.', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, s)
}

// New makes a run directory below parent, which is made too if need be. Where the name is taken it
// appends -2, -3 and so on. warn gets what the user should know though nothing failed.
func New(parent, name string, warn func(string)) (*Dir, error) {
	if err := fsys.MkdirAll(fsys.OS{}, parent); err != nil {
		return nil, err
	}
	path := filepath.Join(parent, name)
	for n := 2; ; n++ {
		d, err := Make(path, warn)
		if !errors.Is(err, fsys.ErrExist) {
			return d, err
		}
		path = filepath.Join(parent, fmt.Sprintf("%s-%d", name, n))
	}
}

// Make makes the run directory path and no other; fs.ErrExist where there is one.
func Make(path string, warn func(string)) (*Dir, error) {
	fs := fsys.OS{}
	if err := fsys.MkdirAll(fs, filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := fs.Mkdir(path); err != nil {
		return nil, err
	}
	if err := fs.SyncDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return Open(path, warn)
}

// Open locks an existing run directory. A *LockedError says that another process writes there.
func Open(path string, warn func(string)) (*Dir, error) {
	d := &Dir{Path: path, fs: fsys.OS{}}
	if _, err := d.fs.ReadDir(path); err != nil {
		return nil, err
	}
	lock, err := acquire(d.Join(lockName), warn)
	if err != nil {
		return nil, err
	}
	d.lock = lock
	d.clean(d.Path)
	return d, nil
}

// clean removes temporary files that a killed process left, in the run directory and one level below.
// It matters little, so errors do not matter at all. Checkpoints look after themselves.
func (d *Dir) clean(dir string) {
	entries, _ := d.fs.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name)
		switch {
		case !e.Dir && strings.HasPrefix(e.Name, ".tmp-"):
			d.fs.Remove(path)
		case e.Dir && dir == d.Path && e.Name != "checkpoints":
			d.clean(path)
		}
	}
}

// Close gives the lock back. The LOCK file stays: removing it would let two processes hold locks of
// two files of that name.
func (d *Dir) Close() error {
	if d.lock == nil {
		return nil
	}
	return d.lock.Unlock()
}

// Join is a path inside the run directory.
func (d *Dir) Join(name ...string) string {
	return filepath.Join(append([]string{d.Path}, name...)...)
}

// WriteFile replaces a small file, all or nothing. Folders on the way are made.
func (d *Dir) WriteFile(name string, b []byte) error {
	return d.Replace(name, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// Replace replaces a file by what write writes, all or nothing. The run directory itself is not made
// anew: if it has vanished, the user must hear of it.
func (d *Dir) Replace(name string, write func(w io.Writer) error) error {
	path := d.Join(name)
	if filepath.Dir(path) != filepath.Clean(d.Path) {
		if _, err := d.fs.ReadDir(d.Path); err != nil {
			return err
		}
		if err := fsys.MkdirAll(d.fs, filepath.Dir(path)); err != nil {
			return err
		}
	}
	return fsys.Replace(d.fs, path, write)
}

// WriteJSON replaces a file by v as indented JSON. Keys of maps are sorted, so equal values give
// equal bytes.
func (d *Dir) WriteJSON(name string, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("%s: %w", d.Join(name), err)
	}
	return d.WriteFile(name, b.Bytes())
}
