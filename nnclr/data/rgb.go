package data

import (
	"fmt"
	"image"
	"image/color"
)

// Set replaces p by img as 8-bit RGB: gray is replicated, 16-bit values are rounded, alpha is
// dropped and not blended (colors as stored), CMYK is multiplied out. The conversions work on the
// concrete types: color.Color would premultiply alpha, and take ten times as long.
func (p *Picture) Set(img image.Image) error {
	b := img.Bounds()
	p.Resize(b.Dx(), b.Dy())
	switch m := img.(type) {
	case *Picture:
		copy(p.Pix, m.Pix)
	case *image.YCbCr:
		p.setYCbCr(m)
	case *image.NYCbCrA:
		p.setYCbCr(&m.YCbCr)
	case *image.Gray:
		p.each(m.Pix, m.Stride, 1, func(d, s []byte) { d[0], d[1], d[2] = s[0], s[0], s[0] })
	case *image.Gray16:
		p.each(m.Pix, m.Stride, 2, func(d, s []byte) { v := narrow(s); d[0], d[1], d[2] = v, v, v })
	case *image.NRGBA:
		p.each(m.Pix, m.Stride, 4, func(d, s []byte) { d[0], d[1], d[2] = s[0], s[1], s[2] })
	case *image.NRGBA64:
		p.each(m.Pix, m.Stride, 8, func(d, s []byte) { d[0], d[1], d[2] = narrow(s), narrow(s[2:]), narrow(s[4:]) })
	case *image.RGBA:
		p.each(m.Pix, m.Stride, 4, unmultiply)
	case *image.RGBA64:
		p.each(m.Pix, m.Stride, 8, func(d, s []byte) { d[0], d[1], d[2] = narrow(s), narrow(s[2:]), narrow(s[4:]) })
	case *image.CMYK:
		p.each(m.Pix, m.Stride, 4, multiply)
	case *image.Paletted:
		return p.setPaletted(m)
	default:
		return p.setAny(img)
	}
	return nil
}

// each converts pixel by pixel: s begins at a pixel of size bytes, d at its place in p.
func (p *Picture) each(pix []byte, stride, size int, convert func(d, s []byte)) {
	d := p.Pix
	for y := range p.H {
		s := pix[y*stride:]
		for range p.W {
			convert(d[:3:3], s[:size:size])
			d, s = d[3:], s[size:]
		}
	}
}

// narrow rounds a big-endian 16-bit value to 8 bits.
func narrow(s []byte) byte {
	v := uint32(s[0])<<8 | uint32(s[1])
	return byte((v*255 + 32767) / 65535)
}

// unmultiply undoes premultiplied alpha; opaque pixels pass as they are.
func unmultiply(d, s []byte) {
	a := uint32(s[3])
	if a == 255 || a == 0 {
		d[0], d[1], d[2] = s[0], s[1], s[2]
		return
	}
	for c := range 3 {
		d[c] = byte(min(255, (uint32(s[c])*255+a/2)/a))
	}
}

// multiply turns ink into light: (255-c)(255-k)/255, rounded.
func multiply(d, s []byte) {
	k := 255 - uint32(s[3])
	for c := range 3 {
		d[c] = byte(((255-uint32(s[c]))*k + 127) / 255)
	}
}

// setYCbCr converts full-range YCbCr (JFIF) with the integer formula of the standard library.
// Subsampled chroma is replicated.
func (p *Picture) setYCbCr(m *image.YCbCr) {
	b, shift := m.Rect, chromaShift(m.SubsampleRatio)
	d := p.Pix
	for y := b.Min.Y; y < b.Max.Y; y++ {
		luma := m.Y[m.YOffset(b.Min.X, y):]
		luma = luma[:p.W]
		c := m.COffset(b.Min.X, y)
		// COffset divides coordinates, so an odd left edge starts in the middle of a chroma pixel.
		phase := b.Min.X & (1<<shift - 1)
		cb, cr := m.Cb[c:], m.Cr[c:]
		for x, l := range luma {
			i := (x + phase) >> shift
			yy := int32(l) * 0x10101
			u, v := int32(cb[i])-128, int32(cr[i])-128
			d[3*x] = saturated(yy + 91881*v)
			d[3*x+1] = saturated(yy - 22554*u - 46802*v)
			d[3*x+2] = saturated(yy + 116130*u)
		}
		d = d[3*p.W:]
	}
}

// chromaShift is the logarithm of the pixels that share a chroma sample in a row.
func chromaShift(r image.YCbCrSubsampleRatio) uint {
	switch r {
	case image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420:
		return 1
	case image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410:
		return 2
	}
	return 0
}

// saturated is v/2¹⁶ within a byte. Bits above 24 are set in what is negative or too large.
func saturated(v int32) byte {
	if uint32(v)&0xff000000 == 0 {
		return byte(v >> 16)
	}
	return byte(^(v >> 31))
}

// setPaletted looks up each color once. An index beyond the palette would be a panic in the library.
func (p *Picture) setPaletted(m *image.Paletted) error {
	var table [256][3]byte
	for i, c := range m.Palette {
		if i < 256 {
			table[i] = stored(c)
		}
	}
	d := p.Pix
	for y := range p.H {
		for _, i := range m.Pix[y*m.Stride : y*m.Stride+p.W] {
			if int(i) >= len(m.Palette) {
				return fmt.Errorf("color %d of a palette of %d", i, len(m.Palette))
			}
			copy(d[:3], table[i][:])
			d = d[3:]
		}
	}
	return nil
}

// stored is the color of a palette entry without its alpha.
func stored(c color.Color) [3]byte {
	if n, ok := c.(color.NRGBA); ok {
		return [3]byte{n.R, n.G, n.B}
	}
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return [3]byte{n.R, n.G, n.B}
}

// setAny serves image types of other packages.
func (p *Picture) setAny(img image.Image) error {
	b, d := img.Bounds(), p.Pix
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := stored(img.At(x, y))
			copy(d[:3], c[:])
			d = d[3:]
		}
	}
	return nil
}
