// Package picture draws what training found: a grid of query images with their neighbors over time,
// and sprites of thumbnails. It is a function from pixels and words to pixels; same input, same
// bytes.
//
//	query   start   ep 2    ep 10   now
//	[img]   [img]   [img]   [img]   [img]     one row a query
//	        0.41    0.66    0.87    0.93      similarity; green frame: same label
package picture

import (
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// An Image is RGB bytes, row by row: 3·W·H of them.
type Image struct {
	W, H int
	Pix  []byte
}

// A Frame is the color around a cell.
type Frame uint8

// The frames.
const (
	Plain Frame = iota // a thin gray line
	Same               // green: the neighbor has the query's label
	Other              // orange: it has another one
)

// A Cell is one place of a grid. Its zero value is empty, for a snapshot that is missing.
type Cell struct {
	Image   Image
	Frame   Frame
	Caption string // below the image, such as a similarity
}

// A Grid is rows of cells.
type Grid struct {
	Columns []string // above the columns; none: no line of them
	Rows    [][]Cell
	Tile    int // side of a cell's image in pixels; 0: 64
}

const (
	defaultTile = 64
	gap         = 6  // pixels between cells and around the grid
	border      = 3  // width of a colored frame
	textHeight  = 13 // of basicfont's face
	textWidth   = 7
	maxSide     = 1 << 15 // pixels of the whole picture
)

var (
	paper = color.RGBA{255, 255, 255, 255}
	ink   = color.RGBA{40, 40, 40, 255}
	// Okabe and Ito's green and orange, which most color-blind readers tell apart.
	frames = map[Frame]color.RGBA{Plain: {200, 200, 200, 255}, Same: {0, 158, 115, 255}, Other: {230, 159, 0, 255}}
)

// Draw draws the grid. It is an error if there is nothing to draw, an image's bytes do not match its
// size, or the picture would exceed 32,768 pixels a side.
func (g Grid) Draw() (*image.RGBA, error) {
	l, err := g.layout()
	if err != nil {
		return nil, err
	}
	m := image.NewRGBA(image.Rect(0, 0, l.width, l.height))
	draw.Draw(m, m.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	for c, word := range g.Columns {
		write(m, l.cell(0, c).Min.X, gap, l.tile, word)
	}
	for r, row := range g.Rows {
		for c, cell := range row {
			if err := drawCell(m, l.cell(r, c), cell); err != nil {
				return nil, fmt.Errorf("row %d, column %d: %w", r, c, err)
			}
		}
	}
	return m, nil
}

// A layout is where things go.
type layout struct {
	tile          int
	head, caption int // pixels above the first row and below each cell
	width, height int
}

// layout measures the grid. Lines for words are there only where a word is, so a grid without any has
// no empty stripes.
func (g Grid) layout() (layout, error) {
	l := layout{tile: g.Tile}
	if l.tile == 0 {
		l.tile = defaultTile
	}
	columns := len(g.Columns)
	if columns > 0 {
		l.head = textHeight + gap/2
	}
	for _, row := range g.Rows {
		columns = max(columns, len(row))
		for _, cell := range row {
			if cell.Caption != "" {
				l.caption = textHeight
			}
		}
	}
	l.width = gap + columns*l.pitchX()
	l.height = gap + l.head + len(g.Rows)*l.pitchY()
	if columns == 0 || len(g.Rows) == 0 || l.tile < 1 {
		return l, fmt.Errorf("nothing to draw: %d rows, %d columns, tiles of %d pixels", len(g.Rows), columns, l.tile)
	}
	// Each factor is bounded by itself first, so that no product can wrap around.
	if l.tile > maxSide || columns > maxSide || len(g.Rows) > maxSide || l.width > maxSide || l.height > maxSide {
		return l, fmt.Errorf("%d×%d cells of %d pixels make a picture above %d pixels a side",
			len(g.Rows), columns, l.tile, maxSide)
	}
	return l, nil
}

func (l layout) pitchX() int { return l.tile + gap }
func (l layout) pitchY() int { return l.tile + l.caption + gap }

// cell is the square of a cell's image.
func (l layout) cell(row, column int) image.Rectangle {
	x, y := gap+column*l.pitchX(), gap+l.head+row*l.pitchY()
	return image.Rect(x, y, x+l.tile, y+l.tile)
}

// drawCell draws caption, frame and image. A cell without an image keeps its place, so that columns
// stay snapshots.
func drawCell(m *image.RGBA, box image.Rectangle, cell Cell) error {
	write(m, box.Min.X, box.Max.Y+1, box.Dx(), cell.Caption)
	if cell.Image.W == 0 && cell.Image.H == 0 {
		return nil
	}
	width := border
	if cell.Frame == Plain {
		width = 1
	}
	// The frame lies outside the image, which keeps all of its pixels.
	draw.Draw(m, box.Inset(-width), image.NewUniform(frames[cell.Frame]), image.Point{}, draw.Src)
	draw.Draw(m, box, image.NewUniform(paper), image.Point{}, draw.Src)
	return place(m, box, cell.Image)
}

// place scales an image into a box, keeping its aspect, centered.
func place(m *image.RGBA, box image.Rectangle, img Image) error {
	src, err := img.rgba()
	if err != nil {
		return err
	}
	w, h := box.Dx(), box.Dy()
	if img.W*h > img.H*w {
		h = max(1, img.H*w/img.W)
	} else {
		w = max(1, img.W*h/img.H)
	}
	at := box.Min.Add(image.Pt((box.Dx()-w)/2, (box.Dy()-h)/2))
	// Small images grow as blocks: a 32-pixel photograph blurred to 64 shows less, not more.
	var scale draw.Scaler = draw.CatmullRom
	if w >= img.W {
		scale = draw.NearestNeighbor
	}
	scale.Scale(m, image.Rectangle{at, at.Add(image.Pt(w, h))}, src, src.Bounds(), draw.Src, nil)
	return nil
}

// rgba copies the pixels into the standard library's form.
func (img Image) rgba() (*image.RGBA, error) {
	if img.W < 1 || img.H < 1 || img.W > maxSide || img.H > maxSide || len(img.Pix) != 3*img.W*img.H {
		return nil, fmt.Errorf("%d bytes are no %d×%d RGB image", len(img.Pix), img.W, img.H)
	}
	m := image.NewRGBA(image.Rect(0, 0, img.W, img.H))
	for i := range img.W * img.H {
		copy(m.Pix[4*i:], img.Pix[3*i:3*i+3])
		m.Pix[4*i+3] = 255
	}
	return m, nil
}

// write writes a word, centered in width pixels from x on, its top at y. What is too long is cut;
// the font has ASCII only, so other letters show as question marks.
func write(m *image.RGBA, x, y, width int, word string) {
	text := []byte{}
	for _, r := range word {
		if r < ' ' || r > '~' {
			r = '?'
		}
		text = append(text, byte(r))
	}
	text = text[:min(len(text), width/textWidth)]
	face := basicfont.Face7x13
	d := font.Drawer{
		Dst: m, Src: image.NewUniform(ink), Face: face,
		Dot: fixed.P(x+(width-textWidth*len(text))/2, y+face.Ascent),
	}
	d.DrawBytes(text)
}

// Sprite places images left to right, top to bottom, in squares of tile pixels without gaps, columns
// a row: the form that a page cuts thumbnails from.
func Sprite(images []Image, tile, columns int) (*image.RGBA, error) {
	rows := 0
	if columns > 0 {
		rows = (len(images) + columns - 1) / columns
	}
	if rows == 0 || tile < 1 || tile > maxSide || tile*min(columns, maxSide+1) > maxSide || tile*min(rows, maxSide+1) > maxSide {
		return nil, fmt.Errorf("no sprite of %d images, %d a row, in tiles of %d pixels", len(images), columns, tile)
	}
	m := image.NewRGBA(image.Rect(0, 0, columns*tile, rows*tile))
	draw.Draw(m, m.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	for i, img := range images {
		x, y := i%columns*tile, i/columns*tile
		if err := place(m, image.Rect(x, y, x+tile, y+tile), img); err != nil {
			return nil, fmt.Errorf("image %d: %w", i, err)
		}
	}
	return m, nil
}

// PNG writes a picture without loss.
func PNG(w io.Writer, m image.Image) error {
	return (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(w, m)
}

// JPEG writes a picture at quality 85, about a tenth of the PNG's size for photographs.
func JPEG(w io.Writer, m image.Image) error {
	return jpeg.Encode(w, m, &jpeg.Options{Quality: 85})
}
