package npy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// numpySaved is what NumPy 2.4.6 saves for np.arange(6, dtype='<f4').reshape(2, 3).
var numpySaved = "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }" +
	strings.Repeat(" ", 58) + "\n" + "\x00\x00\x00\x00\x00\x00\x80?\x00\x00\x00@\x00\x00@@\x00\x00\x80@\x00\x00\xa0@"

func read(b []byte) (*Array, error) { return Read(bytes.NewReader(b), int64(len(b))) }

func TestNumPy(t *testing.T) {
	a, err := read([]byte(numpySaved))
	if err != nil {
		t.Fatal(err)
	}
	v, err := Values[float32](a)
	if err != nil || !slices.Equal(v, []float32{0, 1, 2, 3, 4, 5}) || !slices.Equal(a.Shape, []int{2, 3}) {
		t.Errorf("%v %v, %v", a.Shape, v, err)
	}
	var b bytes.Buffer
	if err := Write(&b, []int{2, 3}, v); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(numpySaved, b.String()); diff != "" {
		t.Error(diff)
	}
}

func roundTrip[T Number](t *testing.T, shape []int, v []T) {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, shape, v); err != nil {
		t.Fatal(err)
	}
	if at := b.Len() - len(v)*sizes[descr[T]()]; at%64 != 0 {
		t.Errorf("%T%v: data begins at %d", v, shape, at)
	}
	a, err := read(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	got, err := Values[T](a)
	if err != nil || !slices.Equal(got, v) || !slices.Equal(a.Shape, shape) {
		t.Errorf("%T%v: got %v %v, %v", v, shape, a.Shape, got, err)
	}
}

func TestRoundTrip(t *testing.T) {
	roundTrip(t, []int{}, []float64{math.Inf(-1)})
	roundTrip(t, []int{3}, []int32{-1, 0, math.MaxInt32})
	roundTrip(t, []int{0, 5}, []float32{})
	roundTrip(t, []int{2, 1, 2}, []int64{math.MinInt64, 1, 2, 3})
	roundTrip(t, []int{4}, []uint8{0, 1, 254, 255})
	roundTrip(t, []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, []uint8{7}) // a longer header
	big := make([]float32, 2*batch+1)
	big[2*batch] = 5
	roundTrip(t, []int{len(big)}, big)
}

func TestFloatConversion(t *testing.T) {
	a, err := read([]byte(numpySaved))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := Values[float64](a); err != nil || v[5] != 5 {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := Values[int32](a); err == nil || err.Error() != "elements are <f4, not <i4" {
		t.Errorf("got %v", err)
	}
}

// Streamed, the file has the bytes of one that was written at once but for more padding.
func TestWriter(t *testing.T) {
	for _, rows := range []int{0, 1, 3, 12345} {
		file, err := os.Create(filepath.Join(t.TempDir(), "v.npy"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		w, err := NewWriter[float32](file, 2)
		if err != nil {
			t.Fatal(err)
		}
		var want []float32
		for i := range rows {
			row := []float32{float32(i), -float32(i)}
			want = append(want, row...)
			if err := w.Write(row); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		info, err := file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		a, err := Read(file, info.Size())
		if err != nil {
			t.Fatal(err)
		}
		got, err := Values[float32](a)
		if err != nil || !slices.Equal(got, want) || !slices.Equal(a.Shape, []int{rows, 2}) {
			t.Errorf("%d rows: shape %v, %v", rows, a.Shape, err)
		}
	}
}

// seekBuffer is an io.WriteSeeker that fails after some bytes.
type seekBuffer struct{ left int }

var errFull = errors.New("disk full")

func (s *seekBuffer) Write(b []byte) (int, error) {
	if s.left -= len(b); s.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func (s *seekBuffer) Seek(int64, int) (int64, error) { return 0, nil }

func TestWriterErrors(t *testing.T) {
	if _, err := NewWriter[float32](&seekBuffer{}, 0); err == nil {
		t.Error("a matrix without columns")
	}
	head := len(header("<f4", []int{math.MaxInt, 2}, 0))
	for _, left := range []int{0, head, head + 8, 2*head + 7} {
		w, err := NewWriter[float32](&seekBuffer{left}, 2)
		if err == nil {
			w.Write([]float32{1, 2})
			err = w.Close()
		}
		if !errors.Is(err, errFull) {
			t.Errorf("room for %d bytes: got %v", left, err)
		}
	}
	w, err := NewWriter[float32](&seekBuffer{1 << 20}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if w.Write(make([]float32, 3)) == nil || w.Write(make([]float32, 2)) == nil || w.Close() == nil {
		t.Error("a broken row went unnoticed, or its error did not stick")
	}
	for _, shape := range [][]int{{2}, {-1}, {}, {math.MaxInt, 3}, make([]int, 33)} {
		if err := Write(io.Discard, shape, []float32{}); err == nil {
			t.Errorf("shape %v of no elements was written", shape)
		}
	}
}

func TestRefused(t *testing.T) {
	file := func(dict string, data int) []byte {
		return []byte("\x93NUMPY\x01\x00" + string([]byte{byte(len(dict)), 0}) + dict + strings.Repeat("\x00", data))
	}
	dict := func(descr, order, shape string) string {
		return fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", descr, order, shape)
	}
	for _, c := range []struct {
		want string
		file []byte
	}{
		{"not an npy file", nil},
		{"not an npy file", []byte("\x93NUMPY\x01\x00\x00")},
		{"not an npy file", []byte("\x93NUMPX\x01\x00\x00\x00")},
		{"version 9.0", []byte("\x93NUMPY\x09\x00\x00\x00")},
		{"claims 65535 bytes", []byte("\x93NUMPY\x01\x00\xff\xff")},
		{"claims 4294967295 bytes", []byte("\x93NUMPY\x02\x00\xff\xff\xff\xff")},
		{"not understood", file("", 0)},
		{"not understood", file("{}", 0)},
		{"not understood", file("__import__('os')", 0)},
		{"not understood", file(dict("<f4", "maybe", "(1,)"), 4)},
		{"not understood", file(dict("<f4", "False", "(1e3,)"), 4)},
		{"not understood", file(dict("<f4", "False", "(-1,)"), 4)},
		{"not understood", file(dict("<f4", "False", "(,,)"), 4)},
		{"not understood", file(dict("<f4", "False", "(99999999999999999999,)"), 4)},
		{`">f4" is not supported`, file(dict(">f4", "False", "(1,)"), 4)},
		{`"|O" is not supported`, file(dict("|O", "False", "(1,)"), 4)},
		{"column-major", file(dict("<f4", "True", "(1,)"), 4)},
		{"does not match 3 bytes", file(dict("<f4", "False", "(1,)"), 3)},
		{"does not match 5 bytes", file(dict("<f4", "False", "(1,)"), 5)},
		{"does not match 8 bytes", file(dict("<f8", "False", "(2305843009213693953,)"), 8)}, // 8 × 2⁶¹+8 wraps to 8
		{"does not match 0 bytes", file(dict("<f4", "False", "(4294967296, 4294967296)"), 0)},
		{"rank 33", file(dict("|u1", "False", "("+strings.Repeat("1,", 33)+")"), 1)},
	} {
		if _, err := read(c.file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.file, err, c.want)
		}
	}
	for _, ok := range []string{"()", "(1,)", "(1, 1)", "(1,1,1)"} {
		if _, err := read(file(dict("<f4", "False", ok), 4)); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
}

// FuzzRead: no input may panic or give more than it holds; what is accepted survives a rewrite.
func FuzzRead(f *testing.F) {
	f.Add([]byte(numpySaved))
	f.Add([]byte("\x93NUMPY\x02\x00\x3a\x00\x00\x00{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n\x01\x02"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := read(b)
		if err != nil || a.Descr != "<f4" {
			return
		}
		v, err := Values[float32](a)
		if err != nil || len(v)*4 > len(b) {
			t.Fatalf("%d elements of %d bytes, %v", len(v), len(b), err)
		}
		var out bytes.Buffer
		if err := Write(&out, a.Shape, v); err != nil {
			t.Fatal(err)
		}
		c, err := read(out.Bytes())
		if err != nil || !slices.Equal(c.Shape, a.Shape) {
			t.Fatalf("%v became %v, %v", a.Shape, c, err)
		}
	})
}

func ExampleWrite() {
	var b bytes.Buffer
	if err := Write(&b, []int{2}, []int32{1, 2}); err != nil {
		panic(err)
	}
	a, err := read(b.Bytes())
	if err != nil {
		panic(err)
	}
	v, err := Values[int32](a)
	fmt.Println(a.Descr, a.Shape, v, err)
	// Output: <i4 [2] [1 2] <nil>
}
