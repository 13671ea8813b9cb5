package data

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"kith/internal/turbojpeg"
)

// Decode replaces p by the image that b encodes, turned upright by its EXIF orientation. Every
// limit is checked on the header, before any pixel is allocated: a PNG of 69 bytes may announce
// 30,000×30,000 pixels. The error says in a few words what is wrong with the file.
func Decode(b []byte, o Options, p *Picture) error {
	if int64(len(b)) > o.maxBytes() {
		return fmt.Errorf("%d bytes exceed max_bytes %d", len(b), o.maxBytes())
	}
	k, err := sniff(b)
	if err != nil {
		return err
	}
	c, ok := codecs[k]
	if !ok {
		return errors.New("no codec")
	}
	if k == tiffKind && !o.TIFF {
		return errors.New("TIFF is off (formats=+tiff)")
	}
	if err := guarded(func() error { return c.decode(b, k, o, p) }); err != nil {
		return err
	}
	if o.IgnoreEXIF || c.exif == nil {
		return nil
	}
	p.orient(orientation(c.exif(b)))
	return nil
}

// guarded turns a panic of a decoder into an error: the file is bad, the run goes on.
func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("decoder panic: %v", r)
		}
	}()
	return f()
}

// A codec reads one format: check refuses what the header shows to be unsupported, config gives
// the size, pixels the image, exif the Exif block (a TIFF structure) or nil.
type codec struct {
	check  func(b []byte) error
	config func(r io.Reader) (image.Config, error)
	pixels func(r io.Reader) (image.Image, error)
	exif   func(b []byte) []byte
}

var codecs = map[kind]codec{
	jpegKind: {checkJPEG, jpeg.DecodeConfig, jpeg.Decode, jpegEXIF},
	pngKind:  {nil, png.DecodeConfig, png.Decode, pngEXIF},
	gifKind:  {nil, gif.DecodeConfig, gif.Decode, nil},
	webpKind: {checkWebP, webp.DecodeConfig, webp.Decode, webpEXIF},
	bmpKind:  {nil, bmp.DecodeConfig, bmp.Decode, nil},
	ppmKind:  {nil, ppmConfig, ppmDecode, nil},
	tiffKind: {nil, tiff.DecodeConfig, tiff.Decode, nil},
}

func (c *codec) decode(b []byte, k kind, o Options, p *Picture) error {
	if c.check != nil {
		if err := c.check(b); err != nil {
			return err
		}
	}
	cfg, err := c.config(bytes.NewReader(b))
	if err != nil {
		return reason(err)
	}
	if err := checkSize(cfg.Width, cfg.Height, o); err != nil {
		return err
	}
	if k == jpegKind {
		return decodeJPEG(b, cfg, o, p)
	}
	img, err := c.pixels(bytes.NewReader(b))
	if err != nil {
		return reason(err)
	}
	if err := announced(img.Bounds().Dx(), img.Bounds().Dy(), cfg); err != nil {
		return err
	}
	if k == webpKind {
		return p.setWebP(img)
	}
	return p.Set(img)
}

// decodeJPEG decodes with the chosen decoder. A file that ends before its image does is accepted on
// request: the end marker is then appended.
func decodeJPEG(b []byte, cfg image.Config, o Options, p *Picture) error {
	decode := stdJPEG
	if o.Decoder() == "turbo" {
		decode = turboJPEG
	}
	err := decode(b, cfg, p)
	if err != nil && o.Tolerant && truncated(err) {
		err = decode(append(bytes.Clone(b), "\xff\xd9"...), cfg, p)
	}
	return reason(err)
}

func stdJPEG(b []byte, cfg image.Config, p *Picture) error {
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		return err
	}
	if err := announced(img.Bounds().Dx(), img.Bounds().Dy(), cfg); err != nil {
		return err
	}
	return p.Set(img)
}

func turboJPEG(b []byte, cfg image.Config, p *Picture) error {
	err := turbojpeg.Decode(b, func(w, h int) ([]byte, error) {
		if err := announced(w, h, cfg); err != nil {
			return nil, err
		}
		p.Resize(w, h)
		return p.Pix, nil
	})
	if errors.Is(err, turbojpeg.ErrColors) {
		return stdJPEG(b, cfg, p)
	}
	return err
}

// announced refuses an image of another size than its header said.
func announced(w, h int, cfg image.Config) error {
	if w != cfg.Width || h != cfg.Height {
		return fmt.Errorf("%d×%d pixels, announced as %d×%d", w, h, cfg.Width, cfg.Height)
	}
	return nil
}

// checkSize refuses empty and enormous images.
func checkSize(w, h int, o Options) error {
	if w < 1 || h < 1 {
		return fmt.Errorf("%d×%d pixels", w, h)
	}
	if int64(w) > o.maxPixels()/int64(h) {
		return fmt.Errorf("%d×%d pixels exceed max_pixels %d", w, h, o.maxPixels())
	}
	return nil
}

func truncated(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		strings.Contains(err.Error(), "EOF") || strings.Contains(err.Error(), "short Huffman data") ||
		strings.Contains(err.Error(), "not enough pixel data")
}

// reason puts a decoder's error into words for the user.
func reason(err error) error {
	if err != nil && truncated(err) {
		return errors.New("truncated")
	}
	return err
}

// checkJPEG walks the markers up to the frame header: the standard decoder's message about 12-bit
// and lossless frames does not name them.
func checkJPEG(b []byte) error {
	for marker, seg := range jpegSegments(b) {
		switch {
		case marker == 0xc3 || marker >= 0xc5 && marker <= 0xcf && marker != 0xc8 && marker != 0xcc:
			return fmt.Errorf("unsupported: JPEG frame type %#x (lossless, hierarchical or arithmetic)", marker)
		case marker >= 0xc0 && marker <= 0xc2 && len(seg) > 0 && seg[0] != 8:
			return fmt.Errorf("unsupported: %d-bit JPEG; convert it to 8 bits", seg[0])
		}
	}
	return nil
}

// jpegSegments yields the markers with a length before the first scan, with their contents.
func jpegSegments(b []byte) func(yield func(marker byte, seg []byte) bool) {
	return func(yield func(byte, []byte) bool) {
		for i := 2; i+4 <= len(b) && b[i] == 0xff; {
			marker := b[i+1]
			if marker == 0xff { // fill byte
				i++
				continue
			}
			n := int(b[i+2])<<8 | int(b[i+3])
			if n < 2 || i+2+n > len(b) || marker == 0xda || marker == 0xd9 {
				return
			}
			if !yield(marker, b[i+4:i+2+n]) {
				return
			}
			i += 2 + n
		}
	}
}

// checkWebP refuses animations by name.
func checkWebP(b []byte) error {
	for id := range webpChunks(b) {
		if id == "ANIM" || id == "ANMF" {
			return errors.New("unsupported: animated WebP; extract a frame")
		}
	}
	return nil
}

// webpChunks yields the chunks of a RIFF file.
func webpChunks(b []byte) func(yield func(id string, chunk []byte) bool) {
	return func(yield func(string, []byte) bool) {
		for i := 12; i+8 <= len(b); {
			n := int(uint32(b[i+4]) | uint32(b[i+5])<<8 | uint32(b[i+6])<<16 | uint32(b[i+7])<<24)
			if n < 0 || n > len(b)-i-8 {
				return
			}
			if !yield(string(b[i:i+4]), b[i+8:i+8+n]) {
				return
			}
			i += 8 + n + n&1
		}
	}
}
