package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"unicode/utf8"
)

// A header is the JSON object in front of the data.
type header struct {
	metadata map[string]string
	tensors  []Info // by offset
}

// parseHeader reads the JSON text. It walks tokens instead of decoding into a struct, since
// encoding/json takes duplicate keys, other spellings of a key and nulls without a word, and two
// readers that disagree about a duplicate key load different weights from one file.
func parseHeader(text []byte) (*header, error) {
	if !utf8.Valid(text) { // the decoder would replace bad bytes and go on
		return nil, errors.New("header is not UTF-8")
	}
	p := parser{json.NewDecoder(bytes.NewReader(text))}
	p.UseNumber()
	h := &header{metadata: map[string]string{}}
	if err := p.object(maxTensors+1, func(key string) error { return h.entry(p, key) }); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if rest := bytes.Trim(text[p.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return nil, fmt.Errorf("header: %d bytes after the closing brace", len(rest))
	}
	return h, nil
}

// entry reads the value of one key of the header.
func (h *header) entry(p parser, key string) error {
	if key == metadataKey {
		return p.object(maxTensors, func(k string) (err error) {
			h.metadata[k], err = p.text()
			return err
		})
	}
	if len(key) > maxName {
		return fmt.Errorf("a tensor name has %d bytes, above %d", len(key), maxName)
	}
	if len(h.tensors) == maxTensors {
		return fmt.Errorf("more than %d tensors", maxTensors)
	}
	t, err := p.tensor(key)
	if err != nil {
		return fmt.Errorf("tensor %q: %w", key, err)
	}
	h.tensors = append(h.tensors, t)
	return nil
}

// place sorts the tensors by offset and checks that they fill size bytes exactly: no hole (which may
// hide data), no overlap (a small file that asks for much memory), nothing beyond the end.
func (h *header) place(size int64) error {
	t := h.tensors
	sort.SliceStable(t, func(i, j int) bool {
		if t[i].begin != t[j].begin {
			return t[i].begin < t[j].begin
		}
		return t[i].end < t[j].end // an empty tensor before the one that begins at its place
	})
	at := int64(0)
	for _, x := range t {
		if x.begin != at {
			return fmt.Errorf("tensor %q begins at %d, the one before ends at %d", x.Name, x.begin, at)
		}
		at = x.end
	}
	if at != size {
		return fmt.Errorf("tensors end at %d, the file holds %d bytes of data", at, size)
	}
	return nil
}

// A parser reads the few forms of JSON that a header may hold. It never recurses deeper than the
// header does, so nesting cannot exhaust the stack.
type parser struct{ *json.Decoder }

// object reads an object of at most limit keys, each once, and calls value where a value begins.
func (p parser) object(limit int, value func(key string) error) error {
	if err := p.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for p.More() {
		key, err := p.text()
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("key %q appears twice", key)
		}
		if seen[key] = true; len(seen) > limit {
			return fmt.Errorf("more than %d keys", limit)
		}
		if err := value(key); err != nil {
			return err
		}
	}
	return p.delim('}')
}

// array reads an array and calls value where an element begins.
func (p parser) array(value func() error) error {
	if err := p.delim('['); err != nil {
		return err
	}
	for p.More() {
		if err := value(); err != nil {
			return err
		}
	}
	return p.delim(']')
}

// tensor reads {"dtype":…, "shape":…, "data_offsets":…}: these keys, in any order, and no other.
func (p parser) tensor(name string) (Info, error) {
	t := Info{Name: name, Shape: []int{}}
	var offsets []int64
	found := 0
	err := p.object(4, func(key string) error {
		found++
		switch key {
		case "dtype":
			d, err := p.text()
			t.DType = DType(d)
			return err
		case "shape":
			return p.array(func() error { return p.dim(&t.Shape) })
		case "data_offsets":
			return p.array(func() error { return p.offset(&offsets) })
		}
		return fmt.Errorf("unknown key %q", key)
	})
	if err != nil {
		return t, err
	}
	if found != 3 || len(offsets) != 2 {
		return t, errors.New("needs dtype, shape and two data_offsets")
	}
	t.begin, t.end = offsets[0], offsets[1]
	want, err := bytesOf(t.DType, t.Shape)
	if err == nil && t.end-t.begin != want { // both are ≥ 0: the difference cannot wrap
		err = fmt.Errorf("%s%v takes %d bytes, offsets span %d", t.DType, t.Shape, want, t.end-t.begin)
	}
	return t, err
}

// dim appends one size of a shape.
func (p parser) dim(shape *[]int) error {
	if len(*shape) == maxRank {
		return fmt.Errorf("rank is above %d", maxRank)
	}
	n, err := p.natural(strconv.IntSize - 1)
	*shape = append(*shape, int(n))
	return err
}

// offset appends one end of a tensor's range.
func (p parser) offset(offsets *[]int64) error {
	if len(*offsets) == 2 {
		return errors.New("more than two data_offsets")
	}
	n, err := p.natural(63)
	*offsets = append(*offsets, int64(n))
	return err
}

// natural reads a whole number ≥ 0 of at most the given bits. "-0", "1.0" and "1e3" are none.
func (p parser) natural(bits int) (uint64, error) {
	tok, err := p.Token()
	if err != nil {
		return 0, err
	}
	num, ok := tok.(json.Number)
	if !ok {
		return 0, fmt.Errorf("found %v, expected a number", tok)
	}
	n, err := strconv.ParseUint(num.String(), 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%.40s is not a whole number of %d bits", num.String(), bits)
	}
	return n, nil
}

// text reads a string.
func (p parser) text() (string, error) {
	tok, err := p.Token()
	if err != nil {
		return "", err
	}
	s, ok := tok.(string)
	if !ok {
		return "", fmt.Errorf("found %v, expected a string", tok)
	}
	return s, nil
}

// delim reads one brace or bracket.
func (p parser) delim(want json.Delim) error {
	tok, err := p.Token()
	if err != nil {
		return err
	}
	if tok != want {
		return fmt.Errorf("found %v, expected %v", tok, want)
	}
	return nil
}
