package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"unicode/utf8"

	"kith/internal/fsys"
)

// An Entry is a tensor to be written. Write streams its elements, so that nothing has to hold a
// second copy of a model.
type Entry struct {
	Name  string
	DType DType
	Shape []int
	Write func(w io.Writer) error // little-endian, row-major, exactly as many bytes as the shape has
}

// Of is an entry of elements at hand; the dtype follows from T. v must not change until written.
func Of[T Number](name string, shape []int, v []T) Entry {
	var zero T
	d := map[any]DType{float32(0): F32, float64(0): F64, int32(0): I32, int64(0): I64, uint8(0): U8}[zero]
	return Entry{name, d, shape, func(w io.Writer) error { return encode(w, v) }}
}

// Raw is an entry of elements in file form, such as BF16 words.
func Raw(name string, d DType, shape []int, b []byte) Entry {
	return Entry{name, d, shape, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}}
}

// encode writes v in chunks.
func encode[T Number](w io.Writer, v []T) error {
	buf := make([]byte, 0, min(len(v)*8, chunk))
	for len(v) > 0 {
		n := min(len(v), chunk/8)
		buf = appendAll(buf[:0], v[:n])
		if _, err := w.Write(buf); err != nil {
			return err
		}
		v = v[n:]
	}
	return nil
}

// appendAll appends elements in file form. The switch is outside the loops: a model has millions of
// elements and one type.
func appendAll[T Number](b []byte, v []T) []byte {
	le := binary.LittleEndian
	switch v := any(v).(type) {
	case []float32:
		for _, x := range v {
			b = le.AppendUint32(b, math.Float32bits(x))
		}
	case []float64:
		for _, x := range v {
			b = le.AppendUint64(b, math.Float64bits(x))
		}
	case []int32:
		for _, x := range v {
			b = le.AppendUint32(b, uint32(x))
		}
	case []int64:
		for _, x := range v {
			b = le.AppendUint64(b, uint64(x))
		}
	case []uint8:
		b = append(b, v...)
	}
	return b
}

// Write writes a file to w. Metadata goes by sorted key; tensors keep their order, but for wider
// element types coming first, so that each tensor is aligned to its elements for readers that map
// the file. Same input, same bytes.
func Write(w io.Writer, metadata map[string]string, entries []Entry) error {
	entries = arrange(entries)
	head, sizes, err := encodeHeader(metadata, entries)
	if err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	for i, e := range entries {
		c := &counter{w: w, left: sizes[i]}
		if err := e.Write(c); err != nil {
			return fmt.Errorf("tensor %q: %w", e.Name, err)
		}
		if c.left != 0 {
			return fmt.Errorf("tensor %q: %d bytes short of %s%v", e.Name, c.left, e.DType, e.Shape)
		}
	}
	return nil
}

// Size is the number of bytes that [Write] writes.
func Size(metadata map[string]string, entries []Entry) (int64, error) {
	head, sizes, err := encodeHeader(metadata, arrange(entries))
	n := int64(len(head))
	for _, s := range sizes {
		n += s
	}
	return n, err
}

// Save replaces the file at path, all or nothing (see [fsys.Replace]).
func Save(path string, metadata map[string]string, entries []Entry) error {
	return fsys.Replace(fsys.OS{}, path, func(w io.Writer) error {
		return Write(w, metadata, entries)
	})
}

// arrange returns the entries with wider elements first.
func arrange(entries []Entry) []Entry {
	out := append([]Entry(nil), entries...)
	sort.SliceStable(out, func(i, j int) bool { return out[i].DType.Size() > out[j].DType.Size() })
	return out
}

// encodeHeader returns length and header, padded with spaces so that data begins at a multiple of 8,
// and the byte size of each entry.
func encodeHeader(metadata map[string]string, entries []Entry) (head []byte, sizes []int64, err error) {
	var b bytes.Buffer
	b.WriteString("........{") // the first 8 bytes become the length
	if len(metadata) > 0 {
		b.WriteString(quote(metadataKey) + ":")
		if err := appendMetadata(&b, metadata); err != nil {
			return nil, nil, err
		}
	}
	at, seen := int64(0), map[string]bool{metadataKey: true}
	for _, e := range entries {
		size, err := checkEntry(e, seen)
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", e.Name, err)
		}
		if b.Len() > 9 {
			b.WriteByte(',')
		}
		shape, _ := json.Marshal(append([]int{}, e.Shape...)) // [] rather than null
		fmt.Fprintf(&b, `%s:{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}`,
			quote(e.Name), e.DType, shape, at, at+size)
		sizes = append(sizes, size)
		at += size
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	binary.LittleEndian.PutUint64(b.Bytes(), uint64(b.Len()-8))
	return b.Bytes(), sizes, nil
}

// appendMetadata writes the metadata object. encoding/json sorts the keys of a map.
func appendMetadata(b *bytes.Buffer, metadata map[string]string) error {
	for k, v := range metadata {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return fmt.Errorf("metadata %q is not UTF-8", k)
		}
	}
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(metadata)
	b.Truncate(b.Len() - 1) // Encode's newline
	return err
}

// checkEntry refuses what the reader would refuse, and notes the name as seen.
func checkEntry(e Entry, seen map[string]bool) (size int64, err error) {
	switch {
	case seen[e.Name]:
		return 0, errors.New("name is used twice or reserved")
	case !utf8.ValidString(e.Name):
		return 0, errors.New("name is not UTF-8")
	case len(e.Name) > maxName:
		return 0, fmt.Errorf("name has %d bytes, above %d", len(e.Name), maxName)
	}
	seen[e.Name] = true
	return bytesOf(e.DType, e.Shape)
}

// quote is s as a JSON string.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.Encode(s) // a string always encodes
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// A counter passes bytes on up to a limit: one tensor must not spill into the next.
type counter struct {
	w    io.Writer
	left int64
}

// Write refuses a piece that is too long as a whole, rather than writing the part that fits.
func (c *counter) Write(b []byte) (int, error) {
	if int64(len(b)) > c.left {
		return 0, fmt.Errorf("%d bytes more than its shape has", int64(len(b))-c.left)
	}
	n, err := c.w.Write(b)
	c.left -= int64(n)
	return n, err
}
