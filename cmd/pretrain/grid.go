package main

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"kith/nnclr/data"
)

const (
	gridName = "neighbors/grid.png"
	tile     = 64 // pixels of a picture's side
	gap      = 6  // between pictures
	head     = 18 // height of the column titles
)

// drawNeighbors makes the grid of queries and their nearest neighbor in the support set over the run, and returns
// where it is; "" for a run without support set.
func drawNeighbors(p *parts, w *watch) (path string, err error) {
	if len(w.snapshots) == 0 {
		return "", nil
	}
	grid := neighborGrid(p.sets.Train, w.snapshots)
	err = w.dir.Replace(gridName, func(out io.Writer) error { return png.Encode(out, grid) })
	return w.dir.Join(gridName), err
}

// neighborGrid has a row for each query: its picture, then its best neighbor at each snapshot, in a green frame where
// both have one label, gray where labels differ or are not known. A row of the support set that came from no image
// stays empty: the set starts with random rows.
func neighborGrid(images data.Dataset, snapshots []snapshot) *image.RGBA {
	const cell = tile + gap
	rows := len(snapshots[0].Queries)
	img := image.NewRGBA(image.Rect(0, 0, gap+cell*(1+len(snapshots)), head+gap+cell*rows))
	draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
	write(img, gap, "query")
	for c, s := range snapshots {
		write(img, gap+cell*(c+1), fmt.Sprintf("step %d", s.Step))
	}
	for r := range rows {
		y := head + gap + cell*r
		_, want := paste(img, gap, y, images, snapshots[0].Queries[r], false)
		for c, s := range snapshots {
			paste(img, gap+cell*(c+1), y, images, s.IDs[r*s.Nearest], true, want)
		}
	}
	return img
}

// paste draws image id with its corner at (x, y), in a frame if want holds a label to compare with.
func paste(dst *image.RGBA, x, y int, images data.Dataset, id int32, framed bool, want ...int) (ok bool, label int) {
	place := image.Rect(x, y, x+tile, y+tile)
	var p data.Picture
	if id < 0 || int(id) >= images.Len() {
		draw.Draw(dst, place, image.NewUniform(color.Gray{235}), image.Point{}, draw.Src)
		return false, -1
	}
	label, err := data.Read(images, int(id), &p)
	if err != nil {
		return false, -1
	}
	if framed {
		frame := color.RGBA{170, 170, 170, 255}
		if label >= 0 && label == want[0] {
			frame = color.RGBA{0, 160, 60, 255}
		}
		draw.Draw(dst, place.Inset(-3), image.NewUniform(frame), image.Point{}, draw.Src)
	}
	draw.Draw(dst, place, data.Scale(square(&p), data.Bicubic, tile, tile), image.Point{}, draw.Src)
	return true, label
}

// square is the middle of a picture.
func square(p *data.Picture) *data.Picture {
	side := min(p.W, p.H)
	x, y := (p.W-side)/2, (p.H-side)/2
	out := &data.Picture{}
	out.Resize(side, side)
	for row := range side {
		copy(out.Pix[3*row*side:][:3*side], p.Pix[3*((y+row)*p.W+x):])
	}
	return out
}

func write(dst *image.RGBA, x int, text string) {
	d := font.Drawer{Dst: dst, Src: image.Black, Face: basicfont.Face7x13, Dot: fixed.P(x, head-4)}
	d.DrawString(text)
}
