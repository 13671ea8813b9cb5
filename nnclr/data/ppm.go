package data

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
)

// A ppmHeader is that of a netpbm gray or color map: P2 and P3 are text, P5 and P6 bytes.
type ppmHeader struct {
	form byte // '2', '3', '5', '6'
	w, h int
	top  int // value of white
}

func (h ppmHeader) channels() int {
	if h.form == '3' || h.form == '6' {
		return 3
	}
	return 1
}

func ppmRead(r *bufio.Reader) (h ppmHeader, err error) {
	var magic [2]byte
	if _, err = io.ReadFull(r, magic[:]); err != nil {
		return h, err
	}
	h.form = magic[1]
	for _, field := range []*int{&h.w, &h.h, &h.top} {
		if *field, err = ppmNumber(r); err != nil {
			return h, err
		}
	}
	if h.top < 1 || h.top > 65535 {
		return h, fmt.Errorf("PPM with largest value %d, expected 1 to 65535", h.top)
	}
	return h, nil
}

// ppmNumber skips blanks and comments, reads digits, and the one byte behind them.
func ppmNumber(r *bufio.Reader) (n int, err error) {
	digits := 0
	for comment := false; ; {
		b, err := r.ReadByte()
		if err != nil {
			if digits > 0 && err == io.EOF {
				return n, nil
			}
			return 0, io.ErrUnexpectedEOF
		}
		switch {
		case comment:
			comment = b != '\n'
		case '0' <= b && b <= '9':
			n = n*10 + int(b-'0')
			if digits++; digits > 9 {
				return 0, errors.New("PPM with a number of over 9 digits")
			}
		case b == '#' && digits == 0:
			comment = true
		case b == ' ' || b == '\n' || b == '\r' || b == '\t':
			if digits > 0 {
				return n, nil
			}
		default:
			return 0, fmt.Errorf("PPM with byte %q among its numbers", b)
		}
	}
}

func ppmConfig(r io.Reader) (image.Config, error) {
	h, err := ppmRead(bufio.NewReader(r))
	return image.Config{ColorModel: color.RGBAModel, Width: h.w, Height: h.h}, err
}

func ppmDecode(r io.Reader) (image.Image, error) {
	b := bufio.NewReader(r)
	h, err := ppmRead(b)
	if err != nil {
		return nil, err
	}
	p := new(Picture)
	p.Resize(h.w, h.h)
	if h.form == '6' && h.top == 255 { // packed shards
		_, err := io.ReadFull(b, p.Pix)
		return p, unexpected(err)
	}
	c := h.channels()
	for i := range h.w * h.h * c {
		v, err := h.sample(b)
		if err != nil {
			return nil, err
		}
		if v > h.top {
			return nil, fmt.Errorf("PPM value %d exceeds %d", v, h.top)
		}
		if h.top != 255 {
			v = (v*255 + h.top/2) / h.top
		}
		if c == 3 {
			p.Pix[i] = byte(v)
			continue
		}
		p.Pix[3*i], p.Pix[3*i+1], p.Pix[3*i+2] = byte(v), byte(v), byte(v)
	}
	return p, nil
}

// sample reads one value: text, a byte, or two bytes where white exceeds 255.
func (h ppmHeader) sample(b *bufio.Reader) (int, error) {
	if h.form <= '3' {
		return ppmNumber(b)
	}
	hi, err := b.ReadByte()
	if err != nil || h.top < 256 {
		return int(hi), unexpected(err)
	}
	lo, err := b.ReadByte()
	return int(hi)<<8 | int(lo), unexpected(err)
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
