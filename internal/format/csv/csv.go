// Package csv writes embeddings and image lists as comma-separated text (RFC 4180), and reads
// embeddings back.
//
//	filename,embedding_0,embedding_1,…      the header of lightly-train
//	row,id,path,label                       what a row of vectors.npy belongs to
package csv

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Embeddings writes one line a picture.
type Embeddings struct {
	w    *csv.Writer
	line []string
}

// NewEmbeddings writes the header for embeddings of dims numbers.
func NewEmbeddings(w io.Writer, dims int) (*Embeddings, error) {
	if dims < 1 {
		return nil, fmt.Errorf("embeddings of %d numbers", dims)
	}
	e := &Embeddings{csv.NewWriter(w), make([]string, 1+dims)}
	return e, e.w.Write(columns(e.line))
}

// columns fills in the header: "filename" and the numbered columns.
func columns(line []string) []string {
	line[0] = "filename"
	for i := range line[1:] {
		line[1+i] = "embedding_" + strconv.Itoa(i)
	}
	return line
}

// Write writes one line. Eight digits lose nothing that a float32 distance would show, and keep the
// file a third smaller than the nine that its every bit would take.
func (e *Embeddings) Write(filename string, v []float32) error {
	if len(v) != len(e.line)-1 {
		return fmt.Errorf("%s: %d numbers, the header has %d", filename, len(v), len(e.line)-1)
	}
	e.line[0] = filename
	for i, x := range v {
		e.line[1+i] = strconv.FormatFloat(float64(x), 'g', 8, 64)
	}
	return e.w.Write(e.line)
}

// Flush writes out what is buffered and returns the first error of all writes.
func (e *Embeddings) Flush() error {
	e.w.Flush()
	return e.w.Error()
}

// IDs writes which picture each row of a matrix belongs to.
type IDs struct {
	w    *csv.Writer
	rows int
}

// NewIDs writes the header.
func NewIDs(w io.Writer) (*IDs, error) {
	ids := &IDs{w: csv.NewWriter(w)}
	return ids, ids.w.Write([]string{"row", "id", "path", "label"})
}

// Write writes the line of the next row. A label that is not known is "".
func (w *IDs) Write(id int, path, label string) error {
	w.rows++
	return w.w.Write([]string{strconv.Itoa(w.rows - 1), strconv.Itoa(id), path, label})
}

// Flush writes out what is buffered and returns the first error of all writes.
func (w *IDs) Flush() error {
	w.w.Flush()
	return w.w.Error()
}

// Limits on what a file of unknown origin may hold.
const (
	maxDims = 1 << 16
	maxRows = 100_000_000
)

// ReadEmbeddings reads a file that Embeddings wrote: names, and their vectors one after another.
func ReadEmbeddings(r io.Reader) (names []string, vectors []float32, dims int, err error) {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	head, err := in.Read()
	if err == io.EOF {
		err = errors.New("no header line")
	}
	if err != nil {
		return nil, nil, 0, err
	}
	if dims, err = checkHeader(head); err != nil {
		return nil, nil, 0, err
	}
	for {
		row, err := in.Read() // as many fields as the header, or an error that says where
		if err == io.EOF {
			return names, vectors, dims, nil
		}
		if err != nil {
			return nil, nil, 0, err
		}
		if len(names) == maxRows {
			return nil, nil, 0, fmt.Errorf("more than %d rows", maxRows)
		}
		if vectors, err = appendRow(vectors, row[1:]); err != nil {
			line, _ := in.FieldPos(0)
			return nil, nil, 0, fmt.Errorf("line %d: %w", line, err)
		}
		names = append(names, row[0])
	}
}

// checkHeader returns the number of dimensions.
func checkHeader(head []string) (int, error) {
	dims := len(head) - 1
	if dims < 1 || dims > maxDims {
		return 0, fmt.Errorf("header has %d columns, expected filename and embedding_0 and so on", len(head))
	}
	for i, want := range columns(make([]string, len(head))) {
		if head[i] != want {
			return 0, fmt.Errorf("column %d is %.40q, expected %q", i+1, head[i], want)
		}
	}
	return dims, nil
}

// appendRow appends the numbers of one line.
func appendRow(vectors []float32, fields []string) ([]float32, error) {
	for _, f := range fields {
		x, err := strconv.ParseFloat(f, 32)
		if err != nil {
			return nil, fmt.Errorf("%.40q is not a number", f)
		}
		vectors = append(vectors, float32(x))
	}
	return vectors, nil
}
