package data

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"kith/tensor/rng"
)

// A Batch is the views of some images. It is valid until the next iteration.
type Batch struct {
	Views  [][]float32 // Views[v] is [n, size, size, 3], normalized; sizes may differ by view
	Labels []int32     // -1: unknown
	Index  []int32     // image ids
	Step   int         // its number in the whole run

	// With Loader.Raw, instead of Views:
	Pixels []byte      // the pictures one after another, each [h, w, 3]
	Place  []int32     // [n, 3]: offset, width, height
	Draws  [][]float32 // Draws[v] is [n, DrawLen]: see Draw.Encode
}

// A Loader makes batches of views. A batch depends on Key, epoch, step and the data alone: never
// on the number of workers, on timing, or on what was loaded before.
type Loader struct {
	Data    Dataset
	Views   []View
	Size    int // images per batch on this rank
	Rank    int // this process, of
	Ranks   int // so many that share each batch; 0: one
	Workers int // goroutines that decode and augment; 0: the caller's own
	Ahead   int // batches of memory: one in use, the others being filled; 0: two
	Raw     bool
	Key     rng.Key
	Bad     *Bad // what to do about bad images; nil: the default

	// Stuck is told of images whose reading has taken over 30 seconds. nil: they are logged.
	Stuck func(names []string, stacks []byte)

	pool pool
}

// Steps is the number of batches of an epoch. The last, short one is dropped.
func (l *Loader) Steps() int {
	if l.Size < 1 {
		return 0
	}
	return l.Data.Len() / (l.Size * max(1, l.Ranks))
}

// Epoch yields the batches of epoch e in order, beginning with its step from (to resume). The
// images come in an order drawn from Key and e; each step takes the next Size·Ranks of them, and
// rank r the r-th part. An error ends the iteration.
func (l *Loader) Epoch(e, from int) iter.Seq2[*Batch, error] {
	return l.EpochContext(context.Background(), e, from)
}

// EpochContext is Epoch; when ctx is done it yields the context's error, even while a read hangs.
func (l *Loader) EpochContext(ctx context.Context, e, from int) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		if err := l.check(); err != nil {
			yield(nil, err)
			return
		}
		order := order(l.Data, l.Key.Fold("order").At(uint64(e)))
		ranks := max(1, l.Ranks)
		// Positions of the whole batch come first, ranks divide it: with another number of ranks a
		// step still sees the same images.
		plan := plan{
			Loader: l, ctx: ctx, from: from, steps: l.Steps(), first: e * l.Steps(),
			key: l.Key.Fold("augment").At(uint64(e)),
			images: func(step int) []int {
				at := (step*ranks + l.Rank) * l.Size
				return order[at : at+l.Size]
			},
		}
		plan.run(yield)
	}
}

// All yields every image once, in order of its index, under the draws of epoch 0. The last batch
// may be short. Bad images are left out, so a batch may hold fewer than Size.
func (l *Loader) All(ctx context.Context) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		if err := l.valid(); err != nil {
			yield(nil, err)
			return
		}
		n := l.Data.Len()
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		plan := plan{
			Loader: l, ctx: ctx, steps: (n + l.Size - 1) / l.Size, leave: true,
			key:    l.Key.Fold("augment").At(0),
			images: func(step int) []int { return order[step*l.Size : min(n, (step+1)*l.Size)] },
		}
		plan.run(yield)
	}
}

// valid refuses a loader that cannot work.
func (l *Loader) valid() error {
	switch {
	case l.Data == nil || l.Data.Len() == 0:
		return &Error{"data", errors.New("no images")}
	case l.Data.Len() > math.MaxInt32:
		return &Error{"data", fmt.Errorf("%d images; ids have 31 bits", l.Data.Len())}
	case l.Size < 1 || l.Rank < 0 || l.Rank >= max(1, l.Ranks):
		return fmt.Errorf("loader: batch of %d on rank %d of %d", l.Size, l.Rank, l.Ranks)
	}
	for i := range l.Views {
		if err := l.Views[i].check(); err != nil {
			return fmt.Errorf("view %d: %w", i+1, err)
		}
		if l.Raw && len(l.Views[i].Extra) > 0 {
			return fmt.Errorf("view %d: extra transforms cannot run on the device", i+1)
		}
	}
	return nil
}

// check also refuses an epoch without a whole batch.
func (l *Loader) check() error {
	if err := l.valid(); err != nil {
		return err
	}
	if n := l.Data.Len(); l.Steps() == 0 {
		bad := 0
		if l.Bad != nil {
			bad = len(l.Bad.List())
		}
		return &Error{"data", fmt.Errorf("batch %d > %d usable images (%d found, %d bad)",
			l.Size*max(1, l.Ranks), n-bad, n, bad)}
	}
	return nil
}

// load reads image i into p, or, if it is bad and the plan does not leave it out, the next good
// one (i+1, i+2, …): batches stay full, and which image stands in depends on nothing but the data.
func (p *plan) load(i int, pic *Picture) (index, label int, err error) {
	n := p.Data.Len()
	for k := range n {
		j := (i + k) % n
		if !p.bad.known(j) {
			label, err := Read(p.Data, j, pic)
			p.bad.note(p.Data, j, err)
			if err == nil {
				return j, label, nil
			}
			if p.bad.Fail {
				return j, -1, &Error{Name(p.Data, j), err}
			}
		}
		if p.leave {
			return -1, -1, nil
		}
	}
	return -1, -1, &Error{"data", fmt.Errorf("all %d images are bad: %s", n, p.bad.reasons())}
}
