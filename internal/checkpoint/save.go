package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"strings"
	"syscall"

	"kith/internal/fsys"
)

// Save saves a checkpoint. When it returns nil the checkpoint survives whatever happens next; when it
// returns an error, an *Error, the older ones are untouched and training may go on unless the error
// is fatal. A step that is saved and intact already is left as it is.
func (s *Store) Save(step int, files []File, meta Meta) error {
	if err := s.save(step, files, meta); err != nil {
		s.failures++
		return &Error{s.path(Name(step)), err, s.failures, s.failures >= maxFailures}
	}
	s.failures = 0
	s.acknowledge(step, meta)
	return nil
}

// save is the protocol, step by step; where it returns an error no acknowledged checkpoint has been
// touched and nothing is left under the new one's name.
func (s *Store) save(step int, files []File, meta Meta) error {
	if step < 0 {
		return fmt.Errorf("step %d is below 0", step)
	}
	if err := s.ensureDir(); err != nil {
		return err
	}
	if !s.cleaned { // before asking for room: what a killed save left may be most of a checkpoint
		s.cleaned = true
		if err := s.Clean(); err != nil {
			s.warn("%v", err)
		}
	}
	if err := s.room(files); err != nil {
		return err
	}
	present, err := s.makeWay(step)
	if present || err != nil {
		return err
	}
	tmp := s.path(fmt.Sprintf(".tmp-%d-%s", step, fsys.Unique()))
	if err := s.build(tmp, step, files, meta); err != nil {
		s.discard(tmp)
		return err
	}
	if err := s.fs().Rename(tmp, s.path(Name(step))); err != nil {
		s.discard(tmp)
		return err
	}
	if err := s.fs().SyncDir(s.Dir); err != nil {
		// Another sync may lie (see fsys.File), so the next attempt must not find this folder.
		s.fs().Rename(s.path(Name(step)), tmp)
		s.discard(tmp)
		return err
	}
	return nil
}

// ensureDir makes the folder of checkpoints, but not the one above: if the run directory has
// vanished, making another would hide it.
func (s *Store) ensureDir() error {
	if _, err := s.fs().ReadDir(s.Dir); !errors.Is(err, fsys.ErrNotExist) {
		return err
	}
	if err := s.fs().Mkdir(s.Dir); err != nil {
		return err
	}
	return s.fs().SyncDir(filepath.Dir(s.Dir))
}

// room asks for twice the expected size: other programs write to the same disk.
func (s *Store) room(files []File) error {
	need := int64(0)
	for _, f := range files {
		need += f.Size
	}
	free, ok := fsys.Free(s.fs(), s.Dir)
	if ok && free < 2*need {
		return fmt.Errorf("%w: %.1f MB free, a checkpoint of %.1f MB needs twice its size", syscall.ENOSPC, float64(free)/1e6, float64(need)/1e6)
	}
	return nil
}

// makeWay looks whether the step is there already. A run that fell back to an older checkpoint comes
// by its later steps again; an intact one holds the same state, a damaged one is set aside.
func (s *Store) makeWay(step int) (present bool, err error) {
	present, err = fsys.Exists(s.fs(), s.path(Name(step)))
	if !present || err != nil {
		return false, err
	}
	if _, damage := s.verify(step); damage != nil {
		return false, s.quarantine(step, damage)
	}
	return true, s.fs().SyncDir(s.Dir) // its rename may never have reached the disk
}

// build writes the files and the manifest into a new folder tmp, each synced, then the folder.
func (s *Store) build(tmp string, step int, files []File, meta Meta) error {
	if err := s.fs().Mkdir(tmp); err != nil {
		return err
	}
	valid := func(s string) string { return strings.ToValidUTF8(s, "?") } // JSON holds nothing else
	m := Manifest{
		Format: format, Step: step, Files: map[string]Sum{},
		ConfigDigest: valid(meta.ConfigDigest), DataDigest: valid(meta.DataDigest),
		CodeVersion: valid(meta.CodeVersion),
	}
	for _, f := range files {
		if err := checkName(f.Name); err != nil {
			return err
		}
		if _, twice := m.Files[f.Name]; twice {
			return fmt.Errorf("%s is given twice", f.Name)
		}
		sum, err := s.write(filepath.Join(tmp, f.Name), f.Write)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		m.Files[f.Name] = sum
	}
	_, err := s.write(filepath.Join(tmp, manifestName), func(w io.Writer) error {
		_, err := w.Write(m.encode())
		return err
	})
	if err != nil {
		return err
	}
	return s.fs().SyncDir(tmp)
}

// write writes and syncs one file and returns its sum, taken on the way: what the memory held, not
// what the disk gives back.
func (s *Store) write(path string, fill func(w io.Writer) error) (Sum, error) {
	var sum Sum
	err := fsys.WriteNew(s.fs(), path, func(w io.Writer) error {
		b := &blocks{w: w, hash: sha256.New()}
		if err := fill(b); err != nil {
			return err
		}
		if err := b.flush(); err != nil {
			return err
		}
		sum = Sum{b.size, hex.EncodeToString(b.hash.Sum(nil))}
		return nil
	})
	return sum, err
}

// blockSize is how much goes to the file system at a time: large enough that calls cost nothing.
const blockSize = 1 << 20

// blocks gathers writes into blocks and hashes them. An error sticks, so that a caller who drops one
// does not produce a file with a gap.
type blocks struct {
	w    io.Writer
	hash hash.Hash
	buf  []byte
	size int64
	err  error
}

// Write gathers p. What is larger than a block is cut, so that no single call to the file system
// takes long enough to matter to a signal.
func (b *blocks) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && b.err == nil; {
		n := min(len(rest), blockSize-len(b.buf))
		b.buf, rest = append(b.buf, rest[:n]...), rest[n:]
		if len(b.buf) == blockSize {
			b.flush()
		}
	}
	if b.err != nil {
		return 0, b.err
	}
	return len(p), nil
}

// flush passes the block on. The hash is taken of what was handed over, whatever the disk makes of
// it: reading back would only test the page cache.
func (b *blocks) flush() error {
	if b.err == nil && len(b.buf) > 0 {
		_, b.err = b.w.Write(b.buf)
		b.hash.Write(b.buf)
		b.size += int64(len(b.buf))
		b.buf = b.buf[:0]
	}
	return b.err
}

// discard removes an unfinished folder, if it can: Clean gets what is left over.
func (s *Store) discard(tmp string) {
	if err := fsys.RemoveAll(s.fs(), tmp); err != nil {
		s.warn("%s is left over: %v", tmp, err)
	}
}

// Clean removes what interrupted saves and prunes left behind; the first Save does it, too. Only the
// holder of the run's lock may call it: another process may be saving.
func (s *Store) Clean() error {
	entries, err := s.fs().ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fsys.ErrNotExist) {
		return &Error{Path: s.Dir, Err: err}
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name, ".tmp-") || strings.HasPrefix(e.Name, trashPrefix) {
			if err := fsys.RemoveAll(s.fs(), s.path(e.Name)); err != nil {
				return &Error{Path: s.path(e.Name), Err: err}
			}
		}
	}
	return nil
}
