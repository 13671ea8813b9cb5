package data

import (
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"strings"
	"sync"
	"unicode/utf8"
)

// An entry is one file of a source.
type entry struct {
	name  string // slash-separated path in the source
	split string // canonical name; "" where there are none
	label int32
	part  int32 // which file or block of memory holds it
	at    int64
	size  int64
	bad   string // why it cannot be read, if the listing found out
}

// A store reads the bytes of entries, from many goroutines at once. It may read into *buf, and
// grow it; a nil buf asks for memory that the caller keeps.
type store interface {
	read(e *entry, buf *[]byte) ([]byte, error)
}

// files is a dataset of encoded files: folders, archives, lists.
type files struct {
	entries []entry
	classes []string
	store   store
	o       Options
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// scratch returns n bytes, in *buf unless that is nil or the bytes are so many that keeping them
// would not pay.
func scratch(buf *[]byte, n int) []byte {
	if buf == nil || n > 4<<20 {
		return make([]byte, n)
	}
	*buf = growBytes(*buf, n)
	return *buf
}

func (f *files) Len() int { return len(f.entries) }

func (f *files) At(i int) (image.Image, int, error) { return at(f, i) }

func (f *files) Read(i int, p *Picture) (int, error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	b, label, err := f.open(i, buf)
	if err != nil {
		return label, err
	}
	return label, Decode(b, f.o, p)
}

func (f *files) Open(i int) ([]byte, int, error) { return f.open(i, nil) }

func (f *files) open(i int, buf *[]byte) ([]byte, int, error) {
	if i < 0 || i >= len(f.entries) {
		return nil, -1, outside(i, len(f.entries))
	}
	e := &f.entries[i]
	label := int(e.label)
	if e.bad != "" {
		return nil, label, errors.New(e.bad)
	}
	if e.size > f.o.maxBytes() {
		return nil, label, fmt.Errorf("%d bytes exceed max_bytes %d", e.size, f.o.maxBytes())
	}
	b, err := f.store.read(e, buf)
	return b, label, err
}

func (f *files) Classes() []string { return f.classes }

func (f *files) Name(i int) string { return printable(f.entries[i].name) }

// Size is the number of bytes of the encoded image.
func (f *files) Size(i int) int64 { return f.entries[i].size }

// printable is a name that JSON and tab-separated files can hold: names that are not UTF-8 are
// written in base64.
func printable(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	return "b64:" + base64.StdEncoding.EncodeToString([]byte(name))
}

// A listing is what was found in a source, before labels and splits are read from the paths.
type listing struct {
	entries []entry
	ignored map[string]int // files that are no images, by extension
	hidden  int            // names that begin with a dot
	records []entry        // binary data sets inside an archive
	sidecar []entry        // .cls, .json, .txt inside an archive
}

func newListing() *listing { return &listing{ignored: make(map[string]int)} }

// ignore counts a file that is no image.
func (l *listing) ignore(name string) {
	ext := extension(name)
	if ext == "" {
		ext = "(none)"
	}
	l.ignored[ext]++
}

// notes says what was passed over.
func (l *listing) notes() (n []string) {
	if len(l.ignored) > 0 {
		n = append(n, "other files ignored: "+counts(l.ignored))
	}
	if l.hidden > 0 {
		n = append(n, fmt.Sprintf("%d hidden names skipped", l.hidden))
	}
	return n
}

// base is the last element of a slash-separated path.
func base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// Label is the label of image i.
func (f *files) Label(i int) int { return int(f.entries[i].label) }
