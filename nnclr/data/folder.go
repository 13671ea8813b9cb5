package data

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A folder is the store of files on disk.
type folder struct{ root string }

func (f folder) read(e *entry, buf *[]byte) ([]byte, error) {
	file, err := os.Open(filepath.Join(f.root, filepath.FromSlash(e.name)))
	if err != nil {
		return nil, pathless(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, pathless(err)
	}
	// A pipe or a device would never end; sizes are checked before any byte is read.
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if info.Size() > max(e.size, defaultMaxBytes) {
		return nil, fmt.Errorf("has grown from %d to %d bytes", e.size, info.Size())
	}
	b := scratch(buf, int(info.Size()))
	n, err := io.ReadFull(file, b)
	return b[:n], pathless(err)
}

// pathless drops the path from an error: whoever reports it names the file anyway.
func pathless(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// openFolder lists a folder of images, in class folders or not, however deep.
func openFolder(root string, o Options) (*collection, error) {
	if _, err := os.ReadDir(root); err != nil {
		return nil, pathless(err)
	}
	full, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	l, err := cachedListing(full, o, func() (*listing, []string, error) {
		w := walker{root: full, listing: newListing(), follow: o.FollowLinks, seen: make(map[string]bool)}
		w.walk("")
		return w.listing, w.dirs, nil
	})
	if err != nil {
		return nil, err
	}
	return arrange(l, folder{root}, o)
}

// A walker lists a tree. Sorting comes later: byte order of whole paths is not the order of a walk.
type walker struct {
	*listing
	root   string
	follow bool
	dirs   []string        // folders that were read
	seen   map[string]bool // real paths of folders, so that links cannot loop
}

func (w *walker) walk(rel string) {
	dir := filepath.Join(w.root, filepath.FromSlash(rel))
	if w.follow {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil || w.seen[real] {
			return
		}
		w.seen[real] = true
	}
	w.dirs = append(w.dirs, dir)
	list, err := os.ReadDir(dir)
	if err != nil {
		w.entries = append(w.entries, entry{name: rel + "/", bad: "folder: " + pathless(err).Error()})
	}
	for _, d := range list {
		name := d.Name()
		if rel != "" {
			name = rel + "/" + name
		}
		if strings.HasPrefix(d.Name(), ".") {
			w.hidden++
			continue
		}
		w.visit(name, d)
	}
}

func (w *walker) visit(name string, d fs.DirEntry) {
	full := filepath.Join(w.root, filepath.FromSlash(name))
	switch d.Type() {
	case fs.ModeDir:
		w.walk(name)
		return
	case fs.ModeSymlink:
		info, err := os.Stat(full)
		if err != nil {
			w.broken(name, "dangling link")
			return
		}
		if info.IsDir() {
			if w.follow {
				w.walk(name)
			}
			return
		}
	case 0:
	default:
		w.ignore(name) // a device, pipe or socket
		return
	}
	info, err := os.Stat(full)
	if err != nil {
		w.broken(name, pathless(err).Error())
		return
	}
	// The content decides; but a file that claims to be an image is taken unseen, and turns out to
	// be a bad one when it is decoded. That saves opening a million files.
	if claims(name) || sniffs(full) {
		w.entries = append(w.entries, entry{name: name, size: info.Size()})
		return
	}
	w.ignore(name)
}

// broken notes what cannot be opened: a bad image if its name claims one.
func (w *walker) broken(name, why string) {
	if claims(name) {
		w.entries = append(w.entries, entry{name: name, bad: why})
		return
	}
	w.ignore(name)
}

// sniffs says whether a file begins like an image that kith reads or refuses by name.
func sniffs(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var b [sniffLen]byte
	n, _ := io.ReadFull(f, b[:])
	k, _ := sniff(b[:n])
	return k != unknown
}
