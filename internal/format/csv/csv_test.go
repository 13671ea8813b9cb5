package csv

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEmbeddings(t *testing.T) {
	var b bytes.Buffer
	e, err := NewEmbeddings(&b, 3)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]float32{
		"cats/a.png":       {0.5, -1, 1.0 / 3},
		`odd, "name".jpg`:  {1e-10, 123456789, 0},
		"line\nbreak.png":  {float32(math.Inf(1)), float32(math.Copysign(0, -1)), 1e20},
		" leading space é": {1, 2, 3},
	}
	names := []string{"cats/a.png", `odd, "name".jpg`, "line\nbreak.png", " leading space é"}
	for _, name := range names {
		if err := e.Write(name, rows[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Write("short", []float32{1}); err == nil || !strings.Contains(err.Error(), "1 numbers, the header has 3") {
		t.Errorf("got %v", err)
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "filename,embedding_0,embedding_1,embedding_2\n" +
		"cats/a.png,0.5,-1,0.33333334\n" +
		"\"odd, \"\"name\"\".jpg\",1e-10,1.2345679e+08,0\n" +
		"\"line\nbreak.png\",+Inf,-0,1e+20\n" +
		"\" leading space é\",1,2,3\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	gotNames, vectors, dims, err := ReadEmbeddings(&b)
	if err != nil || dims != 3 || !slices.Equal(gotNames, names) {
		t.Fatalf("%v of %d, %v", gotNames, dims, err)
	}
	for i, name := range names {
		for j, x := range rows[name] {
			got := vectors[3*i+j]
			if math.Abs(float64(got-x)) > 1e-7*math.Abs(float64(x)) { // half a unit of the eighth digit
				t.Errorf("%q, %d: %v became %v", name, j, x, got)
			}
		}
	}
}

func TestIDs(t *testing.T) {
	var b bytes.Buffer
	w, err := NewIDs(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{w.Write(7, "a,b.png", "cat"), w.Write(3, "c.png", ""), w.Flush()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := "row,id,path,label\n0,7,\"a,b.png\",cat\n1,3,c.png,\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

type full struct{}

var errFull = errors.New("disk full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrors(t *testing.T) {
	e, err := NewEmbeddings(full{}, 1)
	if err == nil {
		err = e.Flush()
	}
	if !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
	w, err := NewIDs(full{})
	if err == nil {
		err = w.Flush()
	}
	if !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
	if _, err := NewEmbeddings(full{}, 0); err == nil {
		t.Error("embeddings of no numbers")
	}
}

func TestRefused(t *testing.T) {
	const head = "filename,embedding_0,embedding_1\n"
	for _, c := range []struct{ text, want string }{
		{"", "no header"},
		{"filename\n", "header has 1 columns"},
		{"file,embedding_0\n", `column 1 is "file"`},
		{"filename,embedding_1\n", `column 2 is "embedding_1", expected "embedding_0"`},
		{head + "a,1\n", "wrong number of fields"},
		{head + "a,1,2,3\n", "wrong number of fields"},
		{head + "a,1,x\n", `line 2: "x" is not a number`},
		{head + "a,1,2\nb,1,1e99\n", `line 3: "1e99" is not a number`},
		{head + "\"a,1,2\n", "\""},
	} {
		if _, _, _, err := ReadEmbeddings(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.text, err, c.want)
		}
	}
}

// FuzzReadEmbeddings: no text may panic; what is accepted is consistent and survives a rewrite.
func FuzzReadEmbeddings(f *testing.F) {
	f.Add("filename,embedding_0,embedding_1\na.png,1,-2.5e-3\n\"b,\"\"\n\",nan,inf\n")
	f.Add("filename,embedding_0\n")
	f.Fuzz(func(t *testing.T, text string) {
		names, vectors, dims, err := ReadEmbeddings(strings.NewReader(text))
		if err != nil {
			return
		}
		if len(vectors) != len(names)*dims {
			t.Fatalf("%d names, %d numbers, %d each", len(names), len(vectors), dims)
		}
		var b bytes.Buffer
		e, err := NewEmbeddings(&b, dims)
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			if err := e.Write(name, vectors[i*dims:(i+1)*dims]); err != nil {
				t.Fatal(err)
			}
		}
		e.Flush()
		again, _, _, err := ReadEmbeddings(&b)
		if err != nil || !slices.Equal(again, names) {
			t.Fatalf("%q became %q, %v", names, again, err)
		}
	})
}

func ExampleEmbeddings() {
	var b strings.Builder
	e, err := NewEmbeddings(&b, 2)
	if err != nil {
		panic(err)
	}
	e.Write("cat.png", []float32{0.6, 0.8})
	e.Flush()
	fmt.Print(b.String())
	// Output:
	// filename,embedding_0,embedding_1
	// cat.png,0.60000002,0.80000001
}
