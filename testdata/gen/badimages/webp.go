package badimages

import (
	"bytes"
	_ "embed"
	"encoding/binary"
)

// lossy is a 64×48 VP8 key frame: an encoder of that is a project of its own. Made by
// testdata/gen/formats.py.
//
//go:embed lossy.webp
var lossy []byte

// riff wraps chunks (name, content, name, content, …) as a WebP file.
func riff(parts ...any) []byte {
	var b bytes.Buffer
	b.WriteString("WEBP")
	for i := 0; i < len(parts); i += 2 {
		content := parts[i+1].([]byte)
		b.WriteString(parts[i].(string))
		binary.Write(&b, binary.LittleEndian, uint32(len(content)))
		b.Write(content)
		if len(content)%2 == 1 {
			b.WriteByte(0)
		}
	}
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(b.Len())), b.Bytes()...)
}

// bitWriter writes the least significant bits first.
type bitWriter struct {
	b    []byte
	acc  uint64
	bits uint
}

func (w *bitWriter) put(v uint64, n uint) {
	w.acc |= v << w.bits
	for w.bits += n; w.bits >= 8; w.bits -= 8 {
		w.b = append(w.b, byte(w.acc))
		w.acc >>= 8
	}
}

// lossless is a VP8L image without transforms: each channel has a prefix code of 8 bits per value.
func lossless(w, h int, at func(x, y int) [3]byte) []byte {
	var o bitWriter
	o.put(0x2f, 8)
	o.put(uint64(w-1), 14)
	o.put(uint64(h-1), 14)
	o.put(0, 1+3) // no alpha, version 0
	o.put(0, 1)   // no transform
	o.put(0, 1)   // no color cache
	o.put(0, 1)   // one group of codes
	o.flat(280)   // green, and lengths of copies
	o.flat(256)   // red
	o.flat(256)   // blue
	o.put(0b1, 1) // alpha: simple code,
	o.put(0b0, 1) // of one symbol,
	o.put(0b1, 1) // written with 8 bits:
	o.put(255, 8)
	o.put(0b1, 1) // distance: the symbol 0, in one bit
	o.put(0b0, 1)
	o.put(0b0, 1)
	o.put(0, 1)
	for y := range h {
		for x := range w {
			p := at(x, y)
			for _, c := range []int{1, 0, 2} {
				o.put(reversed(p[c]), 8)
			}
		}
	}
	o.put(0, 7)
	return riff("VP8L", o.b)
}

// flat writes a prefix code that gives 8 bits to each of the first 256 of n symbols, and none to
// the rest. The code of the code lengths has two symbols of one bit: 0 and 8.
func (w *bitWriter) flat(n int) {
	w.put(0, 1)    // not simple
	w.put(12-4, 4) // so many code lengths, in the order 17 18 0 1 2 3 4 5 16 6 7 8
	for i := range 12 {
		length := uint64(0)
		if i == 2 || i == 11 {
			length = 1
		}
		w.put(length, 3)
	}
	w.put(0, 1) // lengths for all symbols follow
	w.put(1<<32-1, 32)
	for range 7 {
		w.put(1<<32-1, 32)
	}
	w.put(0, uint(n-256))
}

func reversed(v byte) (r uint64) {
	for i := range 8 {
		r |= uint64(v>>i&1) << (7 - i)
	}
	return r
}
