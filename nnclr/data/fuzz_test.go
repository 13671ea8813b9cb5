package data

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"kith/testdata/gen/badimages"
)

// FuzzDecode: whatever the bytes, a picture within the limits or an error, never a panic.
func FuzzDecode(f *testing.F) {
	for _, file := range badimages.Corpus() {
		if len(file.Data) < 8000 {
			f.Add(file.Data)
		}
	}
	o := Options{MaxPixels: 1 << 16, TIFF: true, Tolerant: true}
	var p Picture
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := Decode(b, o, &p); err != nil {
			if err.Error() == "" {
				t.Error("an error without a reason")
			}
			return
		}
		if p.W < 1 || p.H < 1 || p.W*p.H > 1<<16 || len(p.Pix) != 3*p.W*p.H {
			t.Errorf("%d×%d pixels in %d bytes", p.W, p.H, len(p.Pix))
		}
	})
}

// FuzzEXIF: the orientation is 1 to 8 for any block, and turning keeps every pixel.
func FuzzEXIF(f *testing.F) {
	f.Add([]byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"))
	f.Add([]byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x08\x00\x00\x00"))
	f.Add([]byte("II*\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		o := orientation(b)
		if o < 1 || o > 8 {
			t.Fatalf("orientation %d", o)
		}
		p := &Picture{Pix: make([]byte, 3*5*3), W: 5, H: 3}
		for i := range p.Pix {
			p.Pix[i] = byte(i)
		}
		p.orient(o)
		var seen [45]bool
		for _, v := range p.Pix {
			seen[v] = true
		}
		for v, ok := range seen {
			if !ok {
				t.Fatalf("orientation %d loses byte %d", o, v)
			}
		}
		// The finders of the block must hold against any file.
		jpegEXIF(b)
		pngEXIF(b)
		webpEXIF(b)
	})
}

// FuzzTar: an index, or an error; members lie within the file.
func FuzzTar(f *testing.F) {
	var b bytes.Buffer
	b.Write(make([]byte, 1024))
	f.Add(b.Bytes())
	block := make([]byte, 2048)
	copy(block, "a/b.png")
	copy(block[124:], "00000000010\x00")
	copy(block[156:], "0")
	copy(block[257:], "ustar\x0000")
	sum := 8 * int(' ')
	for _, c := range block[:512] {
		sum += int(c)
	}
	copy(block[148:], []byte{byte('0' + sum>>15&7), byte('0' + sum>>12&7), byte('0' + sum>>9&7), byte('0' + sum>>6&7), byte('0' + sum>>3&7), byte('0' + sum&7), 0, ' '})
	f.Add(block)
	f.Fuzz(func(t *testing.T, b []byte) {
		memory := &blocks{limit: 1 << 20}
		l := newListing()
		err := members(bytes.NewReader(b), l, func(e *entry, r io.Reader) error {
			if e.size < 0 || e.size > int64(len(b)) {
				// A header may promise what the file does not hold; reading must then fail.
				if err := memory.keep(e, nil, r); err == nil {
					t.Errorf("%d bytes read from a file of %d", e.size, len(b))
				}
				return io.ErrUnexpectedEOF
			}
			if err := memory.keep(e, nil, r); err != nil {
				return err
			}
			return l.sort(e, nil, nil)
		})
		if err != nil {
			return
		}
		for i := range l.entries {
			got, err := memory.read(&l.entries[i], nil)
			if err != nil || !bytes.Contains(b, got) {
				t.Errorf("member %q holds bytes that the file does not", l.entries[i].name)
			}
		}
	})
}

// FuzzIDX: dimensions and elements agree with the length.
func FuzzIDX(f *testing.F) {
	f.Add([]byte{0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 7, 9}, 3)
	f.Add([]byte{0, 0, 8, 1, 0, 0, 0, 2, 7, 9}, 1)
	f.Add([]byte{0, 0, 8, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 3)
	f.Fuzz(func(t *testing.T, b []byte, axes int) {
		axes = 1 + (axes&0xff)%4
		dim, rest, err := parseIDX(b, axes)
		if err != nil {
			return
		}
		n := 1
		for _, d := range dim {
			n *= d
		}
		if len(dim) != axes || n != len(rest) || len(b) != 4+4*axes+n {
			t.Errorf("%v elements, %d bytes of %d", dim, len(rest), len(b))
		}
	})
}

// FuzzRecords: a binary data set of any bytes either opens and reads, or says why not.
func FuzzRecords(f *testing.F) {
	f.Add(make([]byte, 3073), []byte("a\nb\n"))
	f.Add(append([]byte{9}, make([]byte, 3072)...), []byte("a\n"))
	f.Add(make([]byte, 3074), []byte(nil))
	f.Fuzz(func(t *testing.T, b, names []byte) {
		c, err := cifar10.open(func(name string) (*extent, error) {
			switch name {
			case "data_batch_1.bin":
				return &extent{bytes.NewReader(b), int64(len(b))}, nil
			case "batches.meta.txt":
				return &extent{bytes.NewReader(names), int64(len(names))}, nil
			}
			return nil, nil
		}, Options{})
		if err != nil {
			return
		}
		d := c.splits[train]
		if d.Len() != len(b)/3073 {
			t.Fatalf("%d images in %d bytes", d.Len(), len(b))
		}
		var p Picture
		for i := range d.Len() {
			label, err := Read(d, i, &p)
			if err == nil && (len(c.classes) > 0 && label >= len(c.classes) || p.Pix[0] != b[i*3073+1]) {
				t.Errorf("image %d: label %d of %d, first byte %d", i, label, len(c.classes), p.Pix[0])
			}
		}
	})
}

// FuzzCSV: rows with a path, or an error.
func FuzzCSV(f *testing.F) {
	f.Add([]byte("path,label,split\na.png,cat,train\n"), false)
	f.Add([]byte("file\tid\n\"a\tb.png\"\t3\n"), true)
	f.Add([]byte("\xef\xbb\xbfpath\nx\n"), false)
	f.Fuzz(func(t *testing.T, b []byte, tabs bool) {
		entries, labels, err := readCSV(bytes.NewReader(b), tabs)
		if err == nil && len(entries) != len(labels) {
			t.Errorf("%d paths, %d labels", len(entries), len(labels))
		}
		for _, e := range entries {
			if err == nil && e.split != "" && splitNames[e.split] == "" {
				t.Errorf("split %q", e.split)
			}
		}
	})
}

// FuzzPPM: a header that announces less than the file holds is enough; nothing else decodes.
func FuzzPPM(f *testing.F) {
	f.Add([]byte("P6\n# c\n2 1\n255\nabcdef"))
	f.Add([]byte("P3 1 1 15 1 2 3"))
	f.Add([]byte("P5 2 2 65535 12345678"))
	f.Add([]byte("P2 2 1 1 0 1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if !isPPM(b) {
			return
		}
		cfg, err := ppmConfig(bytes.NewReader(b))
		if err != nil || int64(cfg.Width)*int64(cfg.Height) > 1<<16 {
			return
		}
		img, err := ppmDecode(bytes.NewReader(b))
		if err != nil {
			return
		}
		if s := img.Bounds().Size(); s.X != cfg.Width || s.Y != cfg.Height {
			t.Errorf("%v pixels, announced %d×%d", s, cfg.Width, cfg.Height)
		}
	})
}

// FuzzPackIndex: rows that are accepted lie within their shard.
func FuzzPackIndex(f *testing.F) {
	f.Add(make([]byte, indexRow))
	f.Add(bytes.Repeat([]byte{0xff}, indexRow))
	f.Fuzz(func(t *testing.T, row []byte) {
		if len(row) < indexRow {
			return
		}
		p := Packed{Classes: []string{"a", "b"}, Shards: []Shard{{Bytes: 1000}, {Bytes: 77}}}
		e, err := p.entry(0, row)
		if err != nil {
			return
		}
		if e.at < 0 || e.size < 0 || e.at+e.size > p.Shards[e.part].Bytes || e.label < -1 || e.label > 1 {
			t.Errorf("row % x gives %+v", row, e)
		}
		if binary.LittleEndian.Uint32(row) != uint32(e.part) {
			t.Errorf("shard %d", e.part)
		}
	})
}
