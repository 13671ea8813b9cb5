package data

import (
	"bytes"
	"encoding/binary"
)

// orientation reads tag 0x0112 of IFD0 in an Exif block, a TIFF structure of either byte order.
// Whatever is malformed counts as 1, upright.
func orientation(block []byte) int {
	if len(block) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(block[:4]) {
	case "II*\x00":
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	at := int64(order.Uint32(block[4:]))
	if at+2 > int64(len(block)) {
		return 1
	}
	// An entry takes 12 bytes: tag, type, count, and the value itself if it fits in four.
	ifd := block[at:]
	n := int(order.Uint16(ifd))
	for e := ifd[2:]; n > 0 && len(e) >= 12; n, e = n-1, e[12:] {
		if order.Uint16(e) != 0x0112 {
			continue
		}
		const short = 3
		if v := int(order.Uint16(e[8:])); order.Uint16(e[2:]) == short && 1 <= v && v <= 8 {
			return v
		}
		return 1
	}
	return 1
}

// jpegEXIF finds the APP1 segment that begins with "Exif\0\0".
func jpegEXIF(b []byte) []byte {
	for marker, seg := range jpegSegments(b) {
		if block, ok := bytes.CutPrefix(seg, []byte("Exif\x00\x00")); ok && marker == 0xe1 {
			return block
		}
	}
	return nil
}

// pngEXIF finds the chunk eXIf.
func pngEXIF(b []byte) []byte {
	for i := 8; i+12 <= len(b); {
		n := int64(binary.BigEndian.Uint32(b[i:]))
		if n > int64(len(b)-i-12) {
			return nil
		}
		if string(b[i+4:i+8]) == "eXIf" {
			return b[i+8 : i+8+int(n)]
		}
		i += 12 + int(n)
	}
	return nil
}

// webpEXIF finds the chunk EXIF. Some writers keep JPEG's prefix in it.
func webpEXIF(b []byte) []byte {
	for id, chunk := range webpChunks(b) {
		if id == "EXIF" {
			block, _ := bytes.CutPrefix(chunk, []byte("Exif\x00\x00"))
			return block
		}
	}
	return nil
}

// orient turns the picture upright: 1 as is, 2 mirrored horizontally, 3 turned by 180°, 4 mirrored
// vertically, 5 transposed, 6 turned 90° clockwise, 7 transversed, 8 turned 90° counterclockwise.
func (p *Picture) orient(o int) {
	if o < 2 || o > 8 {
		return
	}
	w, h := p.W, p.H
	turned := Picture{Pix: make([]byte, len(p.Pix)), W: w, H: h}
	if o >= 5 {
		turned.W, turned.H = h, w
	}
	for y := range turned.H {
		for x := range turned.W {
			sx, sy := source(o, x, y, w, h)
			copy(turned.Pix[3*(y*turned.W+x):][:3], p.Pix[3*(sy*w+sx):])
		}
	}
	*p = turned
}

// source is the stored place of pixel (x, y) of the upright picture.
func source(o, x, y, w, h int) (sx, sy int) {
	switch o {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return y, h - 1 - x
	case 7:
		return w - 1 - y, h - 1 - x
	case 8:
		return w - 1 - y, x
	}
	return x, y
}
