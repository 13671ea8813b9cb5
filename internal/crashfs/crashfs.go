// Package crashfs is a file system in memory that knows what a power cut may leave of it, and
// wrappers that refuse calls. It is for tests of code that must not lose data.
//
// The model. What was not synced when the power went is in one of these states:
//
//   - what was written to a file since its last sync: nothing of it, the first half, everything, or
//     the right length filled with zeros (delayed allocation: the length reached the disk, the blocks
//     did not);
//   - a folder's entries: as at its last sync, or as they were at the cut.
//
// Every combination over all files and folders is a disk that may be found afterwards. The model is
// harsher than any one file system, which orders some of these by its journal, and softer than a
// disk that lies about flushes.
package crashfs

import (
	"errors"
	"io/fs"
	"iter"
	"math/rand/v2"
	"path"
	"sort"
	"strings"

	"kith/internal/fsys"
)

// FS is the file system. Its zero value is not usable: see [New]. It is for one goroutine.
type FS struct {
	root *node

	// After is called after each call that changed something, with the name of the method
	// ("Create", "Write", "Sync", …) and the path. The test takes its snapshots here.
	After func(call, name string)
	// Room is what Free answers.
	Room int64
}

// A node is a file or a folder. Names are in the folders, so a rename moves no node.
type node struct {
	dir    bool
	data   []byte // a file's contents as programs see them
	synced []byte // and as they are on the disk for sure

	entries map[string]*node // a folder's entries as programs see them
	durable map[string]*node // and as they are on the disk for sure
	dirty   bool             // written, or entries changed, since the last sync
}

// New returns an empty file system.
func New() *FS { return &FS{root: newDir(), Room: 1 << 40} }

func newDir() *node {
	return &node{dir: true, entries: map[string]*node{}, durable: map[string]*node{}}
}

// find walks to name; nil where it does not exist.
func (f *FS) find(name string) *node {
	n := f.root
	for _, part := range strings.Split(clean(name), "/") {
		if part == "" {
			continue
		}
		if n == nil || !n.dir {
			return nil
		}
		n = n.entries[part]
	}
	return n
}

// clean gives a path one spelling, so that "/a", "a" and "./a" are one name.
func clean(name string) string { return strings.Trim(path.Clean("/"+name), "/") }

// parent returns the folder that holds name, and name's last element.
func (f *FS) parent(op, name string) (*node, string, error) {
	name = clean(name)
	p := f.find(path.Dir(name))
	if p == nil || !p.dir {
		return nil, "", fail(op, name, fs.ErrNotExist)
	}
	return p, path.Base(name), nil
}

func fail(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

// done is called at the end of every call that changed something: the moment at which the plug may
// be pulled.
func (f *FS) done(call, name string) {
	if f.After != nil {
		f.After(call, clean(name))
	}
}

// Create makes a file.
func (f *FS) Create(name string) (fsys.File, error) {
	p, base, err := f.parent("create", name)
	if err != nil {
		return nil, err
	}
	if p.entries[base] != nil {
		return nil, fail("create", name, fs.ErrExist)
	}
	n := &node{}
	p.entries[base], p.dirty = n, true
	f.done("Create", name)
	return &file{f, n, name}, nil
}

type file struct {
	fs   *FS
	node *node
	name string
}

// Write appends, as everything in kith does; there is no writing in the middle.
func (f *file) Write(b []byte) (int, error) {
	f.node.data = append(f.node.data[:len(f.node.data):len(f.node.data)], b...) // snapshots share the old bytes
	f.node.dirty = true
	f.fs.done("Write", f.name)
	return len(b), nil
}

// Sync makes all that was written so far sure.
func (f *file) Sync() error {
	f.node.synced, f.node.dirty = f.node.data, false
	f.fs.done("Sync", f.name)
	return nil
}

func (f *file) Close() error { return nil }

// Open opens a file as it is now.
func (f *FS) Open(name string) (fsys.Reader, error) {
	n := f.find(name)
	if n == nil || n.dir {
		return nil, fail("open", name, fs.ErrNotExist)
	}
	return reader{strings.NewReader(string(n.data))}, nil
}

type reader struct{ *strings.Reader }

func (r reader) Close() error { return nil }

// ReadDir lists a folder.
func (f *FS) ReadDir(name string) ([]fsys.Entry, error) {
	n := f.find(name)
	if n == nil || !n.dir {
		return nil, fail("readdir", name, fs.ErrNotExist)
	}
	var list []fsys.Entry
	for _, name := range names(n.entries) {
		list = append(list, fsys.Entry{Name: name, Dir: n.entries[name].dir})
	}
	return list, nil
}

// names lists a folder in order: walks must come out alike on every run.
func names(m map[string]*node) []string {
	var list []string
	for name := range m {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}

// Mkdir makes a folder.
func (f *FS) Mkdir(name string) error {
	p, base, err := f.parent("mkdir", name)
	if err != nil {
		return err
	}
	if p.entries[base] != nil {
		return fail("mkdir", name, fs.ErrExist)
	}
	p.entries[base], p.dirty = newDir(), true
	f.done("Mkdir", name)
	return nil
}

// Rename moves a file or folder; like rename(2), it replaces a file or an empty folder.
func (f *FS) Rename(from, to string) error {
	p, base, err := f.parent("rename", from)
	if err != nil {
		return err
	}
	q, last, err := f.parent("rename", to)
	if err != nil {
		return err
	}
	n, old := p.entries[base], q.entries[last]
	if n == nil {
		return fail("rename", from, fs.ErrNotExist)
	}
	if old != nil && (old.dir != n.dir || len(old.entries) > 0) {
		return fail("rename", to, fs.ErrExist)
	}
	delete(p.entries, base)
	q.entries[last] = n
	p.dirty, q.dirty = true, true
	f.done("Rename", to)
	return nil
}

// Remove removes a file or an empty folder.
func (f *FS) Remove(name string) error {
	p, base, err := f.parent("remove", name)
	if err != nil {
		return err
	}
	n := p.entries[base]
	if n == nil {
		return fail("remove", name, fs.ErrNotExist)
	}
	if len(n.entries) > 0 {
		return fail("remove", name, errors.New("directory not empty"))
	}
	delete(p.entries, base)
	p.dirty = true
	f.done("Remove", name)
	return nil
}

// SyncDir makes a folder's entries durable.
func (f *FS) SyncDir(name string) error {
	n := f.find(name)
	if n == nil || !n.dir {
		return fail("syncdir", name, fs.ErrNotExist)
	}
	n.durable, n.dirty = copied(n.entries), false
	f.done("SyncDir", name)
	return nil
}

// copied keeps entries as they are now. The nodes are shared, only names are copied.
func copied(m map[string]*node) map[string]*node {
	c := make(map[string]*node, len(m))
	for name, n := range m {
		c[name] = n
	}
	return c
}

// Free answers Room.
func (f *FS) Free(string) (int64, error) { return f.Room, nil }

// Corrupt changes the contents of a file behind everybody's back.
func (f *FS) Corrupt(name string, change func(b []byte) []byte) {
	n := f.find(name)
	n.data = change(append([]byte(nil), n.data...))
	n.synced = n.data
}

// Crashes yields the disks that a power cut right now may leave, as file systems of their own: all
// of them if there are at most limit, else samples many, drawn by seed.
func (f *FS) Crashes(limit, samples int, seed uint64) iter.Seq[*FS] {
	dirty := f.unsynced()
	states, few := 1, true
	for _, n := range dirty {
		states *= n.outcomes()
		if states > limit {
			few = false
			break
		}
	}
	return func(yield func(*FS) bool) {
		if few {
			for i := range states {
				if !yield(f.after(dirty, func(k int) int { return digit(dirty, i, k) })) {
					return
				}
			}
			return
		}
		rnd := rand.New(rand.NewPCG(seed, 0))
		for range samples {
			choice := make([]int, len(dirty))
			for k, n := range dirty {
				choice[k] = rnd.IntN(n.outcomes())
			}
			if !yield(f.after(dirty, func(k int) int { return choice[k] })) {
				return
			}
		}
	}
}

// digit is the k-th digit of i in the mixed radix of the nodes' outcomes.
func digit(dirty []*node, i, k int) int {
	for _, n := range dirty[:k] {
		i /= n.outcomes()
	}
	return i % dirty[k].outcomes()
}

// outcomes is how many states an unsynced node may come out in.
func (n *node) outcomes() int {
	if n.dir {
		return 2
	}
	return 4
}

// unsynced lists the nodes whose state after a cut is open, in an order of their own: by a walk over
// old and new entries.
func (f *FS) unsynced() []*node {
	var list []*node
	seen := map[*node]bool{}
	var walk func(n *node)
	walk = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		if n.dirty {
			list = append(list, n)
		}
		for _, m := range []map[string]*node{n.entries, n.durable} {
			for _, name := range names(m) {
				walk(m[name])
			}
		}
	}
	walk(f.root)
	return list
}

// after builds the disk where node dirty[k] came out as pick(k) says.
func (f *FS) after(dirty []*node, pick func(k int) int) *FS {
	choice := make(map[*node]int, len(dirty))
	for k, n := range dirty {
		choice[n] = pick(k)
	}
	made := map[*node]*node{}
	var build func(n *node) *node
	build = func(n *node) *node {
		if made[n] != nil {
			return made[n]
		}
		c := &node{dir: n.dir}
		made[n] = c
		if !n.dir {
			c.data = n.contents(choice)
			c.synced = c.data
			return c
		}
		found := n.durable
		if i, open := choice[n]; open && i == 1 {
			found = n.entries
		}
		c.entries = map[string]*node{}
		for name, e := range found {
			c.entries[name] = build(e)
		}
		c.durable = copied(c.entries)
		return c
	}
	return &FS{root: build(f.root), Room: f.Room}
}

// contents of a file after the cut. What was synced is there in any case.
func (n *node) contents(choice map[*node]int) []byte {
	i, open := choice[n]
	if !open {
		return n.synced
	}
	sure, tail := n.synced, n.data[len(n.synced):]
	switch i {
	case 0:
		return sure
	case 1:
		return n.data[:len(sure)+len(tail)/2]
	case 2:
		return n.data
	default:
		return append(sure[:len(sure):len(sure)], make([]byte, len(tail))...)
	}
}
