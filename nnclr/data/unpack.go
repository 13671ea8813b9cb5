package data

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// openPack opens a folder that Packer.Pack wrote.
func openPack(dir string, o Options) (*collection, error) {
	text, err := os.ReadFile(filepath.Join(dir, "pack.json"))
	if err != nil {
		return nil, pathless(err)
	}
	var info Packed
	if err := json.Unmarshal(text, &info); err != nil {
		return nil, fmt.Errorf("pack.json: %w", err)
	}
	if info.Format != packFormat {
		return nil, fmt.Errorf("pack.json: format %q, expected %q", info.Format, packFormat)
	}
	// Labels and places come from the index, so opening reads no shard.
	index, err := os.ReadFile(filepath.Join(dir, "index.bin"))
	if err != nil {
		return nil, err
	}
	if info.Count < 1 || len(index) != info.Count*indexRow {
		return nil, fmt.Errorf("index.bin has %d bytes, expected %d images of %d", len(index), info.Count, indexRow)
	}
	list, err := info.open(dir)
	if err != nil {
		return nil, err
	}
	f := &files{classes: info.Classes, store: list, o: o}
	for i := range info.Count {
		e, err := info.entry(i, index[i*indexRow:])
		if err != nil {
			return nil, fmt.Errorf("index.bin, image %d: %w", i, err)
		}
		if o.Labels == "none" {
			e.label = -1
		}
		f.entries = append(f.entries, e)
	}
	return &collection{splits: map[string]Dataset{"": f}, classes: info.Classes}, nil
}

// open opens the shards and checks their lengths.
func (p *Packed) open(dir string) (list shards, err error) {
	for _, s := range p.Shards {
		// A name with a slash could point anywhere.
		if s.File != filepath.Base(s.File) {
			return nil, fmt.Errorf("pack.json: shard %q is not a file name", s.File)
		}
		f, err := os.Open(filepath.Join(dir, s.File))
		if err != nil {
			return nil, err
		}
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		if info.Size() != s.Bytes {
			return nil, fmt.Errorf("%s has %d bytes, expected %d", s.File, info.Size(), s.Bytes)
		}
		list = append(list, f)
	}
	return list, nil
}

// entry reads a row of the index.
func (p *Packed) entry(i int, row []byte) (e entry, err error) {
	le := binary.LittleEndian
	shard, at, size := le.Uint32(row), le.Uint64(row[4:]), le.Uint32(row[12:])
	label := int32(le.Uint32(row[20:]))
	switch {
	case int64(shard) >= int64(len(p.Shards)):
		return e, fmt.Errorf("shard %d of %d", shard, len(p.Shards))
	case at > uint64(p.Shards[shard].Bytes) || uint64(size) > uint64(p.Shards[shard].Bytes)-at:
		return e, errors.New("lies outside of its shard")
	case label < -1 || len(p.Classes) > 0 && int(label) >= len(p.Classes):
		return e, fmt.Errorf("label %d of %d classes", label, len(p.Classes))
	}
	return entry{
		name: fmt.Sprintf("%s/%09d", p.Shards[shard].File, i),
		part: int32(shard), at: int64(at), size: int64(size), label: label,
	}, nil
}
