// Package eval scores encoders: what their features are worth to someone who never trained them.
//
// Labels score and never train. An evaluation changes no state of the model: it runs in
// evaluation mode and only reports.
package eval

import (
	"context"
	"fmt"
	"math"

	"kith/nn"
	"kith/nnclr/data"
	"kith/tensor"
)

// Features are vectors of images.
type Features struct {
	Rows  []float32 // [n, Width]
	Width int
	Label []int32 // [n], -1: unknown
	ID    []int32 // [n]: number in the data set
}

// Len is the number of images.
func (f *Features) Len() int { return len(f.ID) }

// row is the vector of image i.
func (f *Features) row(i int) []float32 { return f.Rows[i*f.Width:][:f.Width] }

// add appends the features of a host batch.
func (f *Features) add(rows []float32, b *data.Batch) {
	f.Rows = append(f.Rows, rows[:len(b.Index)*f.Width]...)
	f.Label = append(f.Label, b.Labels...)
	f.ID = append(f.ID, b.Index...)
}

// Centered is f minus a mean vector, such as the bank's.
func (f *Features) Centered(mean []float64) *Features {
	rows := make([]float32, len(f.Rows))
	for i, v := range f.Rows {
		rows[i] = float32(float64(v) - mean[i%f.Width])
	}
	return &Features{rows, f.Width, f.Label, f.ID}
}

// Mean is the mean vector.
func (f *Features) Mean() []float64 {
	mean := make([]float64, f.Width)
	for i := range f.Len() {
		for j, v := range f.row(i) {
			mean[j] += float64(v)
		}
	}
	for j := range mean {
		mean[j] /= math.Max(float64(f.Len()), 1)
	}
	return mean
}

// Pixels are the pixels of a view of each image, in 0 to 1, as features: what an encoder must beat.
// Bad says what to do about images that cannot be used, as in a data.Loader.
func Pixels(ctx context.Context, d data.Dataset, view data.View, workers int, bad *data.Bad) (*Features, error) {
	view.Norm = data.Norm{Std: [3]float32{1, 1, 1}}
	f := &Features{Width: view.Size * view.Size * 3}
	for b, err := range loader(d, view, 256, workers, bad).All(ctx) {
		if err != nil {
			return nil, err
		}
		f.add(b.Views[0], b)
	}
	return f, nil
}

func loader(d data.Dataset, view data.View, batch, workers int, bad *data.Bad) *data.Loader {
	return &data.Loader{Data: d, Views: []data.View{view}, Size: batch, Workers: workers, Bad: bad}
}

// An Extractor runs an encoder over data sets. It keeps its input and output in root, so that
// evaluations during training take no new memory there.
type Extractor struct {
	view data.View
	x, y *tensor.Tensor
	run  func()

	Batch, Workers int
}

// NewExtractor prepares features f of views in batches. Compute is the dtype of activations; eager
// runs each op at once instead of a plan.
func NewExtractor(root *tensor.Scope, f nn.Layer, view data.View, batch int, compute tensor.DType, eager bool) *Extractor {
	e := &Extractor{view: view, Batch: batch, x: root.New(tensor.Of(tensor.F32, batch, view.Size, view.Size, 3))}
	step := func(s *tensor.Scope) {
		y := f.Forward(nn.Eval(s, compute), s.Enter(e.x)).Wide()
		if e.y == nil {
			e.y = root.New(y.Spec)
		}
		s.Report(e.y, y)
	}
	e.run = Compile(root, step, eager)
	return e
}

// Features runs over all images of d but the bad ones, which bad counts and may refuse. The last
// batch is filled up and its surplus dropped.
func (e *Extractor) Features(ctx context.Context, d data.Dataset, bad *data.Bad) (*Features, error) {
	f := &Features{}
	for b, err := range loader(d, e.view, e.Batch, e.Workers, bad).All(ctx) {
		if err != nil {
			return nil, err
		}
		rows, err := e.rows(b.Views[0])
		if err != nil {
			return nil, err
		}
		f.Width = len(rows) / e.Batch
		f.add(rows, b)
	}
	return f, nil
}

// rows are the features of up to Batch views, [Batch, width].
func (e *Extractor) rows(views []float32) ([]float32, error) {
	full := e.x.Shape.Size()
	if len(views) > full {
		return nil, fmt.Errorf("%d numbers for a batch of %d", len(views), full)
	}
	if len(views) < full {
		views = append(append(make([]float32, 0, full), views...), make([]float32, full-len(views))...)
	}
	tensor.Set(e.x, views)
	e.run()
	return tensor.Data[float32](e.y)
}
