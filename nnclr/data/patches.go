package data

import (
	"bytes"
	"embed"
	"fmt"
	"image"
	"image/png"
	"sync"

	"kith/tensor/rng"
)

// builtin:patches, the data that needs no download: twelve photographs in the public domain or
// under CC0 (patches/LICENSES.md), cut into patches of 48×48 pixels, labeled by photograph.

//go:embed patches/*.png
var photographs embed.FS

// photos are the classes, in the order of their labels.
var photos = []string{
	"astronaut", "chelsea", "coffee", "hubble_deep_field", "retina", "rocket",
	"brick", "grass", "gravel", "camera", "clock_motion", "cell",
}

const (
	photoSide = 384
	cellSide  = 96 // of the 4×4 checkerboard: even cells are for training, odd ones for testing
	patchSide = 48
	trainEach = 700
	testEach  = 170
)

// patches is one split of the patches.
type patches struct {
	split string
	each  int      // patches per photograph
	photo [][]byte // [384, 384, 3]
	place []image.Point
}

var loadPhotos = sync.OnceValues(func() (photo [][]byte, err error) {
	for _, name := range photos {
		b, err := photographs.ReadFile("patches/" + name + ".png")
		if err != nil {
			return nil, err
		}
		img, err := png.Decode(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("photograph %s: %w", name, err)
		}
		var p Picture
		if err := p.Set(img); err != nil {
			return nil, err
		}
		photo = append(photo, p.Pix)
	}
	return photo, nil
})

// Patches returns a split ("train" or "test") of builtin:patches. The patches are the same for
// every seed of a run.
func Patches(split string) (Dataset, error) {
	photo, err := loadPhotos()
	if err != nil {
		return nil, err
	}
	p := &patches{split: split, each: trainEach, photo: photo}
	parity := 0
	if split == "test" {
		p.each, parity = testEach, 1
	}
	key := rng.New(0).Fold("builtin:patches").Fold(split)
	for i := range p.Len() {
		s := key.At(uint64(i)).Stream()
		cell := s.IntN(8) // row-major among the cells of this parity, two a row
		row := cell / 2
		col := 2*(cell%2) + (row+parity)%2
		dy, dx := s.IntN(cellSide-patchSide+1), s.IntN(cellSide-patchSide+1)
		p.place = append(p.place, image.Pt(col*cellSide+dx, row*cellSide+dy))
	}
	return p, nil
}

func (p *patches) Len() int { return len(photos) * p.each }

func (p *patches) At(i int) (image.Image, int, error) { return at(p, i) }

func (p *patches) Read(i int, dst *Picture) (int, error) {
	if i < 0 || i >= p.Len() {
		return -1, outside(i, p.Len())
	}
	dst.Resize(patchSide, patchSide)
	label, at := i/p.each, p.place[i]
	for y := range patchSide {
		from := 3 * ((at.Y+y)*photoSide + at.X)
		copy(dst.Pix[3*y*patchSide:3*(y+1)*patchSide], p.photo[label][from:])
	}
	return label, nil
}

func (p *patches) Classes() []string { return photos }

func (p *patches) Name(i int) string {
	at := p.place[i]
	return fmt.Sprintf("%s@%d,%d", photos[i/p.each], at.X, at.Y)
}

// Centered: a patch is evaluated by its central square.
func (p *patches) Centered() bool { return true }

// Label is the photograph of patch i.
func (p *patches) Label(i int) int { return i / p.each }
