package picture

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"strings"
	"testing"

	"kith/internal/golden"
)

// flat is an image of one color.
func flat(w, h int, c color.RGBA) Image {
	img := Image{W: w, H: h}
	for range w * h {
		img.Pix = append(img.Pix, c.R, c.G, c.B)
	}
	return img
}

var (
	red  = color.RGBA{255, 0, 0, 255}
	blue = color.RGBA{0, 0, 255, 255}
)

func mustDraw(t *testing.T, g Grid) *image.RGBA {
	t.Helper()
	m, err := g.Draw()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func wantPixel(t *testing.T, m *image.RGBA, x, y int, want color.RGBA) {
	t.Helper()
	if got := m.RGBAAt(x, y); got != want {
		t.Errorf("pixel %d,%d is %v, want %v", x, y, got, want)
	}
}

func TestLayout(t *testing.T) {
	m := mustDraw(t, Grid{Tile: 10, Rows: [][]Cell{
		{{Image: flat(10, 10, red)}, {Image: flat(10, 10, blue), Frame: Same}, {}},
		{{Image: flat(5, 5, blue), Frame: Other}},
	}})
	if got := m.Bounds().Size(); got != image.Pt(gap+3*16, gap+2*16) {
		t.Errorf("size %v", got)
	}
	wantPixel(t, m, 0, 0, paper)
	wantPixel(t, m, 5, 5, frames[Plain]) // a thin line
	wantPixel(t, m, 4, 4, paper)
	wantPixel(t, m, 6, 6, red) // every pixel of the image is there
	wantPixel(t, m, 15, 15, red)
	wantPixel(t, m, 22, 6, blue)
	wantPixel(t, m, 31, 15, blue)
	wantPixel(t, m, 19, 3, frames[Same])
	wantPixel(t, m, 34, 18, frames[Same])
	wantPixel(t, m, 18, 10, paper)
	wantPixel(t, m, 38, 6, paper) // the empty cell
	wantPixel(t, m, 6, 22, blue)
	wantPixel(t, m, 4, 24, frames[Other])
}

// Words take space only where there are any, and stay within their column.
func TestWords(t *testing.T) {
	cell := Cell{Image: flat(32, 32, red)}
	plain := mustDraw(t, Grid{Tile: 32, Rows: [][]Cell{{cell}}})
	headed := mustDraw(t, Grid{Tile: 32, Rows: [][]Cell{{cell, {}}}, Columns: []string{"a very long word", ""}})
	if d := headed.Bounds().Dy() - plain.Bounds().Dy(); d != textHeight+gap/2 {
		t.Errorf("the line of columns takes %d pixels", d)
	}
	cell.Caption = "0.93"
	captioned := mustDraw(t, Grid{Tile: 32, Rows: [][]Cell{{cell}}})
	if d := captioned.Bounds().Dy() - plain.Bounds().Dy(); d != textHeight {
		t.Errorf("captions take %d pixels", d)
	}
	inked := func(m *image.RGBA, r image.Rectangle) (n int) {
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				if m.RGBAAt(x, y) == ink {
					n++
				}
			}
		}
		return n
	}
	if inked(headed, image.Rect(gap, 0, gap+32, 20)) == 0 || inked(headed, image.Rect(gap+32, 0, 100, 20)) > 0 {
		t.Error("a word is missing or leaves its column")
	}
	if inked(captioned, image.Rect(0, gap+33, 50, 80)) == 0 || inked(plain, plain.Bounds()) > 0 {
		t.Error("a caption is missing, or there is one too many")
	}
	// Letters that the font lacks show as question marks instead of vanishing.
	cell.Caption = "é\n"
	a := mustDraw(t, Grid{Tile: 32, Rows: [][]Cell{{cell}}})
	cell.Caption = "??"
	if b := mustDraw(t, Grid{Tile: 32, Rows: [][]Cell{{cell}}}); !bytes.Equal(a.Pix, b.Pix) {
		t.Error("é is not shown as ?")
	}
}

// Images keep their aspect; large ones shrink smoothly, small ones grow as blocks.
func TestScale(t *testing.T) {
	wide := mustDraw(t, Grid{Tile: 20, Rows: [][]Cell{{{Image: flat(200, 50, red)}}}})
	wantPixel(t, wide, gap+10, gap+10, red)
	wantPixel(t, wide, gap+10, gap+3, paper)
	wantPixel(t, wide, gap, gap+10, red)
	thin := mustDraw(t, Grid{Tile: 20, Rows: [][]Cell{{{Image: flat(1, 5000, blue)}}}})
	wantPixel(t, thin, gap+9, gap, blue)
	wantPixel(t, thin, gap+11, gap+10, paper)

	checker := Image{W: 2, H: 2, Pix: []byte{255, 0, 0, 0, 0, 255, 0, 0, 255, 255, 0, 0}}
	blocks := mustDraw(t, Grid{Tile: 20, Rows: [][]Cell{{{Image: checker}}}})
	wantPixel(t, blocks, gap+9, gap+9, red)
	wantPixel(t, blocks, gap+10, gap+9, blue)

	fine := Image{W: 64, H: 64} // black and white columns average to gray
	for i := range 64 * 64 {
		v := byte(255 * (i % 2))
		fine.Pix = append(fine.Pix, v, v, v)
	}
	gray := mustDraw(t, Grid{Tile: 8, Rows: [][]Cell{{{Image: fine}}}})
	if c := gray.RGBAAt(gap+4, gap+4); c.R < 110 || c.R > 145 {
		t.Errorf("columns shrink to %v", c)
	}
}

func TestRefused(t *testing.T) {
	one := func(img Image) Grid { return Grid{Rows: [][]Cell{{{Image: img}}}} }
	for _, c := range []struct {
		grid Grid
		want string
	}{
		{Grid{}, "nothing to draw"},
		{Grid{Rows: [][]Cell{{}}}, "nothing to draw"},
		{Grid{Columns: []string{"a"}}, "nothing to draw"},
		{Grid{Tile: -1, Rows: [][]Cell{{{}}}}, "nothing to draw"},
		{Grid{Tile: 1 << 15, Rows: [][]Cell{{{}}}}, "above 32768"},
		{Grid{Tile: math.MaxInt, Rows: [][]Cell{{{}, {}}}}, "above 32768"},
		{Grid{Rows: [][]Cell{make([]Cell, 1000)}}, "above 32768"},
		{one(Image{W: 2, H: 2, Pix: make([]byte, 11)}), "row 0, column 0: 11 bytes are no 2×2"},
		{one(Image{W: 2, H: 0}), "no 2×0"},
		{one(Image{W: -1, H: -1, Pix: make([]byte, 3)}), "no -1×-1"},
		{one(Image{W: 1 << 32, H: 1 << 32}), "no 4294967296×4294967296"}, // the product wraps to 0
	} {
		if _, err := c.grid.Draw(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	for _, c := range [][3]int{{0, 8, 1}, {1, 0, 1}, {1, 8, 0}, {1, 1 << 16, 1}, {1, 8, math.MaxInt}, {5000, 8, 1}} {
		if _, err := Sprite(make([]Image, c[0]), c[1], c[2]); err == nil {
			t.Errorf("a sprite of %v", c)
		}
	}
	if _, err := Sprite([]Image{flat(1, 1, red), {}}, 8, 2); err == nil || !strings.Contains(err.Error(), "image 1") {
		t.Errorf("got %v", err)
	}
}

func TestSprite(t *testing.T) {
	m, err := Sprite([]Image{flat(4, 4, red), flat(4, 4, blue), flat(2, 4, red)}, 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	if m.Bounds().Size() != image.Pt(8, 8) {
		t.Errorf("size %v", m.Bounds())
	}
	wantPixel(t, m, 3, 3, red)
	wantPixel(t, m, 4, 0, blue)
	wantPixel(t, m, 0, 4, paper)
	wantPixel(t, m, 1, 4, red)
	wantPixel(t, m, 7, 7, paper)
}

// sample is a grid with everything in it.
func sample() Grid {
	g := Grid{Columns: []string{"query", "start", "ep 2", "now"}, Tile: 48}
	for r := range 3 {
		var row []Cell
		for c := range 4 {
			cell := Cell{Image: Image{32, 32, golden.FillBytes(uint32(4*r+c), 3*32*32)}, Frame: Frame(c % 3)}
			if c > 0 {
				cell.Caption = fmt.Sprintf("%.2f", 0.4+0.15*float64(c))
			}
			row = append(row, cell)
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

// The picture is fixed down to its pixels.
func TestGolden(t *testing.T) {
	m := mustDraw(t, sample())
	const want = "913f3d78e784073e415bb40331d060c6dd4e9706a35ceba679a665cfe247ba53"
	if got := fmt.Sprintf("%x", sha256.Sum256(m.Pix)); got != want {
		t.Errorf("the picture's hash is %s, want %s", got, want)
	}
}

func TestEncode(t *testing.T) {
	m := mustDraw(t, sample())
	var a, b bytes.Buffer
	if err := errors.Join(PNG(&a, m), PNG(&b, m)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two encodings differ")
	}
	back, err := png.Decode(&a)
	if err != nil {
		t.Fatal(err)
	}
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			r, g, bl, al := back.At(x, y).RGBA()
			if (color.RGBA{byte(r >> 8), byte(g >> 8), byte(bl >> 8), byte(al >> 8)}) != m.RGBAAt(x, y) {
				t.Fatalf("pixel %d,%d changed", x, y)
			}
		}
	}
	a.Reset()
	if err := JPEG(&a, m); err != nil {
		t.Fatal(err)
	}
	if back, err := jpeg.Decode(&a); err != nil || back.Bounds() != m.Bounds() {
		t.Errorf("%v, %v", back, err)
	}
}

func ExampleGrid() {
	query := Image{W: 1, H: 1, Pix: []byte{200, 30, 30}}
	grid := Grid{
		Columns: []string{"query", "now"},
		Rows:    [][]Cell{{{Image: query}, {Image: query, Frame: Same, Caption: "0.93"}}},
	}
	m, err := grid.Draw()
	if err != nil {
		panic(err)
	}
	fmt.Println(m.Bounds().Size())
	// Output: (146,105)
}
