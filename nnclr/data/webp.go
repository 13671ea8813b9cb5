package data

import "image"

// setWebP converts a decoded WebP. Lossy WebP holds video-range BT.601 colors (16..235), which the
// decoder hands over in the same type as JPEG's full-range ones, so p.Set would wash them out. The
// fixed-point formula is that of libwebp, and of Pillow.
func (p *Picture) setWebP(img image.Image) error {
	m, ok := img.(*image.YCbCr)
	if a, alpha := img.(*image.NYCbCrA); alpha {
		m, ok = &a.YCbCr, true
	}
	if !ok {
		return p.Set(img) // lossless
	}
	p.Resize(m.Rect.Dx(), m.Rect.Dy())
	d := p.Pix
	for y := range p.H {
		for x := range p.W {
			c := m.COffset(m.Rect.Min.X+x, m.Rect.Min.Y+y)
			l := int32(m.Y[m.YOffset(m.Rect.Min.X+x, m.Rect.Min.Y+y)]) * 19077 >> 8
			u, v := int32(m.Cb[c]), int32(m.Cr[c])
			d[0] = video(l + v*26149>>8 - 14234)
			d[1] = video(l - u*6419>>8 - v*13320>>8 + 8708)
			d[2] = video(l + u*33050>>8 - 17685)
			d = d[3:]
		}
	}
	return nil
}

// video drops the six bits behind the point and clamps.
func video(v int32) byte { return byte(max(0, min(v>>6, 255))) }
