package train

import (
	"context"

	"kith/nn"
	"kith/nnclr/data"
	"kith/nnclr/eval"
	"kith/tensor"
)

// lookAt is the shares of a run at which neighbors are looked up.
var lookAt = []float64{0, 0.02, 0.05, 0.1, 0.2, 0.5, 1}

// finds is a method that can tell the neighbors of views.
type finds interface {
	Look(c *nn.Ctx, x *tensor.Tensor, k int) (id, score *tensor.Tensor)
}

// looker follows the neighbors of a few images.
type looker struct {
	*Look
	x, id, score *tensor.Tensor
	run          func()
	ids          []int32
	views        []float32
}

// newLooker is nil where the method has no support set.
func newLooker(j *Job) *looker {
	m, ok := j.Method.(finds)
	if !ok || len(j.Look.Queries) == 0 {
		return nil
	}
	l := &looker{Look: j.Look}
	n := len(l.Queries)
	l.x = j.Root.New(tensor.Of(tensor.F32, n, l.View.Size, l.View.Size, 3))
	l.id = j.Root.New(tensor.Of(tensor.I32, n, l.Nearest))
	l.score = j.Root.New(tensor.Of(tensor.F32, n, l.Nearest))
	l.run = eval.Compile(j.Root, func(s *tensor.Scope) {
		id, score := m.Look(nn.Eval(s, j.Compute), s.Enter(l.x), l.Nearest)
		s.Report(l.id, id)
		s.Report(l.score, score)
	}, j.Eager)
	return l
}

// due tells whether the next snapshot's share has come; done counts those taken.
func (l *looker) due(done *int, share float64) bool {
	if *done >= len(lookAt) || share < lookAt[*done] {
		return false
	}
	for *done < len(lookAt) && share >= lookAt[*done] {
		*done++
	}
	return true
}

// look finds the neighbors of each query, best first.
func (l *looker) look() (id []int32, score []float64, err error) {
	if l.views == nil {
		if err := l.load(); err != nil {
			return nil, nil, err
		}
	}
	tensor.Set(l.x, l.views)
	l.run()
	if id, err = tensor.Data[int32](l.id); err != nil {
		return nil, nil, err
	}
	score, err = tensor.Data[float64](l.score)
	return id, score, err
}

// load makes the queries' views. A picture that cannot be read any more stays black.
func (l *looker) load() error {
	each := data.Subset(l.Data, l.Queries)
	loader := &data.Loader{Data: each, Views: []data.View{l.View}, Size: len(l.Queries), Bad: &data.Bad{Max: 1}}
	l.views = make([]float32, l.x.Shape.Size())
	size := l.View.Size * l.View.Size * 3
	for b, err := range loader.All(context.Background()) {
		if err != nil {
			return err
		}
		for i, at := range b.Index {
			copy(l.views[int(at)*size:], b.Views[0][i*size:][:size])
		}
	}
	for _, q := range l.Queries {
		l.ids = append(l.ids, int32(q))
	}
	return nil
}
