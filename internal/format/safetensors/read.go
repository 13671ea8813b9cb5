package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"kith/internal/fsys"
)

// A File is an open safetensors file: the header in memory, the elements on disk until asked for.
// It may be read by several goroutines at once.
type File struct {
	Metadata map[string]string

	tensors []Info         // by offset
	index   map[string]int // name to place in tensors
	data    *io.SectionReader
	close   func() error
}

// Open opens the file at path. The caller closes it.
func Open(path string) (*File, error) {
	r, err := fsys.OS{}.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := Read(r, r.Size())
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.close = r.Close
	return f, nil
}

// Read reads the header of a file of size bytes and checks everything that can be checked without
// the elements. r must stay readable as long as elements are asked for.
func Read(r io.ReaderAt, size int64) (*File, error) {
	text, err := readHeader(r, size)
	if err != nil {
		return nil, err
	}
	h, err := parseHeader(text)
	if err != nil {
		return nil, err
	}
	begin := 8 + int64(len(text))
	if err := h.place(size - begin); err != nil {
		return nil, err
	}
	f := &File{
		Metadata: h.metadata,
		tensors:  h.tensors,
		index:    make(map[string]int, len(h.tensors)),
		data:     io.NewSectionReader(r, begin, size-begin),
		close:    func() error { return nil },
	}
	for i, t := range f.tensors {
		f.index[t.Name] = i
	}
	return f, nil
}

// readHeader returns the JSON text. Its length is a claim of the file and is compared with the
// file's real size before a byte is allocated for it.
func readHeader(r io.ReaderAt, size int64) ([]byte, error) {
	if size < 8 {
		return nil, fmt.Errorf("not a safetensors file: %d bytes, a header takes at least 8", size)
	}
	var b [8]byte
	if err := readAt(r, b[:], 0); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(b[:])
	if n > maxHeader || n > uint64(size-8) {
		// Only now is a pickle's magic sure to be no length: 640 begins with \x80\x02 too.
		if string(b[:4]) == "PK\x03\x04" || string(b[:2]) == "\x80\x02" {
			return nil, errors.New("not a safetensors file: it looks like a PyTorch pickle")
		}
		return nil, fmt.Errorf("header claims %d bytes in a file of %d", n, size)
	}
	text := make([]byte, n)
	return text, readAt(r, text, 8)
}

// readAt fills b. An io.ReaderAt may answer io.EOF with a full buffer, which is no error here.
func readAt(r io.ReaderAt, b []byte, at int64) error {
	if n, err := r.ReadAt(b, at); n < len(b) {
		return fmt.Errorf("read %d of %d bytes at %d: %w", n, len(b), at, err)
	}
	return nil
}

// Close closes the file, if [Open] opened it.
func (f *File) Close() error { return f.close() }

// Tensors lists the tensors in the order of their data.
func (f *File) Tensors() []Info { return append([]Info(nil), f.tensors...) }

// Lookup finds a tensor by name.
func (f *File) Lookup(name string) (Info, bool) {
	i, ok := f.index[name]
	if !ok {
		return Info{}, false
	}
	return f.tensors[i], true
}

// Bytes returns the elements of a tensor as they are in the file.
func (f *File) Bytes(name string) ([]byte, error) {
	t, ok := f.Lookup(name)
	if !ok {
		return nil, fmt.Errorf("no tensor %q", name)
	}
	b := make([]byte, t.Bytes())
	if err := readAt(f.data, b, t.begin); err != nil {
		return nil, fmt.Errorf("tensor %q: %w", name, err)
	}
	return b, nil
}

// Match compares the file with the tensors that a model expects: same names, same dtypes, same
// shapes, nothing more and nothing less. The error lists up to five differences.
func (f *File) Match(want []Info) error {
	var diffs []error
	known := make(map[string]bool, len(want))
	for _, w := range want {
		known[w.Name] = true
		t, ok := f.Lookup(w.Name)
		if !ok {
			diffs = append(diffs, fmt.Errorf("%v is missing", w))
		} else if t.DType != w.DType || !sameShape(t.Shape, w.Shape) {
			diffs = append(diffs, fmt.Errorf("%v, expected %s%v", t, w.DType, w.Shape))
		}
	}
	for _, t := range f.tensors {
		if !known[t.Name] {
			diffs = append(diffs, fmt.Errorf("%v is not expected", t))
		}
	}
	if len(diffs) > 5 {
		diffs = append(diffs[:5], fmt.Errorf("and %d more", len(diffs)-5))
	}
	return errors.Join(diffs...)
}

// sameShape compares shapes; [] and nil are both scalars.
func sameShape(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
