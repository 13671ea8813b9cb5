package plan

import (
	"flag"
	"math"
	"slices"
	"strconv"
	"testing"

	"kith/internal/testflag"
	"kith/tensor"
	"kith/tensor/rng"

	"pgregory.net/rapid"
)

// A recipe is a random program: numbers that choose ops and operands. The same recipe gives the
// same program however often it is asked.
type recipe struct {
	choices []int
	gated   bool
	narrow  bool // in BF16
}

func drawRecipe(t *rapid.T) recipe {
	return recipe{
		choices: rapid.SliceOfN(rapid.IntRange(0, 1<<20), 20, 150).Draw(t, "choices"),
		gated:   rapid.Bool().Draw(t, "gated"),
		narrow:  rapid.Bool().Draw(t, "narrow"),
	}
}

// A lab is root tensors for random programs.
type lab struct {
	root                 *tensor.Scope
	maps, vectors        []*tensor.Tensor // [2, 4, 4, 3], [3]
	w1, w3               *tensor.Tensor   // filters [3, 1, 1, 3] and [3, 3, 3, 3]
	rows, next, loss, ok *tensor.Tensor   // [5, 3], I32 [], [], U8 []
}

func newLab(b tensor.Backend) *lab {
	l := &lab{root: tensor.Open(b)}
	key := rng.New(5)
	make := func(d tensor.DType, shape ...int) *tensor.Tensor {
		t := l.root.New(tensor.Of(d, shape...))
		key = key.At(1)
		x := tensor.Normal(shape...)(key).Data
		tensor.Set(t, x)
		return t
	}
	for range 3 {
		l.maps = append(l.maps, make(tensor.F32, 2, 4, 4, 3))
		l.vectors = append(l.vectors, make(tensor.F32, 3))
	}
	l.w1, l.w3 = make(tensor.F32, 3, 1, 1, 3), make(tensor.F32, 3, 3, 3, 3)
	l.rows, l.loss = make(tensor.F32, 5, 3), make(tensor.F32)
	l.next, l.ok = l.root.New(tensor.Of(tensor.I32)), l.root.New(tensor.Of(tensor.U8))
	tensor.Set(l.next, []int32{3})
	tensor.Set(l.ok, []uint8{1})
	return l
}

// A cook follows a recipe in a step.
type cook struct {
	choices       []int
	maps, vectors []*tensor.Tensor
	w1, w3        *tensor.Tensor
}

func (c *cook) next() int {
	if len(c.choices) == 0 {
		return 0
	}
	n := c.choices[0]
	c.choices = c.choices[1:]
	return n
}

// pick prefers what is young, so that programs grow deep.
func (c *cook) pick(from []*tensor.Tensor) *tensor.Tensor {
	n := len(from)
	return from[n-1-c.next()%min(n, 1+c.next()%n)]
}

// step is the program of r: values of two shapes, and then all the ways to change root tensors.
func (l *lab) step(r recipe) func(*tensor.Scope) {
	return func(s *tensor.Scope) {
		down := func(t *tensor.Tensor) *tensor.Tensor {
			if r.narrow {
				return s.Enter(t).Cast(tensor.BF16)
			}
			return s.Enter(t)
		}
		c := &cook{choices: slices.Clone(r.choices), w1: down(l.w1), w3: down(l.w3)}
		for i := range l.maps {
			c.maps = append(c.maps, down(l.maps[i]))
			c.vectors = append(c.vectors, s.Enter(l.vectors[i]))
		}
		for len(c.choices) > 0 {
			c.grow()
		}
		l.finish(s, c, r.gated)
	}
}

// grow adds one value, or a few.
func (c *cook) grow() {
	op, x, v := c.next(), c.pick(c.maps), c.pick(c.vectors)
	add := func(y *tensor.Tensor) { c.maps = append(c.maps, y) }
	note := func(y ...*tensor.Tensor) { c.vectors = append(c.vectors, y...) }
	wide := func(f func(x *tensor.Tensor) *tensor.Tensor) { add(f(x.Wide()).Cast(x.DType)) }
	switch op % 22 {
	case 0:
		add(x.ReLU())
	case 1:
		add(x.Add(c.pick(c.maps)))
	case 2:
		add(x.Sub(c.pick(c.maps)).Scale(0.5))
	case 3:
		wide(func(x *tensor.Tensor) *tensor.Tensor { return x.Sub(v) })
	case 4:
		wide(func(x *tensor.Tensor) *tensor.Tensor { return x.Mul(v).Add(c.pick(c.vectors)) })
	case 5:
		add(x.Conv2D(c.w1, tensor.Conv2D{Stride: 1}))
	case 6:
		add(x.Conv2D(c.w3, tensor.Conv2D{Stride: 1, Pad: 1}).Scale(0.3))
	case 7:
		add(tensor.Apply(tensor.Conv2DGradX{Conv2D: tensor.Conv2D{Stride: 1, Pad: 1}, H: 4, W: 4}, x, c.w3)[0])
	case 8:
		g := tensor.Apply(tensor.Conv2DGradW{Conv2D: tensor.Conv2D{Stride: 1, Pad: 1}, R: 3, S: 3}, x, c.pick(c.maps))[0]
		note(g.Sum(1).Scale(0.01))
	case 9:
		note(x.Sum(1).Scale(0.1))
	case 10:
		mean, variance, _ := x.Moments()
		note(mean, variance.Shift(1).Rsqrt())
	case 11:
		y, mean, _ := x.BatchNorm(v, c.pick(c.vectors), 1e-3)
		add(y)
		note(mean)
	case 12:
		note(v.Mul(c.pick(c.vectors)), v.Add(c.pick(c.vectors)))
	case 13:
		add(tensor.Apply(tensor.ReLUGrad{}, x, c.pick(c.maps))[0])
	case 14:
		add(x.Select(c.pick(c.maps).Positive(), c.pick(c.maps)))
	case 15:
		m := x.Reshape(32, 3)
		add(m.MatMulT(c.w1.Reshape(3, 3)).Reshape(2, 4, 4, 3))
	case 16:
		m := x.Reshape(32, 3)
		add(tensor.Apply(tensor.Concat{}, m.Slice(16, 32), m.Slice(0, 16))[0].Reshape(2, 4, 4, 3))
	case 17:
		add(x.MaxPool(tensor.MaxPool{Size: 3, Stride: 1, Pad: 1}))
	case 18:
		note(tensor.Apply(tensor.SumSq{}, x, c.pick(c.maps), c.pick(c.maps))[0].Shift(1).Rsqrt())
	case 19:
		rows := x.Reshape(32, 3)
		factors := c.pick(c.maps).Reshape(32, 3).RowDot(rows).Scale(0.1).Cast(x.DType)
		add(rows.RowMul(factors).Reshape(2, 4, 4, 3))
	case 20:
		add(x.Fill(0.25).Add(x))
	case 21:
		add(v.Cast(x.DType).Spread(x).Mul(x))
	}
}

// finish assigns: updates that read what they write, a swap, a pending value, rows, a report.
func (l *lab) finish(s *tensor.Scope, c *cook, gated bool) {
	x := c.pick(c.maps).Wide()
	s.Report(l.loss, x.Mul(x).Mean())
	s.Assign(l.maps[0], s.Enter(l.maps[0]).Scale(0.9).Add(c.pick(c.maps).Wide().Scale(0.1)))
	s.Assign(l.maps[0], s.Pending(l.maps[0]).Add(c.pick(c.maps).Wide()))
	if c.next()%2 == 0 {
		s.Assign(l.maps[1], s.Enter(l.maps[2]))
		s.Assign(l.maps[2], s.Enter(l.maps[1]))
	} else {
		s.Assign(l.maps[1], c.pick(c.maps).Wide())
		s.Assign(l.maps[2], c.pick(c.maps).Wide().Add(s.Pending(l.maps[1])).Scale(0.2))
	}
	s.Assign(l.vectors[0], c.pick(c.vectors))
	s.Assign(l.vectors[1], s.Enter(l.vectors[2]).Add(s.Pending(l.vectors[0])))
	s.AssignRows(l.rows, s.Enter(l.next), c.pick(c.maps).Wide().Reshape(32, 3).Slice(0, 2))
	s.Assign(l.next, tensor.Apply(tensor.Advance{By: 2, Mod: 5}, s.Pending(l.next))[0])
	if gated {
		s.Gate(x.Mean().Positive())
	}
}

// state is all root tensors.
func (l *lab) state(t rapid.TB) (all []float64) {
	for _, x := range slices.Concat(l.maps, l.vectors, []*tensor.Tensor{l.w1, l.w3, l.rows, l.next, l.loss}) {
		v, err := tensor.Data[float64](x)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range v {
			if math.IsNaN(e) {
				e = math.NaN() // whatever its sign
			}
			all = append(all, e)
		}
	}
	return all
}

// TestRandom runs random programs op by op and planned, with each pass alone and all together.
func TestRandom(t *testing.T) {
	flag.Set("rapid.seed", strconv.FormatUint(testflag.Seed(t), 10))
	flag.Set("rapid.nofailfile", "true")
	if testflag.Long() {
		flag.Set("rapid.checks", "2000")
	}
	for _, m := range modes[:2] {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				r := drawRecipe(t)
				eager := newLab(m.open())
				for range 2 {
					eager.root.Run(eager.step(r))
				}
				want := eager.state(t)
				sets := [][]Pass{nil, Passes, Passes[:4]}
				for i := range Passes {
					sets = append(sets, Passes[i:i+1])
				}
				for _, set := range sets {
					planned := newLab(m.open())
					p := CompileWith(planned.root, planned.step(r), set)
					p.Run()
					p.Run()
					if i := differ(planned.state(t), want); i >= 0 {
						t.Fatalf("passes %v: element %d is %v, want %v", passNames(set), i, planned.state(t)[i], want[i])
					}
				}
			})
		})
	}
}
