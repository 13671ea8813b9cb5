package data

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A pathList is the store of listed files: names are relative to a folder, or absolute.
type pathList struct{ folder string }

func (p pathList) read(e *entry, buf *[]byte) ([]byte, error) {
	if filepath.IsAbs(e.name) {
		return folder{}.read(e, buf)
	}
	return folder{p.folder}.read(e, buf)
}

// openCSV reads a table with a header: path (or file, filename, image), and optionally label,
// split and id.
func openCSV(path string, o Options) (*collection, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, pathless(err)
	}
	defer f.Close()
	entries, labels, err := readCSV(f, extension(path) == ".tsv")
	if err != nil {
		return nil, err
	}
	return openEntries(entries, labels, filepath.Dir(path), o)
}

func readCSV(r io.Reader, tabs bool) (entries []entry, labels []string, err error) {
	c := csv.NewReader(r)
	if tabs {
		c.Comma = '\t'
	}
	header, err := c.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", unexpected(err))
	}
	column := func(names ...string) int {
		return slices.IndexFunc(header, func(h string) bool {
			return slices.Contains(names, strings.ToLower(strings.Trim(h, " \ufeff")))
		})
	}
	at, label, split := column("path", "file", "filename", "image"), column("label"), column("split")
	if at < 0 {
		return nil, nil, fmt.Errorf("no column path, file, filename or image in the header %q", header)
	}
	for {
		row, err := c.Read()
		if err == io.EOF {
			return entries, labels, nil
		}
		if err != nil {
			return nil, nil, err
		}
		e, text := entry{name: row[at]}, ""
		if label >= 0 {
			text = strings.TrimSpace(row[label])
		}
		if split >= 0 {
			name := strings.ToLower(strings.TrimSpace(row[split]))
			if e.split = splitNames[name]; e.split == "" && name != "" {
				line, _ := c.FieldPos(0)
				return nil, nil, fmt.Errorf("line %d: no split is called %q; there are train, val, test, unlabeled", line, row[split])
			}
		}
		entries, labels = append(entries, e), append(labels, text)
	}
}

// openList reads a file with one path a line.
func openList(path string, o Options) (*collection, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, pathless(err)
	}
	defer f.Close()
	var entries []entry
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if name := strings.TrimSuffix(lines.Text(), "\r"); name != "" {
			entries = append(entries, entry{name: name})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return openEntries(entries, make([]string, len(entries)), filepath.Dir(path), o)
}

// openEntries makes a collection of listed paths. Missing files are bad images.
func openEntries(entries []entry, labels []string, folder string, o Options) (*collection, error) {
	if len(entries) == 0 {
		return nil, errors.New("the list is empty")
	}
	for i := range entries {
		e := &entries[i]
		full := filepath.FromSlash(e.name)
		if !filepath.IsAbs(full) {
			full = filepath.Join(folder, full)
		}
		info, err := os.Stat(full)
		if err != nil {
			e.bad = pathless(err).Error()
			continue
		}
		e.size = info.Size()
	}
	c := new(collection)
	c.name(entries, labels, o)
	l := newListing()
	l.entries = entries
	return c.divide(l, pathList{folder}, o)
}
