package data

import (
	"bytes"
	"fmt"
	"path"
	"strings"
)

// A kind is an image format, found by content and never by extension.
type kind uint8

const (
	unknown kind = iota
	jpegKind
	pngKind
	gifKind
	webpKind
	bmpKind
	ppmKind
	tiffKind
	refused // recognized, and refused by name
)

// sniffLen bytes suffice for sniff.
const sniffLen = 32

// refusals are formats that kith recognizes and does not read, with what to do about each.
var refusals = []struct {
	at    int
	magic string
	name  string
	hint  string
}{
	{0, "\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000", "convert it to PNG or JPEG"},
	{0, "\xff\x4f\xff\x51", "JPEG 2000", "convert it to PNG or JPEG"},
	{0, "\x00\x00\x00\x0cJXL ", "JPEG XL", "convert it to PNG or JPEG"},
	{0, "\xff\x0a", "JPEG XL", "convert it to PNG or JPEG"},
	{0, "FUJIFILMCCD-RAW", "camera RAW", "export it as JPEG or PNG"},
	{8, "CR\x02", "camera RAW", "export it as JPEG or PNG"},
	{4, "ftypcrx", "camera RAW", "export it as JPEG or PNG"},
	{4, "ftypavif", "AVIF", "convert it to PNG or JPEG"},
	{4, "ftypavis", "AVIF", "convert it to PNG or JPEG"},
	{4, "ftyphei", "HEIC", "convert it to JPEG"},
	{4, "ftyphev", "HEIC", "convert it to JPEG"},
	{4, "ftypmif1", "HEIC", "convert it to JPEG"},
	{4, "ftypmsf1", "HEIC", "convert it to JPEG"},
	{0, "8BPS", "Photoshop", "export it as PNG"},
}

// sniff names the format of a file that begins with b. The error of a refused format says what it
// is and what to do.
func sniff(b []byte) (kind, error) {
	for _, r := range refusals {
		if len(b) >= r.at+len(r.magic) && string(b[r.at:r.at+len(r.magic)]) == r.magic {
			return refused, fmt.Errorf("unsupported: %s; %s", r.name, r.hint)
		}
	}
	prefix := func(s string) bool { return bytes.HasPrefix(b, []byte(s)) }
	switch {
	case prefix("\xff\xd8\xff"):
		return jpegKind, nil
	case prefix("\x89PNG\r\n\x1a\n"):
		return pngKind, nil
	case prefix("GIF87a"), prefix("GIF89a"):
		return gifKind, nil
	case prefix("RIFF") && len(b) >= 12 && string(b[8:12]) == "WEBP":
		return webpKind, nil
	case prefix("II*\x00"), prefix("MM\x00*"), prefix("II+\x00"), prefix("MM\x00+"):
		return tiffKind, nil
	case isBMP(b):
		return bmpKind, nil
	case isPPM(b):
		return ppmKind, nil
	}
	return unknown, fmt.Errorf("not an image: %d bytes%s", len(b), beginning(b))
}

// isBMP wants a plausible header too: many texts begin with "BM".
func isBMP(b []byte) bool {
	if len(b) < 18 || b[0] != 'B' || b[1] != 'M' {
		return false
	}
	size := uint32(b[14]) | uint32(b[15])<<8 | uint32(b[16])<<16 | uint32(b[17])<<24
	return size >= 12 && size <= 256 && b[6]|b[7]|b[8]|b[9] == 0
}

func isPPM(b []byte) bool {
	if len(b) < 3 || b[0] != 'P' {
		return false
	}
	space := b[2] == ' ' || b[2] == '\n' || b[2] == '\r' || b[2] == '\t' || b[2] == '#'
	return space && (b[1] == '2' || b[1] == '3' || b[1] == '5' || b[1] == '6')
}

// beginning shows the first bytes of a file, for messages.
func beginning(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return fmt.Sprintf(" beginning with %q", b[:min(len(b), 12)])
}

var imageExtensions = map[string]bool{
	".jpg": true, ".jpeg": true, ".jpe": true, ".jfif": true, ".png": true, ".apng": true,
	".gif": true, ".webp": true, ".bmp": true, ".dib": true, ".ppm": true, ".pgm": true,
	".pnm": true, ".tif": true, ".tiff": true, ".heic": true, ".heif": true, ".avif": true,
	".jp2": true, ".j2k": true, ".jxl": true,
}

// extension is the lower-case extension of a name, with its dot.
func extension(name string) string { return strings.ToLower(path.Ext(name)) }

// claims says that a name promises an image: if its content does not keep the promise, it is a bad
// image and not just another file.
func claims(name string) bool { return imageExtensions[extension(name)] }
