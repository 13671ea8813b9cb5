package data

import (
	"bufio"
	"crypto/sha256"
	"encoding/gob"
	"fmt"
	"os"
	"path/filepath"
)

// Listing a network folder with a million files takes minutes, so the listings of large sources are
// kept in the cache folder. A folder's listing holds as long as no directory in it changed; that of
// archives as long as size and time of each file are the same.

// cacheFrom is how many images a source must have for its listing to be kept.
const cacheFrom = 50_000

// A stamp is a directory or file, and when it changed.
type stamp struct {
	Path string
	Size int64 // of files
	Time int64 // nanoseconds
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	s := stamp{Path: path, Time: info.ModTime().UnixNano()}
	if !info.IsDir() {
		s.Size = info.Size()
	}
	return s, nil
}

// savedListing is the file's content.
type savedListing struct {
	Format  string
	Stamps  []stamp
	Entries []savedEntry
	Ignored map[string]int
	Hidden  int
	Sidecar []savedEntry
	Records []savedEntry
}

type savedEntry struct {
	Name     string
	Part     int32
	At, Size int64
	Bad      string
}

const listingFormat = "kith-listing-1"

// listingName is the place of a listing: a digest of what was listed, and how.
func listingName(what string, o Options) (string, error) {
	dir, err := cacheFolder(o)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%v", what, o.FollowLinks))
	return filepath.Join(dir, fmt.Sprintf("listing-%x", sum[:12])), nil
}

// cachedListing returns the kept listing of what, if it still holds, else makes it by list, which
// also returns the paths on which it depends. A cache that cannot be read or written is no error.
func cachedListing(what string, o Options, list func() (*listing, []string, error)) (*listing, error) {
	name, cacheErr := listingName(what, o)
	if cacheErr == nil && !o.Reindex {
		if l := loadListing(name); l != nil {
			return l, nil
		}
	}
	l, paths, err := list()
	if err != nil || cacheErr != nil || len(l.entries) < o.cacheFrom() {
		return l, err
	}
	l.save(name, paths)
	return l, nil
}

func (o Options) cacheFrom() int { return orElse(o.keepFrom, cacheFrom) }

// loadListing reads a listing and checks that nothing changed since; nil if it cannot be used.
func loadListing(name string) *listing {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	var s savedListing
	if gob.NewDecoder(bufio.NewReader(f)).Decode(&s) != nil || s.Format != listingFormat {
		return nil
	}
	for _, old := range s.Stamps {
		if now, err := stampOf(old.Path); err != nil || now != old {
			return nil
		}
	}
	l := newListing()
	for ext, n := range s.Ignored {
		l.ignored[ext] = n
	}
	l.hidden = s.Hidden
	l.entries, l.sidecar, l.records = restored(s.Entries), restored(s.Sidecar), restored(s.Records)
	return l
}

func restored(list []savedEntry) (out []entry) {
	for _, e := range list {
		out = append(out, entry{name: e.Name, part: e.Part, at: e.At, size: e.Size, bad: e.Bad})
	}
	return out
}

func saved(list []entry) (out []savedEntry) {
	for _, e := range list {
		out = append(out, savedEntry{e.name, e.part, e.at, e.size, e.bad})
	}
	return out
}

// save writes the listing, by a temporary name.
func (l *listing) save(name string, paths []string) {
	s := savedListing{
		Format: listingFormat, Ignored: l.ignored, Hidden: l.hidden,
		Entries: saved(l.entries), Sidecar: saved(l.sidecar), Records: saved(l.records),
	}
	for _, path := range paths {
		stamp, err := stampOf(path)
		if err != nil {
			return
		}
		s.Stamps = append(s.Stamps, stamp)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "listing-*.tmp")
	if err != nil {
		return
	}
	defer os.Remove(f.Name())
	w := bufio.NewWriter(f)
	err = gob.NewEncoder(w).Encode(&s)
	if err == nil {
		err = w.Flush()
	}
	if f.Close() == nil && err == nil {
		os.Rename(f.Name(), name)
	}
}

// cacheFolder is where listings and unpacked archives are kept.
func cacheFolder(o Options) (string, error) {
	dir := o.Cache
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(user, "kith")
	}
	return dir, os.MkdirAll(dir, 0o755)
}
