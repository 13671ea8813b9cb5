package badimages

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"hash/adler32"
	"hash/crc32"
)

const pngMagic = "\x89PNG\r\n\x1a\n"

// chunk writes a PNG chunk.
func chunk(b *bytes.Buffer, name string, content []byte) {
	binary.Write(b, binary.BigEndian, uint32(len(content)))
	body := append([]byte(name), content...)
	b.Write(body)
	binary.Write(b, binary.BigEndian, crc32.ChecksumIEEE(body))
}

// header writes the magic and IHDR. kinds: 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGBA.
func header(b *bytes.Buffer, w, h int, depth, kind byte) {
	b.WriteString(pngMagic)
	ihdr := binary.BigEndian.AppendUint32(nil, uint32(w))
	ihdr = binary.BigEndian.AppendUint32(ihdr, uint32(h))
	chunk(b, "IHDR", append(ihdr, depth, kind, 0, 0, 0))
}

// encodePNG writes rows of packed samples. before goes between header and pixels.
func encodePNG(w, h int, depth, kind byte, before func(b *bytes.Buffer), row func(y int) []byte) []byte {
	var b, z bytes.Buffer
	header(&b, w, h, depth, kind)
	if before != nil {
		before(&b)
	}
	d := zlib.NewWriter(&z)
	for y := range h {
		d.Write(append([]byte{0}, row(y)...))
	}
	d.Close()
	chunk(&b, "IDAT", z.Bytes())
	chunk(&b, "IEND", nil)
	return b.Bytes()
}

// zeros is a zlib stream of n zero bytes, made without compressing all of them: a deflated block of
// zeros that follows zeros can be repeated.
func zeros(n int) []byte {
	const piece = 1 << 20
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		panic(err)
	}
	blank := make([]byte, piece)
	w.Write(blank)
	w.Flush()
	first := b.Len()
	w.Write(blank)
	w.Flush()
	second := bytes.Clone(b.Bytes()[first:])
	out := append([]byte{0x78, 0xda}, b.Bytes()...)
	left := n - 2*piece
	for ; left >= piece; left -= piece {
		out = append(out, second...)
	}
	b.Reset()
	w.Write(blank[:left])
	w.Close()
	out = append(out, b.Bytes()...)
	return binary.BigEndian.AppendUint32(out, adlerZeros(n))
}

// adlerZeros is Adler-32 of n zeros: the low half stays 1, the high half counts.
func adlerZeros(n int) uint32 {
	if n < 100 {
		return adler32.Checksum(make([]byte, n))
	}
	return uint32(n%65521)<<16 | 1
}
