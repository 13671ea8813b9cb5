package rundir

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"kith/internal/fsys"
)

// keys begin every table. A record has them in all tables that it has columns in, so that the
// tables can be joined.
var keys = []string{"t", "kind", "step"}

const stepColumn = 2

// A table is metrics.csv and its continuations. The columns of a CSV file are fixed once its first
// row is written, so a key that comes up later, say that of the first evaluation, opens
// metrics-2.csv with the keys of its record that are not in metrics.csv, and so on.
type table struct {
	dir   *Dir
	parts []*part
	known map[string]*part // by column
}

// A part is one file of the table.
type part struct {
	columns []string // keys first
	file    *os.File
}

// partName is the file of the i-th part, counted from 0.
func partName(i int) string {
	if i == 0 {
		return "metrics.csv"
	}
	return fmt.Sprintf("metrics-%d.csv", i+1)
}

// openTable opens what an earlier process of the run has written, cut back to step. A part without a
// whole header, as a crash may leave it, is dropped with those after it: they are a copy, and
// metrics.jsonl has it all.
func (d *Dir) openTable(step int) (*table, error) {
	t := &table{dir: d, known: map[string]*part{}}
	for {
		name := partName(len(t.parts))
		err := d.cut(name, func(line []byte) bool { return rowUpTo(line, step) })
		head, ok := d.header(name)
		if err == nil && !ok {
			return t, d.dropParts(len(t.parts))
		}
		if err == nil {
			err = t.open(name, head)
		}
		if err != nil {
			t.close()
			return nil, err
		}
	}
}

// header reads the columns of an existing part; false where there are none.
func (d *Dir) header(name string) ([]string, bool) {
	file, err := os.Open(d.Join(name))
	if err != nil {
		return nil, false
	}
	defer file.Close()
	head, err := csv.NewReader(file).Read()
	ok := err == nil && len(head) > len(keys) && slices.Equal(head[:len(keys)], keys)
	return head, ok
}

// dropParts removes the parts from the i-th on.
func (d *Dir) dropParts(i int) error {
	for {
		err := os.Remove(d.Join(partName(i)))
		if errors.Is(err, fsys.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		i++
	}
}

// rowUpTo tells whether a line is the header or a row of at most the given step.
func rowUpTo(line []byte, step int) bool {
	row, err := csv.NewReader(bytes.NewReader(line)).Read()
	if err != nil || len(row) < len(keys) {
		return false
	}
	if row[stepColumn] == "" || row[stepColumn] == keys[stepColumn] {
		return true
	}
	n, err := strconv.Atoi(row[stepColumn])
	return err == nil && n <= step
}

// open opens a part for appending.
func (t *table) open(name string, columns []string) error {
	file, err := os.OpenFile(t.dir.Join(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	p := &part{columns, file}
	t.parts = append(t.parts, p)
	for _, c := range columns[len(keys):] {
		t.known[c] = p
	}
	return nil
}

// add writes a record: one row to each part that has a column of it.
func (t *table) add(fields []Field) error {
	cells, fresh := map[string]string{}, append([]string(nil), keys...)
	touched := map[*part]bool{}
	for _, f := range fields {
		text, flat := cell(f.Value)
		if !flat {
			continue // lists and objects are for metrics.jsonl
		}
		cells[f.Key] = text
		if isKey(f.Key) {
			continue
		}
		if p := t.known[f.Key]; p != nil {
			touched[p] = true
		} else {
			fresh = append(fresh, f.Key)
		}
	}
	if len(fresh) > len(keys) {
		name := partName(len(t.parts))
		if err := t.open(name, fresh); err != nil {
			return err
		}
		p := t.parts[len(t.parts)-1]
		if touched[p] = true; p.write(fresh) != nil {
			return fmt.Errorf("%s: header not written", t.dir.Join(name))
		}
	}
	var errs []error
	for _, p := range t.parts {
		if touched[p] {
			errs = append(errs, p.row(cells))
		}
	}
	return errors.Join(errs...)
}

func isKey(name string) bool { return name == keys[0] || name == keys[1] || name == keys[2] }

// cell is a value as text, on one line; false for a value that is not flat.
func cell(v any) (text string, flat bool) {
	switch v := value(v).(type) {
	case string:
		return strings.NewReplacer("\r", " ", "\n", " ").Replace(v), true
	case bool, int, int32, int64, float32, float64:
		return fmt.Sprint(v), true
	case Number:
		b, _ := v.MarshalJSON() // never fails
		return strings.Trim(string(b), `"`), true
	}
	return "", false
}

// row writes the cells that p has columns for, in order of columns.
func (p *part) row(cells map[string]string) error {
	out := make([]string, len(p.columns))
	for i, c := range p.columns {
		out[i] = cells[c]
	}
	return p.write(out)
}

// write writes one line by one call.
func (p *part) write(row []string) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(row) // into memory; Flush reports
	w.Flush()
	_, err := p.file.Write(b.Bytes())
	return err
}

func (t *table) close() error {
	var errs []error
	for _, p := range t.parts {
		errs = append(errs, p.file.Close())
	}
	return errors.Join(errs...)
}
