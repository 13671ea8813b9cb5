// Package data turns image files into batches of augmented views.
//
//	sets, err := data.Open([]string{"builtin:patches"}, data.Options{})
//	views, err := data.Preset("byol", 32)
//	loader := &data.Loader{Data: sets.Train, Views: views, Size: 256, Workers: 2, Key: key}
//	for batch, err := range loader.Epoch(0, 0) { … }
//
// An image takes four stations: a Dataset names it and gives its pixels as 8-bit RGB, a View draws
// its random parameters from a key (a Draw), the draw is applied (crop and resize in bytes, colors
// in float32), and the Loader puts the result at its place in a Batch. Nothing depends on who does
// the work: a batch is a function of (seed, epoch, step) and the data alone.
//
// A Dataset may also implement Classes, Namer, Opener, Reader, Centered and Sequencer.
package data

import (
	"fmt"
	"image"
	"image/color"
)

// A Dataset is an indexed set of images. All methods may be called concurrently.
type Dataset interface {
	Len() int
	// At returns image i and its class, -1 if unknown. An error concerns this image only.
	At(i int) (img image.Image, label int, err error)
}

// Classes is implemented by datasets whose labels have names.
type Classes interface{ Classes() []string }

// Namer is implemented by datasets whose images have names, for messages, tables and pictures.
type Namer interface{ Name(i int) string }

// Opener is implemented by datasets that hold encoded files.
type Opener interface {
	// Open returns the encoded bytes of image i, which the caller may keep but not change.
	Open(i int) (b []byte, label int, err error)
}

// Reader is implemented by datasets that can fill a picture without allocating one.
type Reader interface {
	// Read replaces p by image i and returns its class, -1 if unknown.
	Read(i int, p *Picture) (label int, err error)
}

// Centered is implemented by datasets whose images are evaluated by their central square, at its
// own scale (builtin:patches).
type Centered interface{ Centered() bool }

// A Picture is an image of 8-bit RGB pixels, [h, w, 3]. It implements image.Image.
type Picture struct {
	Pix  []byte
	W, H int
}

// Resize makes p a picture of w×h pixels of undefined content, reusing its memory where it can.
func (p *Picture) Resize(w, h int) {
	n := 3 * w * h
	if cap(p.Pix) < n {
		p.Pix = make([]byte, n)
	}
	p.Pix, p.W, p.H = p.Pix[:n], w, h
}

// ColorModel is that of opaque 8-bit pixels.
func (p *Picture) ColorModel() color.Model { return color.RGBAModel }

// Bounds begins at (0, 0).
func (p *Picture) Bounds() image.Rectangle { return image.Rect(0, 0, p.W, p.H) }

// At returns pixel (x, y); black outside.
func (p *Picture) At(x, y int) color.Color {
	if x < 0 || y < 0 || x >= p.W || y >= p.H {
		return color.RGBA{A: 255}
	}
	c := p.Pix[3*(y*p.W+x):]
	return color.RGBA{c[0], c[1], c[2], 255}
}

// Read replaces p by image i of d. Without a Reader the picture goes through image.Image.
func Read(d Dataset, i int, p *Picture) (label int, err error) {
	if r, ok := d.(Reader); ok {
		return r.Read(i, p)
	}
	img, label, err := d.At(i)
	if err != nil {
		return label, err
	}
	return label, p.Set(img)
}

// Name returns the name of image i of d, or "#i" where it has none.
func Name(d Dataset, i int) string {
	if n, ok := d.(Namer); ok {
		return n.Name(i)
	}
	return fmt.Sprintf("#%d", i)
}

// ClassNames returns the names of d's classes, nil if it has none.
func ClassNames(d Dataset) []string {
	if c, ok := d.(Classes); ok {
		return c.Classes()
	}
	return nil
}

// at is the method At of sources that are Readers: a new picture, then Read.
func at(r Reader, i int) (image.Image, int, error) {
	p := new(Picture)
	label, err := r.Read(i, p)
	if err != nil {
		return nil, label, err
	}
	return p, label, nil
}

// outside is the error of an index that names no image.
func outside(i, n int) error {
	return fmt.Errorf("image %d of %d", i, n)
}

// An Error says that a source cannot be used: missing, empty, damaged, or of a refused kind.
// The command ends with exit code 3.
type Error struct {
	Source string // as the user wrote it
	Err    error
}

func (e *Error) Error() string { return e.Source + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }
