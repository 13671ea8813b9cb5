package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sort"
	"strings"

	"kith/internal/fsys"
)

// A Snapshot is a checkpoint whose every byte has been checked.
type Snapshot struct {
	Step     int
	Dir      string
	Manifest Manifest

	fs fsys.FS
}

// Open opens one of the files. The caller closes it.
func (s *Snapshot) Open(name string) (fsys.Reader, error) {
	if _, ok := s.Manifest.Files[name]; !ok {
		return nil, fmt.Errorf("%s holds no %s", s.Dir, name)
	}
	return s.fs.Open(filepath.Join(s.Dir, name))
}

// Read returns the contents of one of the files, for small ones such as state.json.
func (s *Snapshot) Read(name string) ([]byte, error) {
	sum, ok := s.Manifest.Files[name]
	if !ok {
		return nil, fmt.Errorf("%s holds no %s", s.Dir, name)
	}
	return fsys.ReadFile(s.fs, filepath.Join(s.Dir, name), sum.Size)
}

// Load returns the checkpoint of the highest step that is intact. Damaged ones above it are set
// aside and told to Warn; one that cannot be read is passed over and stays, since the fault may be
// the moment's. Where there is no checkpoint at all the error is [ErrNone]; where there are some and
// none is intact it is an *Error: starting from scratch would hide a lost run.
func (s *Store) Load() (*Snapshot, error) {
	steps, err := s.Steps()
	if err != nil {
		return nil, err
	}
	var reasons []error
	for _, step := range steps {
		snap, damage := s.verify(step)
		if damage == nil {
			if len(reasons) > 0 {
				s.warn("going on from %s", Name(step))
			}
			return snap, nil
		}
		if errors.Is(damage, ErrForeign) {
			return nil, &Error{Path: s.path(Name(step)), Err: damage, Fatal: true}
		}
		reasons = append(reasons, fmt.Errorf("%s: %w", Name(step), damage))
		if unreadable(damage) {
			s.warn("%s cannot be read: %v", Name(step), damage)
		} else if err := s.quarantine(step, damage); err != nil {
			s.warn("%s stays in place: %v", Name(step), err)
		}
	}
	return nil, s.none(reasons)
}

// unreadable tells an error of the system (no permission, a bad sector, too many open files) from
// contents that are wrong or missing.
func unreadable(err error) bool {
	var call *fsys.PathError
	return errors.As(err, &call) && !errors.Is(err, fsys.ErrNotExist) && !errors.Is(err, fsys.ErrTooLarge)
}

// none tells why there is nothing to load. Checkpoints set aside by an earlier attempt count too:
// they are gone from sight, but the run is no new one.
func (s *Store) none(reasons []error) error {
	if len(reasons) > 0 {
		err := fmt.Errorf("none of %d checkpoints is intact: %w", len(reasons), errors.Join(reasons...))
		return &Error{Path: s.Dir, Err: err, Fatal: true}
	}
	entries, _ := s.fs().ReadDir(s.Dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name, badPrefix) {
			return &Error{Path: s.Dir, Err: errors.New("all checkpoints were found damaged and set aside"), Fatal: true}
		}
	}
	return ErrNone
}

// LoadStep returns the checkpoint of one step, or an *Error that says what is wrong with it.
func (s *Store) LoadStep(step int) (*Snapshot, error) {
	snap, damage := s.verify(step)
	if damage != nil {
		return nil, &Error{Path: s.path(Name(step)), Err: damage, Fatal: true}
	}
	return snap, nil
}

// A Report is what Verify found of one checkpoint.
type Report struct {
	Step   int
	Bytes  int64
	Damage error // nil: intact
}

// Verify reads every byte of every checkpoint, highest step first, and changes nothing.
func (s *Store) Verify() ([]Report, error) {
	steps, err := s.Steps()
	if err != nil {
		return nil, err
	}
	var list []Report
	for _, step := range steps {
		r := Report{Step: step}
		snap, damage := s.verify(step)
		if r.Damage = damage; damage == nil {
			for _, sum := range snap.Manifest.Files {
				r.Bytes += sum.Size
			}
		}
		list = append(list, r)
	}
	return list, nil
}

// glance reads the manifest and compares sizes: what can be seen without reading everything.
func (s *Store) glance(step int) (*Snapshot, error) {
	dir := s.path(Name(step))
	text, err := fsys.ReadFile(s.fs(), filepath.Join(dir, manifestName), manifestLimit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	m, err := parseManifest(text, step)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	snap := &Snapshot{step, dir, *m, s.fs()}
	for _, name := range snap.names() {
		if err := snap.each(name, checkSize); err != nil {
			return nil, err
		}
	}
	return snap, nil
}

// verify is glance, then the hash of every file, then the caller's own check.
func (s *Store) verify(step int) (*Snapshot, error) {
	snap, err := s.glance(step)
	if err != nil {
		return nil, err
	}
	for _, name := range snap.names() {
		if err := snap.each(name, checkHash); err != nil {
			return nil, err
		}
	}
	if s.Check != nil {
		if err := s.Check(snap); err != nil {
			return nil, err
		}
	}
	return snap, nil
}

// names lists the files in order, so that the damage reported is always the same one.
func (s *Snapshot) names() []string {
	var list []string
	for name := range s.Manifest.Files {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}

// each opens one file for a check. Errors begin with the file's name, which the user will look for.
func (s *Snapshot) each(name string, check func(r fsys.Reader, want Sum) error) error {
	r, err := s.Open(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer r.Close()
	if err := check(r, s.Manifest.Files[name]); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// checkSize finds most damage, and costs no reading.
func checkSize(r fsys.Reader, want Sum) error {
	if r.Size() != want.Size {
		return fmt.Errorf("%d bytes, the manifest says %d", r.Size(), want.Size)
	}
	return nil
}

// checkHash reads the file once, in blocks: a checkpoint need not fit in memory to be checked.
func checkHash(r fsys.Reader, want Sum) error {
	h := sha256.New()
	if _, err := io.CopyBuffer(h, io.NewSectionReader(r, 0, want.Size), make([]byte, min(want.Size+1, blockSize))); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want.SHA256 {
		return fmt.Errorf("SHA-256 is %.12s…, the manifest says %.12s…", got, want.SHA256)
	}
	return nil
}

const badPrefix = ".bad-"

// quarantine sets a damaged checkpoint aside and says so. It keeps the files: a disk's fault can be
// studied, and some tensors may be worth rescuing.
func (s *Store) quarantine(step int, damage error) error {
	s.warn("%s is damaged: %v", Name(step), damage)
	if s.ReadOnly {
		return nil
	}
	bad := badPrefix + Name(step)
	for n := 2; ; n++ {
		taken, err := fsys.Exists(s.fs(), s.path(bad))
		if err != nil {
			return err
		}
		if !taken {
			break
		}
		bad = fmt.Sprintf("%s%s-%d", badPrefix, Name(step), n)
	}
	if err := s.fs().Rename(s.path(Name(step)), s.path(bad)); err != nil {
		return err
	}
	s.warn("%s is now %s", Name(step), bad)
	return s.fs().SyncDir(s.Dir)
}
