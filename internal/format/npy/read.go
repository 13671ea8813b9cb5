package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// An Array is an open array file. The elements stay in the file until asked for.
type Array struct {
	Descr string // element type: <f4 <f8 <i4 <i8 |u1
	Shape []int

	data *io.SectionReader
}

// headerPattern is the dictionary as NumPy writes it: three keys, in this order.
var headerPattern = regexp.MustCompile(
	`^\{'descr': *'([^']{1,8})', *'fortran_order': *(True|False), *'shape': *\(([0-9, ]*)\),? *\} *\n?$`)

// Read reads the header of a file of size bytes and compares it with that size. C order only.
func Read(r io.ReaderAt, size int64) (*Array, error) {
	text, begin, err := readHeader(r, size)
	if err != nil {
		return nil, err
	}
	m := headerPattern.FindStringSubmatch(text)
	if m == nil {
		return nil, fmt.Errorf("header %.80q is not understood", text)
	}
	a := &Array{Descr: m[1], data: io.NewSectionReader(r, begin, size-begin)}
	switch {
	case sizes[a.Descr] == 0:
		return nil, fmt.Errorf("element type %q is not supported", a.Descr)
	case m[2] == "True":
		return nil, errors.New("column-major order is not supported")
	}
	if a.Shape, err = parseTuple(m[3]); err != nil {
		return nil, err
	}
	n, ok := elements(a.Shape, sizes[a.Descr])
	if want := n * int64(sizes[a.Descr]); !ok || want != size-begin {
		return nil, fmt.Errorf("shape %v of %s does not match %d bytes of data", a.Shape, a.Descr, size-begin)
	}
	return a, nil
}

// readHeader returns the dictionary and where the data begins. Lengths are checked against the
// file's size before memory is asked for.
func readHeader(r io.ReaderAt, size int64) (text string, begin int64, err error) {
	var b [12]byte
	n := min(size, int64(len(b)))
	if _, err := r.ReadAt(b[:n], 0); err != nil && err != io.EOF {
		return "", 0, err
	}
	if n < 10 || string(b[:6]) != magic {
		return "", 0, errors.New("not an npy file")
	}
	length := int64(binary.LittleEndian.Uint16(b[8:]))
	switch begin = 10; b[6] {
	case 1:
	case 2, 3: // a longer length; 3 allows UTF-8, which our pattern does not
		begin, length = 12, int64(binary.LittleEndian.Uint32(b[8:]))
	default:
		return "", 0, fmt.Errorf("version %d.%d is not supported", b[6], b[7])
	}
	if length > maxHeader || begin+length > size {
		return "", 0, fmt.Errorf("header claims %d bytes in a file of %d", length, size)
	}
	dict := make([]byte, length)
	if n, err := r.ReadAt(dict, begin); n < len(dict) {
		return "", 0, err
	}
	return string(dict), begin + length, nil
}

// parseTuple reads what stands between the parentheses of a shape: "", "3,", "3, 2".
func parseTuple(text string) ([]int, error) {
	shape := []int{}
	words := strings.Split(text, ",")
	if last := len(words) - 1; strings.TrimSpace(words[last]) == "" {
		words = words[:last]
	}
	if len(words) > maxRank {
		return nil, fmt.Errorf("rank %d is above %d", len(words), maxRank)
	}
	for _, w := range words {
		n, err := strconv.Atoi(strings.TrimSpace(w))
		if err != nil {
			return nil, fmt.Errorf("shape (%.80s) is not understood", text)
		}
		shape = append(shape, n)
	}
	return shape, nil
}

// Values returns the elements as T, which must be the file's own type or, for floats, the other one.
func Values[T Number](a *Array) ([]T, error) {
	size := sizes[a.Descr]
	same := descr[T]() == a.Descr
	if both := descr[T]() + a.Descr; !same && both != "<f4<f8" && both != "<f8<f4" {
		return nil, fmt.Errorf("elements are %s, not %s", a.Descr, descr[T]())
	}
	out := make([]T, a.data.Size()/int64(size))
	buf := make([]byte, min(a.data.Size(), int64(batch*size)))
	for at := 0; at < len(out); at += batch {
		part := buf[:min(batch, len(out)-at)*size]
		if n, err := a.data.ReadAt(part, int64(at*size)); n < len(part) {
			return nil, fmt.Errorf("elements from %d on: %w", at, err)
		}
		for i := 0; i < len(part); i += size {
			out[at+i/size] = decode[T](a.Descr, part[i:])
		}
	}
	return out, nil
}

// decode reads one element.
func decode[T Number](descr string, b []byte) T {
	le := binary.LittleEndian
	switch descr {
	case "<f4":
		return T(math.Float32frombits(le.Uint32(b)))
	case "<f8":
		return T(math.Float64frombits(le.Uint64(b)))
	case "<i4":
		return T(int32(le.Uint32(b)))
	case "<i8":
		return T(int64(le.Uint64(b)))
	}
	return T(b[0])
}
