package main

import (
	"fmt"
	"io"
	"slices"

	"kith/internal/picture"
	"kith/nnclr/data"
)

const gridName = "neighbors/grid.png"

// drawNeighbors makes the grid of queries and their nearest neighbor in the support set over the run, and returns
// where it is; "" for a run without support set.
func drawNeighbors(p *parts, w *watch) (path string, err error) {
	var shown []snapshot
	for _, s := range w.snapshots {
		if slices.Max(s.IDs) >= 0 { // a new support set holds random rows, which are no pictures
			shown = append(shown, s)
		}
	}
	if len(shown) == 0 {
		return "", nil
	}
	m, err := neighborGrid(p.sets.Train, shown).Draw()
	if err != nil {
		return "", err
	}
	err = w.dir.Replace(gridName, func(out io.Writer) error { return picture.PNG(out, m) })
	return w.dir.Join(gridName), err
}

// neighborGrid has a row for each query: its picture, then its best neighbor at each snapshot, framed by whether both
// have one label. A row of the support set that came from no image stays empty: the set starts with random rows.
func neighborGrid(images data.Dataset, snapshots []snapshot) picture.Grid {
	g := picture.Grid{Columns: []string{"query"}}
	for _, s := range snapshots {
		g.Columns = append(g.Columns, fmt.Sprintf("step %d", s.Step))
	}
	for r, query := range snapshots[0].Queries {
		shown, label := thumbnail(images, query)
		row := []picture.Cell{{Image: shown}}
		for _, s := range snapshots {
			row = append(row, neighborCell(images, s.IDs[r*s.Nearest], s.Scores[r*s.Nearest], label))
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

func neighborCell(images data.Dataset, id int32, score float64, want int) picture.Cell {
	img, label := thumbnail(images, id)
	c := picture.Cell{Image: img}
	if img.W == 0 {
		return c
	}
	c.Caption = fmt.Sprintf("%.2f", score)
	switch {
	case label < 0 || want < 0:
	case label == want:
		c.Frame = picture.Same
	default:
		c.Frame = picture.Other
	}
	return c
}

// thumbnail reads image id and its label; nothing and -1 where there is no such image or it cannot be read.
func thumbnail(images data.Dataset, id int32) (picture.Image, int) {
	var p data.Picture
	if id < 0 || int(id) >= images.Len() {
		return picture.Image{}, -1
	}
	label, err := data.Read(images, int(id), &p)
	if err != nil {
		return picture.Image{}, -1
	}
	return picture.Image{W: p.W, H: p.H, Pix: p.Pix}, label
}
