package safetensors

import (
	"bytes"
	"encoding/binary"
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

	"kith/internal/testflag"
)

// raw builds a file of any header and data, well-formed or not.
func raw(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func read(b []byte) (*File, error) { return Read(bytes.NewReader(b), int64(len(b))) }

func mustWrite(t testing.TB, metadata map[string]string, entries ...Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, metadata, entries); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	inf := float32(math.Inf(-1))
	signaling := math.Float32frombits(0x7f800001) // a way through float64 would make it quiet
	entries := []Entry{
		Of("u", []int{3}, []uint8{1, 2, 255}),
		Of("w", []int{2, 2}, []float32{1.5, float32(math.Copysign(0, -1)), inf, signaling}),
		Of("n", nil, []int64{math.MinInt64}),
		Of("empty", []int{0, 7}, []float32{}),
		Of("i", []int{2}, []int32{-1, math.MaxInt32}),
		Of(`odd "name" <&> é`, []int{1}, []float64{math.Pi}),
		Raw("b", BF16, []int{2}, []byte{0x80, 0x3f, 0x00, 0xc0}),
	}
	f, err := read(mustWrite(t, map[string]string{"producer": "kith", "a<b": "é"}, entries...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"producer": "kith", "a<b": "é"}, f.Metadata); diff != "" {
		t.Error(diff)
	}
	w, err := Values[float32](f, "w")
	if err != nil || math.Float32bits(w[1]) != 1<<31 || math.Float32bits(w[3]) != 0x7f800001 || w[2] != inf {
		t.Errorf("w = %x, %v", w, err)
	}
	check(t, f, "n", []int64{math.MinInt64})
	check(t, f, "i", []int32{-1, math.MaxInt32})
	check(t, f, "u", []uint8{1, 2, 255})
	check(t, f, "u", []int32{1, 2, 255})
	check(t, f, "empty", []float32{})
	check(t, f, "b", []float32{1, -2})
	check(t, f, `odd "name" <&> é`, []float64{math.Pi})
	if n, _ := f.Lookup("n"); len(n.Shape) != 0 || n.Elements() != 1 {
		t.Errorf("scalar is %v of %d elements", n, n.Elements())
	}
}

func check[T Number](t *testing.T, f *File, name string, want []T) {
	t.Helper()
	got, err := Values[T](f, name)
	if err != nil {
		t.Error(err)
	} else if !slices.Equal(want, got) {
		t.Errorf("%s: got %.5v…, want %.5v…", name, got[:min(9, len(got))], want[:min(9, len(want))])
	}
}

// The bytes are fixed: a change of them changes every export's hash.
func TestGoldenBytes(t *testing.T) {
	got := mustWrite(t, map[string]string{"producer": "kith test", "format": "pt"},
		Of("b", []int{1}, []uint8{7}), Of("a", []int{}, []float32{1}))
	head := `{"__metadata__":{"format":"pt","producer":"kith test"},` +
		`"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},` +
		`"b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}}`
	want := append(raw(head+strings.Repeat(" ", (8-len(head)%8)%8), 0), 0, 0, 0x80, 0x3f, 7)
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
	n, err := Size(map[string]string{"producer": "kith test", "format": "pt"},
		[]Entry{Of("b", []int{1}, []uint8{7}), Of("a", []int{}, []float32{1})})
	if n != int64(len(want)) || err != nil {
		t.Errorf("Size = %d, %v; wrote %d", n, err, len(want))
	}
}

// A tensor that spans several chunks meets its neighbors at the right places.
func TestChunks(t *testing.T) {
	for _, n := range []int{chunk/4 - 1, chunk / 4, chunk/4 + 1, chunk/2 + 3} {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(i)
		}
		f, err := read(mustWrite(t, nil, Of("before", []int{1}, []float32{-1}), Of("v", []int{n}, v),
			Of("after", []int{1}, []float32{-2})))
		if err != nil {
			t.Fatal(err)
		}
		check(t, f, "v", v)
		check(t, f, "after", []float32{-2})
	}
}

func TestRefused(t *testing.T) {
	const ok = `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	tensor := func(s string) string { return `{"a":{` + s + `}}` }
	cases := []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "at least 8"},
		{"seven bytes", make([]byte, 7), "at least 8"},
		{"length beyond file", append([]byte{9, 0, 0, 0, 0, 0, 0, 0}, "{}      "...), "claims 9 bytes in a file of 16"},
		{"length of 2^63", append([]byte{0, 0, 0, 0, 0, 0, 0, 0x80}, "{}"...), "claims 9223372036854775808"},
		{"length all ones", bytes.Repeat([]byte{0xff}, 64), "claims 18446744073709551615"},
		{"zip", append([]byte("PK\x03\x04\x14\x00\x00\x08"), "archive/data.pkl"...), "pickle"},
		{"pickle", append([]byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46"), " "...), "pickle"},
		{"no header", raw("", 0), "EOF"},
		{"array", raw("[]", 0), "expected {"},
		{"half a header", raw(ok[:20], 8), "header"},
		{"not UTF-8", raw("{\"\xff\":1}", 0), "not UTF-8"},
		{"null tensor", raw(`{"a":null}`, 0), "expected {"},
		{"text after the object", raw(ok+"x", 8), "1 bytes after"},
		{"second object", raw(ok+" {}", 8), "2 bytes after"},
		{"zero byte after the object", raw(ok+"\x00", 8), "after"},
		{"duplicate tensor", raw(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), `"a" appears twice`},
		{"duplicate by escape", raw(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), `"a" appears twice`},
		{"duplicate field", raw(tensor(`"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]`), 8), `"dtype" appears twice`},
		{"duplicate metadata", raw(`{"__metadata__":{},"__metadata__":{}}`, 0), "appears twice"},
		{"metadata number", raw(`{"__metadata__":{"a":1}}`, 0), "expected a string"},
		{"metadata nested", raw(`{"__metadata__":{"a":{}}}`, 0), "expected a string"},
		{"metadata null", raw(`{"__metadata__":null}`, 0), "expected {"},
		{"unknown dtype", raw(tensor(`"dtype":"F33","shape":[2],"data_offsets":[0,8]`), 8), `"F33" is not supported`},
		{"lower-case dtype", raw(tensor(`"dtype":"f32","shape":[2],"data_offsets":[0,8]`), 8), "not supported"},
		{"unknown field", raw(tensor(`"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1`), 8), `unknown key "x"`},
		{"field in other case", raw(tensor(`"DType":"F32","shape":[2],"data_offsets":[0,8]`), 8), `unknown key "DType"`},
		{"no shape", raw(tensor(`"dtype":"F32","data_offsets":[0,8]`), 8), "needs dtype"},
		{"one offset", raw(tensor(`"dtype":"F32","shape":[2],"data_offsets":[8]`), 8), "two data_offsets"},
		{"three offsets", raw(tensor(`"dtype":"F32","shape":[2],"data_offsets":[0,8,8]`), 8), "more than two"},
		{"negative size", raw(tensor(`"dtype":"F32","shape":[-2],"data_offsets":[0,8]`), 8), "not a whole number"},
		{"negative zero", raw(tensor(`"dtype":"F32","shape":[-0],"data_offsets":[0,0]`), 0), "not a whole number"},
		{"fraction", raw(tensor(`"dtype":"F32","shape":[2.0],"data_offsets":[0,8]`), 8), "not a whole number"},
		{"exponent", raw(tensor(`"dtype":"F32","shape":[2e0],"data_offsets":[0,8]`), 8), "not a whole number"},
		{"text size", raw(tensor(`"dtype":"F32","shape":["2"],"data_offsets":[0,8]`), 8), "expected a number"},
		{"size beyond 64 bits", raw(tensor(`"dtype":"U8","shape":[18446744073709551617],"data_offsets":[0,1]`), 1), "not a whole number"},
		{"product wraps to 8", raw(tensor(`"dtype":"F32","shape":[4611686018427387906,1],"data_offsets":[0,8]`), 8), "too large"},
		{"product wraps to 0", raw(tensor(`"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]`), 0), "too large"},
		{"span too short", raw(tensor(`"dtype":"F32","shape":[2],"data_offsets":[0,7]`), 7), "takes 8 bytes, offsets span 7"},
		{"reversed offsets", raw(tensor(`"dtype":"F32","shape":[2],"data_offsets":[8,0]`), 8), "offsets span -8"},
		{"hole at the start", raw(tensor(`"dtype":"F32","shape":[2],"data_offsets":[4,12]`), 12), "begins at 4"},
		{"hidden bytes at the end", raw(ok, 9), "file holds 9"},
		{"cut data", raw(ok, 7), "file holds 7"},
		{"overlap", raw(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}`, 6), `"b" begins at 2`},
		{"same range", raw(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`, 4), "begins at 0"},
		{"hole", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3), `"b" begins at 2`},
		{"rank 65", raw(tensor(`"dtype":"U8","shape":[1`+strings.Repeat(",1", 64)+`],"data_offsets":[0,1]`), 1), "rank is above 64"},
		{"long name", raw(`{"`+strings.Repeat("n", 1025)+`":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), "1025 bytes"},
		{"deep nesting", raw(`{"a":`+strings.Repeat("[", 1<<20)+`}`, 0), "expected {"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := read(c.file); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
	if _, err := read(raw(ok, 8)); err != nil {
		t.Errorf("the file that the cases vary is refused: %v", err)
	}
}

// What other writers do and the format allows.
func TestTolerated(t *testing.T) {
	const a = `"a":{"data_offsets":[0,8],"shape":[2],"dtype":"F32"}`
	for _, h := range []string{
		"{" + a + "}", "  \n{" + a + "}", "{" + a + "}  \t\r\n ", "{}", `{"__metadata__":{}}`,
		`{` + a + `,"__metadata__":{"a":"b"}}`,
		`{"z":{"dtype":"F32","shape":[0],"data_offsets":[8,8]},"y":{"dtype":"U8","shape":[3,0],"data_offsets":[0,0]},` + a + `}`,
		`{"":{"dtype":"BOOL","shape":[8],"data_offsets":[0,8]}}`,
		`{"../../etc/passwd":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}`, // a name, never a path
	} {
		n := 8
		if !strings.Contains(h, "[0,8]") {
			n = 0
		}
		if _, err := read(raw(h, n)); err != nil {
			t.Errorf("%s: %v", h, err)
		}
	}
}

// Files made to cost: each is refused without the memory that it asks for.
func TestAttacks(t *testing.T) {
	var many strings.Builder
	for i := range 100_000 { // each overlaps the one before by half
		fmt.Fprintf(&many, `,"%d":{"dtype":"U8","shape":[2],"data_offsets":[%d,%d]}`, i, i, i+2)
	}
	if _, err := read(raw("{"+many.String()[1:]+"}", 100_001)); err == nil || !strings.Contains(err.Error(), "begins at 1") {
		t.Errorf("overlapping: got %v", err)
	}
	if testflag.Long() { // a million tensors take seconds to refuse
		var shared strings.Builder
		for i := range 1_000_001 {
			fmt.Fprintf(&shared, `,"%x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`, i)
		}
		if _, err := read(raw("{"+shared.String()[1:]+"}", 0)); err == nil || !strings.Contains(err.Error(), "more than 1000000 tensors") {
			t.Errorf("sharing: got %v", err)
		}
	}
	// A claim of 100 MB in a file of 100 bytes must cost nothing.
	claim := append(binary.LittleEndian.AppendUint64(nil, maxHeader), make([]byte, 92)...)
	allocs := testing.AllocsPerRun(10, func() { read(claim) })
	if allocs > 20 {
		t.Errorf("a lying length costs %v allocations", allocs)
	}
}

func TestWriteRefused(t *testing.T) {
	short := Entry{"a", F32, []int{2}, func(w io.Writer) error { _, err := w.Write(make([]byte, 7)); return err }}
	for _, c := range []struct {
		want     string
		metadata map[string]string
		entries  []Entry
	}{
		{"twice", nil, []Entry{Of("a", []int{1}, []uint8{1}), Of("a", []int{1}, []uint8{1})}},
		{"reserved", nil, []Entry{Of("__metadata__", []int{1}, []uint8{1})}},
		{"not UTF-8", nil, []Entry{Of("\xff", []int{1}, []uint8{1})}},
		{"not UTF-8", map[string]string{"a": "\xff"}, nil},
		{"above 1024", nil, []Entry{Of(strings.Repeat("n", 1025), []int{1}, []uint8{1})}},
		{"negative", nil, []Entry{Of("a", []int{-1}, []uint8{1})}},
		{"rank 65", nil, []Entry{Of("a", make([]int, 65), []uint8{})}},
		{`"C64" is not supported`, nil, []Entry{Raw("a", "C64", []int{1}, make([]byte, 8))}},
		{"1 bytes short", nil, []Entry{short}},
		{"4 bytes more", nil, []Entry{Of("a", []int{1}, []float32{1, 2})}},
	} {
		if err := Write(io.Discard, c.metadata, c.entries); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want an error with %q", err, c.want)
		}
	}
}

type brokenWriter struct{ left int }

var errDisk = errors.New("disk full")

func (w *brokenWriter) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left < 0 {
		return 0, errDisk
	}
	return len(b), nil
}

// Every write may be the one that fails, and the error comes out.
func TestWriteErrors(t *testing.T) {
	entries := []Entry{Of("a", []int{3}, []float32{1, 2, 3}), Of("b", []int{1}, []uint8{1})}
	n, err := Size(nil, entries)
	if err != nil {
		t.Fatal(err)
	}
	for left := range int(n) {
		if err := Write(&brokenWriter{left}, nil, entries); !errors.Is(err, errDisk) {
			t.Errorf("disk full after %d of %d bytes: got %v", left, n, err)
		}
	}
}

func TestConversions(t *testing.T) {
	f, err := read(mustWrite(t, nil,
		Raw("f16", F16, []int{7}, []byte{0, 0x3c, 0xff, 0x7b, 1, 0, 0, 0x80, 0, 0x7c, 0, 0xfc, 0, 0x7e}),
		Of("i64", []int{1}, []int64{300}), Of("f64", []int{1}, []float64{1.0 / 3}),
		Raw("bool", Bool, []int{2}, []byte{1, 2}), Raw("u64", U64, []int{1}, bytes.Repeat([]byte{255}, 8)),
		Raw("i8", I8, []int{1}, []byte{255}), Raw("i16", I16, []int{1}, []byte{0, 0x80}),
		Raw("u16", U16, []int{1}, []byte{0, 0x80}), Raw("u32", U32, []int{1}, []byte{0, 0, 0, 0x80}),
	))
	if err != nil {
		t.Fatal(err)
	}
	h, err := Values[float32](f, "f16")
	if err != nil {
		t.Fatal(err)
	}
	want := []float32{1, 65504, 0x1p-24, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1))}
	for i, w := range want {
		if math.Float32bits(h[i]) != math.Float32bits(w) {
			t.Errorf("half %d is %v, want %v", i, h[i], w)
		}
	}
	if h[6] == h[6] {
		t.Errorf("half NaN is %v", h[6])
	}
	check(t, f, "f64", []float32{1.0 / 3})
	check(t, f, "i8", []int32{-1})
	check(t, f, "i16", []int32{-32768})
	check(t, f, "u16", []int32{32768})
	check(t, f, "u32", []int64{1 << 31})
	for _, c := range []struct {
		want string
		err  error
	}{
		{"does not fit", errOf(Values[uint8](f, "i64"))},
		{"does not fit", errOf(Values[int32](f, "u32"))},
		{"does not fit", errOf(Values[int64](f, "u64"))},
		{"does not fit", errOf(Values[uint8](f, "bool"))},
		{"does not fit", errOf(Values[uint8](f, "i8"))},
		{"cannot be read as float32", errOf(Values[float32](f, "i64"))},
		{"cannot be read as int64", errOf(Values[int64](f, "f64"))},
		{`no tensor "x"`, errOf(Values[int64](f, "x"))},
		{`no tensor "x"`, errOf(f.Bytes("x"))},
		{`"f16" F16[7] holds +Inf at element 4`, f.Finite()},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("got %v, want an error with %q", c.err, c.want)
		}
	}
}

func errOf[T any](_ T, err error) error { return err }

func TestMatch(t *testing.T) {
	f, err := read(mustWrite(t, nil, Of("a", []int{2, 3}, make([]float32, 6)), Of("b", []int{1}, []int32{1})))
	if err != nil {
		t.Fatal(err)
	}
	a, b := Info{Name: "a", DType: F32, Shape: []int{2, 3}}, Info{Name: "b", DType: I32, Shape: []int{1}}
	if err := f.Match([]Info{b, a}); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		infos []Info
		want  string
	}{
		{[]Info{a}, `"b" I32[1] is not expected`},
		{[]Info{a, b, {Name: "c", DType: F32}}, `"c" F32[] is missing`},
		{[]Info{{Name: "a", DType: F32, Shape: []int{3, 2}}, b}, `"a" F32[2 3], expected F32[3 2]`},
		{[]Info{{Name: "a", DType: F64, Shape: []int{2, 3}}, b}, `expected F64[2 3]`},
		{[]Info{{Name: "1"}, {Name: "2"}, {Name: "3"}, {Name: "4"}}, "and 1 more"},
	} {
		if err := f.Match(c.infos); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

// A file that shrinks after it was opened gives an error. Through a memory map it would kill the
// process.
func TestCutWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := Save(path, nil, []Entry{Of("a", []int{1 << 16}, make([]float32, 1<<16))}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := Values[float32](f, "a"); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want io.EOF", err)
	}
	if _, err := f.Bytes("a"); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want io.EOF", err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names the file", err)
	}
	if _, err := Open(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// FuzzRead: no input may panic or cost more than its own size, and whatever is accepted must
// survive being written and read again.
func FuzzRead(f *testing.F) {
	f.Add(mustWrite(f, map[string]string{"format": "pt"}, Of("a", []int{2}, []float32{1, 2}), Of("n", nil, []int64{3})))
	f.Add(raw(`{"a":{"dtype":"F16","shape":[1,2],"data_offsets":[0,4]}}`, 4))
	f.Add(raw(`{"__metadata__":{"a":"b"},"b":{"dtype":"BOOL","shape":[0],"data_offsets":[0,0]}}`, 0))
	f.Add([]byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46"))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := read(b)
		if err != nil {
			return
		}
		total := int64(0)
		var entries []Entry
		for _, info := range x.Tensors() {
			total += info.Bytes()
			elements, err := x.Bytes(info.Name)
			if err != nil {
				t.Fatal(err)
			}
			entries = append(entries, Raw(info.Name, info.DType, info.Shape, elements))
		}
		if total >= int64(len(b)) {
			t.Fatalf("%d bytes of tensors in a file of %d", total, len(b))
		}
		x.Finite()
		y, err := read(mustWrite(t, x.Metadata, entries...))
		if err != nil {
			t.Fatal(err)
		}
		if err := y.Match(x.Tensors()); err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			a, _ := x.Bytes(e.Name)
			if b, err := y.Bytes(e.Name); err != nil || !bytes.Equal(a, b) {
				t.Fatalf("%s: %x became %x, %v", e.Name, a, b, err)
			}
		}
	})
}
