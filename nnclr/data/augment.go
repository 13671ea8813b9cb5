package data

import "kith/tensor/rng"

// An Augmenter makes views. It keeps scratch memory, so one goroutine uses it at a time; results
// do not depend on what it did before.
type Augmenter struct {
	resizer resizer
	blurrer blurrer
	rows    floatRows
	img     Image
}

// floatRows writes resized rows into a view as floats, last pixel first where it is flipped.
type floatRows struct {
	img       *Image
	left, top int
	flip      bool
}

// unit maps a byte to 0..1.
var unit = func() (u [256]float32) {
	for i := range u {
		u[i] = float32(i) / 255
	}
	return
}()

// Make draws view v of p and writes it to dst, [size, size, 3], normalized.
func (a *Augmenter) Make(dst []float32, p *Picture, v *View, k rng.Key) {
	d := v.Draw(k, p.W, p.H)
	a.Apply(dst, p, v, &d, k)
}

// Apply writes the view of p that draw d describes to dst, [size, size, 3], normalized. The key is
// for v.Extra alone.
func (a *Augmenter) Apply(dst []float32, p *Picture, v *View, d *Draw, k rng.Key) {
	a.img = Image{dst[:3*v.Size*v.Size], v.Size, v.Size} // a field, lest it be allocated
	img := &a.img
	a.crop(img, p, d)
	for i, op := range d.Ops {
		jitter(img.Pix, op, d.Factor[i])
	}
	if d.Gray {
		gray(img.Pix)
	}
	if d.Sigma > 0 {
		a.blurrer.blur(img, float64(d.Sigma))
	}
	if d.Solarize {
		solarize(img.Pix)
	}
	for _, f := range v.Extra {
		f(img, k.Fold("extra"))
	}
	v.Norm.apply(img.Pix)
}

func jitter(px []float32, op Op, f float32) {
	switch op {
	case Brightness:
		brighten(px, f)
	case Contrast:
		contrast(px, f)
	case Saturation:
		saturate(px, f)
	case Hue:
		shiftHue(px, f)
	}
}

// crop writes the resized crop as floats, mirrored where the draw says so. A view larger than what
// it is cut from (Middle of a small picture) is black around it.
func (a *Augmenter) crop(img *Image, p *Picture, d *Draw) {
	// Only the pixels of the view are computed: an evaluation view is the middle of a picture that
	// is never resized as a whole.
	v := window{
		x: d.Box[0], y: d.Box[1], w: d.Box[2], h: d.Box[3],
		outW: d.Out[0], outH: d.Out[1],
		left: d.Corner[0], top: d.Corner[1], W: img.W, H: img.H,
	}
	left, top := max(0, -v.left), max(0, -v.top)
	if left > 0 || top > 0 || v.left+v.W > v.outW || v.top+v.H > v.outH {
		clear(img.Pix)
		v.left, v.top = max(0, v.left), max(0, v.top)
		v.W, v.H = min(v.W-left, v.outW-v.left), min(v.H-top, v.outH-v.top)
	}
	a.rows = floatRows{img, left, top, d.Flip}
	a.resizer.resize(p, d.Filter, v, &a.rows)
}

func (f *floatRows) put(y int, row []byte) {
	at := 3 * ((f.top+y)*f.img.W + f.left)
	dst := f.img.Pix[at : at+len(row)]
	if f.flip {
		for i := len(dst) - 3; i >= 0; i -= 3 {
			dst[i], dst[i+1], dst[i+2] = unit[row[0]], unit[row[1]], unit[row[2]]
			row = row[3:]
		}
		return
	}
	for i, b := range row {
		dst[i] = unit[b]
	}
}
