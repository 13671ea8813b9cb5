// Package badimages makes the corpus of 65 image files, good, odd, damaged and hostile, on which
// decoding is tested (spec: testing, section 7.2). Everything is written by code here or by the
// standard library, but for one VP8 frame, so the corpus needs no file and no tool.
//
// Pictures are 64×48 noise unless the name says otherwise.
package badimages

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
)

// A File is one file of the corpus.
type File struct {
	Name string
	Data []byte
	Want string // part of the reason why it is bad; "" if it is used
	// UsedIf is the option under which a bad file is used all the same: "tiff" or "tolerant".
	UsedIf string
	W, H   int // where used
	// Bomb files must be refused before decoding.
	Bomb bool
}

const (
	wide = 64
	high = 48
)

// noise is a value of the picture: smooth enough for codecs to keep its shape, with grain.
func noise(x, y, c int) byte {
	h := uint32(x+131*y+7919*c) * 2654435761
	h ^= h >> 15
	h *= 2246822519
	return byte(40 + 2*x + y + 31*c + int(h>>28))
}

func rgb(x, y int) [3]byte { return [3]byte{noise(x, y, 0), noise(x, y, 1), noise(x, y, 2)} }

func nrgba(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			p := rgb(x, y)
			m.SetNRGBA(x, y, color.NRGBA{p[0], p[1], p[2], 255})
		}
	}
	return m
}

// Corpus returns the files.
func Corpus() []File {
	good := good()
	list := append(good, damaged()...)
	list = append(list, refused()...)
	return append(list, bombs()...)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func stdJPEG(m image.Image) []byte {
	var b bytes.Buffer
	must(jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}))
	return b.Bytes()
}

func stdPNG(m image.Image) []byte {
	var b bytes.Buffer
	must(png.Encode(&b, m))
	return b.Bytes()
}

// channels are planes of the noise picture; chroma planes take h×v samples where luma takes H×V.
func channels(n, lumaH, lumaV int) (list []plane) {
	for c := range n {
		sx, sy := 1, 1
		p := plane{h: lumaH, v: lumaV}
		if c > 0 && n == 3 {
			p, sx, sy = plane{h: 1, v: 1}, lumaH, lumaV
		}
		p.at = func(x, y int) byte { return noise(min(x*sx, wide-1), min(y*sy, high-1), c) }
		list = append(list, p)
	}
	return list
}

func good() []File {
	plain := jpegForm{adobe: -1}
	gray := image.NewGray(image.Rect(0, 0, wide, high))
	deep := image.NewGray16(gray.Rect)
	indexed := image.NewPaletted(gray.Rect, nil)
	for i := range 200 {
		p := rgb(i, 3*i)
		indexed.Palette = append(indexed.Palette, color.NRGBA{p[0], p[1], p[2], 255})
	}
	clear := image.NewPaletted(gray.Rect, append(color.Palette{color.NRGBA{9, 8, 7, 0}}, indexed.Palette...))
	alpha := nrgba(wide, high)
	for y := range high {
		for x := range wide {
			gray.SetGray(x, y, color.Gray{noise(x, y, 0)})
			deep.SetGray16(x, y, color.Gray16{uint16(noise(x, y, 0))<<8 | uint16(noise(x, y, 1))})
			indexed.SetColorIndex(x, y, noise(x, y, 0)%200)
			clear.SetColorIndex(x, y, noise(x, y, 0)%200)
			alpha.Pix[alpha.PixOffset(x, y)+3] = noise(x, y, 1)
		}
	}
	ok := stdJPEG(nrgba(wide, high))
	okPNG := stdPNG(nrgba(wide, high))
	var anim, frames bytes.Buffer
	must(gif.EncodeAll(&anim, &gif.GIF{Image: []*image.Paletted{indexed, indexed}, Delay: []int{1, 1}}))
	fmt.Fprintf(&frames, "P6\n# comment\n%d %d 255\n", wide, high)
	for y := range high {
		for x := range wide {
			p := rgb(x, y)
			frames.Write(p[:])
		}
	}
	turned := jpegForm{adobe: -1, orientation: 6}
	list := []File{
		{Name: "ok.jpg", Data: ok}, {Name: "ok.png", Data: okPNG},
		{Name: "ok_progressive.jpg", Data: encodeJPEG(wide, high, channels(3, 2, 2), jpegForm{progressive: true, adobe: -1})},
		{Name: "ok_gray.jpg", Data: stdJPEG(gray)},
		{Name: "ok_444.jpg", Data: encodeJPEG(wide, high, channels(3, 1, 1), plain)},
		{Name: "ok_411.jpg", Data: encodeJPEG(wide, high, channels(3, 4, 1), plain)},
		{Name: "cmyk.jpg", Data: encodeJPEG(wide, high, channels(4, 1, 1), jpegForm{adobe: 0})},
		{Name: "palette.png", Data: stdPNG(indexed)}, {Name: "palette_trns.png", Data: stdPNG(clear)},
		{Name: "la.png", Data: encodePNG(wide, high, 8, 4, nil, func(y int) []byte { return grayRow(y, 2, 8) })},
		{Name: "rgba.png", Data: stdPNG(alpha)},
		{Name: "one_bit.png", Data: encodePNG(wide, high, 1, 0, nil, func(y int) []byte { return grayRow(y, 1, 1) })},
		{Name: "l16.png", Data: stdPNG(deep)},
		{Name: "rgb.bmp", Data: bmp()}, {Name: "ppm.ppm", Data: frames.Bytes()},
		{Name: "lossy.webp", Data: lossy}, {Name: "lossless.webp", Data: lossless(wide, high, rgb)},
		{Name: "anim.gif", Data: anim.Bytes()}, {Name: "anim.apng.png", Data: apng()},
		{Name: "exif6.jpg", Data: encodeJPEG(wide, high, channels(3, 2, 2), turned), W: high, H: wide},
		{Name: "1x1.png", Data: stdPNG(nrgba(1, 1)), W: 1, H: 1}, {Name: "1x1.jpg", Data: stdJPEG(nrgba(1, 1)), W: 1, H: 1},
		{Name: "1x5000.png", Data: stdPNG(nrgba(1, 5000)), W: 1, H: 5000},
		{Name: "jpg_named.png", Data: ok}, {Name: "png_named.jpg", Data: okPNG},
		{Name: "trailing.jpg", Data: append(bytes.Clone(ok), "garbage behind the end"...)},
		{Name: "ztxt_bomb.png", Data: textBomb()},
	}
	for i := range 8 {
		list = append(list, File{Name: fmt.Sprintf("flip%d.jpg", i), Data: unseen(ok, uint64(i), 3)})
	}
	for i := range list {
		if list[i].W == 0 {
			list[i].W, list[i].H = wide, high
		}
	}
	return list
}

// grayRow is a row of gray samples, each repeated per pixel as channels, of 1 or 8 bits.
func grayRow(y, channels, depth int) (row []byte) {
	if depth == 1 {
		row = make([]byte, wide/8)
		for x := range wide {
			row[x/8] |= noise(x, y, 0) & 1 << (7 - x%8)
		}
		return row
	}
	for x := range wide {
		for c := range channels {
			row = append(row, noise(x, y, c))
		}
	}
	return row
}

// unseen flips n bits of a JPEG so that its decoder does not notice, which is the rule: codes
// fall into step again. Seeds that leave the last code without its end are passed over.
func unseen(b []byte, seed uint64, n int) []byte {
	for ; ; seed += 1000 {
		f := flip(b, seed, n)
		if _, err := jpeg.Decode(bytes.NewReader(f)); err == nil {
			return f
		}
	}
}

// flip flips n bits behind the header.
func flip(b []byte, seed uint64, n int) []byte {
	b = bytes.Clone(b)
	r := rand.New(rand.NewPCG(seed, 7))
	from := bytes.Index(b, []byte("\xff\xda")) + 14
	for range n {
		for {
			i := from + r.IntN(len(b)-from-2)
			was := b[i]
			b[i] ^= 1 << r.IntN(8)
			if b[i] != 0xff && was != 0xff && b[i-1] != 0xff { // no marker may appear or vanish
				break
			}
			b[i] = was
		}
	}
	return b
}

func bmp() []byte {
	b := []byte("BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00")
	le := binary.LittleEndian
	for _, v := range []uint32{40, wide, high} {
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint16(le.AppendUint16(b, 1), 24)
	b = append(b, make([]byte, 24)...)
	for y := high - 1; y >= 0; y-- {
		for x := range wide {
			p := rgb(x, y)
			b = append(b, p[2], p[1], p[0])
		}
	}
	return b
}

// apng is a PNG with a second frame in chunks that a plain decoder passes over.
func apng() []byte {
	return encodePNG(wide, high, 8, 2, func(b *bytes.Buffer) {
		chunk(b, "acTL", []byte{0, 0, 0, 2, 0, 0, 0, 0})
		fc := binary.BigEndian.AppendUint32(nil, 0)
		for _, v := range []uint32{wide, high, 0, 0} {
			fc = binary.BigEndian.AppendUint32(fc, v)
		}
		chunk(b, "fcTL", append(fc, 0, 1, 0, 10, 0, 0))
	}, rgbRow)
}

func rgbRow(y int) (row []byte) {
	for x := range wide {
		p := rgb(x, y)
		row = append(row, p[:]...)
	}
	return row
}

// textBomb holds 200 MB of compressed text that no decoder needs to see.
func textBomb() []byte {
	return encodePNG(wide, high, 8, 2, func(b *bytes.Buffer) {
		chunk(b, "zTXt", append([]byte("Comment\x00\x00"), zeros(200<<20)...))
	}, rgbRow)
}

func damaged() (list []File) {
	ok, okPNG := stdJPEG(nrgba(wide, high)), stdPNG(nrgba(wide, high))
	for i := range 4 {
		list = append(list, File{Name: fmt.Sprintf("flip%d.png", i), Data: flipPNG(okPNG, uint64(i)), Want: "checksum"})
	}
	for _, percent := range []int{25, 50, 90, 99} {
		list = append(list,
			File{Name: fmt.Sprintf("trunc%d.jpg", percent), Data: ok[:len(ok)*percent/100], Want: "truncated"},
			File{Name: fmt.Sprintf("trunc%d.png", percent), Data: okPNG[:len(okPNG)*percent/100], Want: "truncated"})
	}
	return append(list,
		File{Name: "noeoi.jpg", Data: ok[:len(ok)-2], Want: "truncated", UsedIf: "tolerant", W: wide, H: high},
		File{Name: "zero.jpg", Data: nil, Want: "not an image"},
		File{Name: "onebyte.jpg", Data: []byte{0xff}, Want: "not an image"},
		File{Name: "header_only.jpg", Data: ok[:2], Want: "not an image"},
		File{Name: "text.jpg", Data: []byte("this is a text\n"), Want: "not an image"},
		File{Name: "html404.jpg", Data: []byte("<!DOCTYPE html><title>404</title>"), Want: "not an image"},
		File{Name: "macfork.jpg", Data: append([]byte("\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "), make([]byte, 200)...), Want: "not an image"},
		File{Name: "zero_dim.jpg", Data: zeroDim(ok), Want: "0×0"})
}

// flipPNG flips a bit of the compressed pixels.
func flipPNG(b []byte, seed uint64) []byte {
	b = bytes.Clone(b)
	r := rand.New(rand.NewPCG(seed, 9))
	from := bytes.Index(b, []byte("IDAT")) + 4
	b[from+r.IntN(len(b)-from-20)] ^= 1 << r.IntN(8)
	return b
}

// zeroDim announces 0×0 pixels.
func zeroDim(b []byte) []byte {
	b = bytes.Clone(b)
	copy(b[bytes.Index(b, []byte("\xff\xc0"))+5:], []byte{0, 0, 0, 0})
	return b
}

func refused() []File {
	frame := lossy[20:]
	return []File{
		{Name: "rgb.tif", Data: tiff(false), Want: "TIFF is off", UsedIf: "tiff", W: wide, H: high},
		{Name: "lzw.tif", Data: tiff(true), Want: "TIFF is off", UsedIf: "tiff", W: wide, H: high},
		{Name: "anim.webp", Data: riff("VP8X", []byte{2, 0, 0, 0, wide - 1, 0, 0, high - 1, 0, 0}, "ANIM", make([]byte, 6),
			"ANMF", append(make([]byte, 16), frame...)), Want: "animated WebP"},
		{Name: "jp2.jp2", Data: append([]byte("\x00\x00\x00\x0cjP  \r\n\x87\n\x00\x00\x00\x14ftypjp2 "), make([]byte, 100)...), Want: "JPEG 2000"},
		{Name: "12bit.jpg", Data: twelveBits(), Want: "12-bit JPEG"},
	}
}

// twelveBits is a JPEG whose frame header announces 12-bit samples.
func twelveBits() []byte {
	b := encodeJPEG(wide, high, channels(3, 1, 1), jpegForm{adobe: -1})
	at := bytes.Index(b, []byte("\xff\xc0"))
	b[at+1], b[at+4] = 0xc1, 12
	return b
}

// tiff is a little-endian RGB TIFF of one strip.
func tiff(packed bool) []byte {
	var pix []byte
	for y := range high {
		pix = append(pix, rgbRow(y)...)
	}
	compression := uint32(1)
	if packed {
		compression, pix = 5, literalLZW(pix)
	}
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("II*\x00"), uint32(8+len(pix)))
	b = append(b, pix...)
	tags := [][4]uint32{ // tag, type, count, value
		{256, 3, 1, wide}, {257, 3, 1, high}, {258, 3, 3, uint32(8 + len(pix) + 2 + 10*12 + 4)}, {259, 3, 1, compression},
		{262, 3, 1, 2}, {273, 4, 1, 8}, {277, 3, 1, 3}, {278, 3, 1, high}, {279, 4, 1, uint32(len(pix))}, {284, 3, 1, 1},
	}
	b = le.AppendUint16(b, uint16(len(tags)))
	for _, t := range tags {
		b = le.AppendUint16(le.AppendUint16(b, uint16(t[0])), uint16(t[1]))
		b = le.AppendUint32(le.AppendUint32(b, t[2]), t[3])
	}
	b = le.AppendUint32(b, 0)
	for range 3 {
		b = le.AppendUint16(b, 8)
	}
	return b
}

// literalLZW is TIFF's LZW with literal codes of 9 bits only: the table is cleared before codes
// would grow.
func literalLZW(pix []byte) (out []byte) {
	acc, n := uint32(0), 0
	put := func(code uint32) {
		acc, n = acc<<9|code, n+9
		for ; n >= 8; n -= 8 {
			out = append(out, byte(acc>>(n-8)))
		}
	}
	for i, v := range pix {
		if i%200 == 0 {
			put(256) // clear
		}
		put(uint32(v))
	}
	put(257) // end
	put(0)
	return out
}

func bombs() []File {
	var huge, two, gray bytes.Buffer
	header(&huge, 30000, 30000, 8, 2)
	chunk(&huge, "IEND", nil)
	header(&two, 46341, 46341, 8, 2)
	chunk(&two, "IDAT", zeros(4<<20))
	header(&gray, 20000, 20000, 8, 0)
	chunk(&gray, "IDAT", zeros(20001*20000))
	chunk(&gray, "IEND", nil)
	jpg := stdJPEG(nrgba(wide, high))
	at := bytes.Index(jpg, []byte("\xff\xc0"))
	copy(jpg[at+5:], []byte{20000 >> 8, 20000 & 0xff, 20000 >> 8, 20000 & 0xff})
	anim := []byte("GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x10\x00\x10\x00\x00\x02\x02L\x01\x00;")
	bomb := func(name string, b []byte) File {
		return File{Name: name, Data: b, Want: "exceed max_pixels", Bomb: true}
	}
	return []File{
		bomb("hdr_30000x30000.png", huge.Bytes()), bomb("hdr_2g.png", two.Bytes()), bomb("hdr_20000.jpg", jpg),
		bomb("gif_hdr_65535.gif", anim), bomb("bomb_gray_20000.png", gray.Bytes()),
	}
}

// Checksum names the corpus, for tests of its stability.
func Checksum() uint32 {
	h := crc32.NewIEEE()
	for _, f := range Corpus() {
		fmt.Fprintf(h, "%s %d ", f.Name, len(f.Data))
		h.Write(f.Data)
	}
	return h.Sum32()
}
