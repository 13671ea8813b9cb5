package rundir

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"

	"kith/internal/fsys"
)

const metricsName = "metrics.jsonl"

// A Field is one key of a record of metrics. Value is a float (non-finite ones are written as
// words), an int, a string, a bool, or anything that encoding/json can write.
type Field struct {
	Key   string
	Value any
}

// Metrics appends records to metrics.jsonl and metrics.csv. A record is one object on one line with
// its keys in the order given, written by a single call, so that a reader who follows the file sees
// whole lines. It is for one goroutine.
type Metrics struct {
	file *os.File
	flat *table
	torn bool // the last write stopped in mid-line
	lost int
}

// OpenMetrics opens the streams for appending, after dropping the records of steps above step: those
// of a run that was cut off and will come by them again. A new run passes 0.
func (d *Dir) OpenMetrics(step int) (*Metrics, error) {
	if err := d.cut(metricsName, func(line []byte) bool { return upTo(line, step) }); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(d.Join(metricsName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	flat, err := d.openTable(step)
	if err != nil {
		file.Close()
		return nil, err
	}
	return &Metrics{file: file, flat: flat}, nil
}

// Write appends one record. An error loses the record and nothing else: the run goes on, and Lost
// counts.
func (m *Metrics) Write(fields ...Field) error {
	line, err := encode(fields)
	if err == nil {
		err = m.append(line)
	}
	if ferr := m.flat.add(fields); err == nil {
		err = ferr
	}
	if err != nil {
		m.lost++
	}
	return err
}

// append writes a line to the stream by one call.
func (m *Metrics) append(line []byte) error {
	if m.torn {
		line = append([]byte{'\n'}, line...) // end the broken line; readers skip it
	}
	n, err := m.file.Write(line)
	if m.torn = err != nil && (n > 0 || m.torn); err != nil {
		return err
	}
	return nil
}

// Lost is how many records could not be written.
func (m *Metrics) Lost() int { return m.lost }

// Close syncs and closes the streams.
func (m *Metrics) Close() error {
	return errors.Join(m.file.Sync(), m.file.Close(), m.flat.close())
}

// encode gives the record's line.
func encode(fields []Field) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i, f := range fields {
		b.WriteByte("{,"[min(i, 1)])
		for _, v := range []any{f.Key, value(f.Value)} {
			if err := enc.Encode(v); err != nil {
				return nil, fmt.Errorf("%s: %w", f.Key, err)
			}
			b.Truncate(b.Len() - 1) // Encode's newline
			b.WriteByte(':')
		}
		b.Truncate(b.Len() - 1) // the colon after the value
	}
	if len(fields) == 0 {
		b.WriteByte('{')
	}
	b.WriteString("}\n")
	return b.Bytes(), nil
}

// value makes non-finite floats writable and leaves the rest alone.
func value(v any) any {
	switch x := v.(type) {
	case float64:
		return Number(x)
	case float32:
		if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
			return Number(f)
		}
	}
	return v
}

// A Record is one line of metrics.jsonl as read.
type Record map[string]any

// Number is the value of a key as a number, also where it is one of the words for NaN and infinity.
func (r Record) Number(key string) (x float64, ok bool) {
	switch v := r[key].(type) {
	case float64:
		return v, true
	case string:
		x, ok = map[string]float64{"nan": math.NaN(), "inf": math.Inf(1), "-inf": math.Inf(-1)}[v]
	}
	return x, ok
}

// Text is the value of a key as a string, "" where it is none.
func (r Record) Text(key string) string {
	s, _ := r[key].(string)
	return s
}

// Records yields the records of the run directory at path in order. Lines that are no record, such
// as one cut off by a power failure, are skipped. An error ends the sequence.
func Records(path string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		file, err := os.Open(filepath.Join(path, metricsName))
		if err != nil {
			yield(nil, err)
			return
		}
		defer file.Close()
		for line, err := range lines(file) {
			var r Record
			if err == nil && (json.Unmarshal(line, &r) != nil || r == nil) {
				continue
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// lines yields the complete lines of r, with their newline, of any length.
func lines(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		in := bufio.NewReaderSize(r, 64<<10)
		for {
			line, err := in.ReadBytes('\n')
			if err == io.EOF { // what follows the last newline was never finished
				return
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// upTo tells whether a line is a record of at most the given step, or of none.
func upTo(line []byte, step int) bool {
	var r struct{ Step *int }
	if json.Unmarshal(line, &r) != nil {
		return false
	}
	return r.Step == nil || *r.Step <= step
}

// cut drops the lines of a stream that keep refuses, and an unfinished last one. A stream from which
// nothing is to be dropped is not touched.
func (d *Dir) cut(name string, keep func(line []byte) bool) error {
	file, err := os.Open(d.Join(name))
	if errors.Is(err, fsys.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	kept := int64(0)
	err = keepLines(io.Discard, file, keep, &kept)
	if err != nil || kept == info.Size() {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return d.Replace(name, func(w io.Writer) error { return keepLines(w, file, keep, &kept) })
}

// keepLines copies the lines that keep accepts and counts their bytes.
func keepLines(w io.Writer, r io.Reader, keep func(line []byte) bool, bytes *int64) error {
	out := bufio.NewWriter(w)
	for line, err := range lines(r) {
		if err != nil {
			return err
		}
		if keep(line) {
			*bytes += int64(len(line))
			out.Write(line) // a bufio error sticks until Flush
		}
	}
	return out.Flush()
}
