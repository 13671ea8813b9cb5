package truth

import (
	"slices"

	"kith/tensor"
)

// A board is a step in which a foreign op is composed of kith's own ops. Outside suites speak of
// more than kith has (any axis, broadcasting of inner axes, groups, dilation, uneven strides), so
// the adapters build it here, and gradients run back through what they built.
type board struct {
	root, step *tensor.Scope
	anchor     *tensor.Tensor // some tensor of the step, which literals need as an input
}

func newBoard(root, step *tensor.Scope) board {
	return board{root, step, step.Enter(root.New(tensor.Of(tensor.I32)))}
}

// A literal is an op whose result is known beforehand: it puts inputs, masks and matrices of a
// case into a step. Backends run it by its definition.
type literal struct {
	tensor.NoGrad
	dtype tensor.DType
	shape tensor.Dims
	data  *[]float64 // a pointer, since ops are comparable
}

func (l literal) Infer([]tensor.Spec) ([]tensor.Spec, error) {
	return []tensor.Spec{tensor.Of(l.dtype, l.shape.Shape()...)}, nil
}

func (l literal) Eval(out, _ []tensor.Array) {
	copy(out[0].Data, *l.data)
}

func (b board) literal(d tensor.DType, v []float64, shape []int) *tensor.Tensor {
	return apply(literal{dtype: d, shape: tensor.DimsOf(shape...), data: &v}, b.anchor)
}

// constant is a tensor of known values.
func (b board) constant(v []float64, shape ...int) *tensor.Tensor {
	return b.literal(tensor.F32, v, shape)
}

// ints is constant for indices.
func (b board) ints(v []int32, shape ...int) *tensor.Tensor {
	wide := make([]float64, len(v))
	for i, x := range v {
		wide[i] = float64(x)
	}
	return b.literal(tensor.I32, wide, shape)
}

func (b board) filled(with float64, shape ...int) *tensor.Tensor {
	return b.constant(slices.Repeat([]float64{with}, tensor.Shape(shape).Size()), shape...)
}

func apply(op tensor.Op, in ...*tensor.Tensor) *tensor.Tensor { return tensor.Apply(op, in...)[0] }

func permute(x *tensor.Tensor, axes ...int) *tensor.Tensor {
	if slices.IsSorted(axes) {
		return x
	}
	return apply(tensor.Permute{Axes: tensor.DimsOf(axes...)}, x)
}

func reshape(x *tensor.Tensor, shape ...int) *tensor.Tensor {
	return apply(tensor.Reshape{To: tensor.DimsOf(shape...)}, x)
}

// axisOf counts negative axes from the end.
func axisOf(axis, rank int) int {
	if axis < 0 {
		axis += max(rank, 1)
	}
	return axis
}

// split sorts the axes of a rank into those listed and the others, both ascending.
func split(rank int, listed []int) (in, out []int) {
	for a := range rank {
		if slices.ContainsFunc(listed, func(l int) bool { return axisOf(l, rank) == a }) {
			in = append(in, a)
		} else {
			out = append(out, a)
		}
	}
	return in, out
}

// inverse is the permutation that undoes axes.
func inverse(axes []int) []int {
	out := make([]int, len(axes))
	for i, a := range axes {
		out[a] = i
	}
	return out
}

func pick(shape []int, axes []int) []int {
	out := make([]int, len(axes))
	for i, a := range axes {
		out[i] = shape[a]
	}
	return out
}

// front brings the listed axes to the front: [k, rest] with their sizes multiplied. back undoes
// it for a result [k', rest] whose listed axes have the sizes given.
func front(x *tensor.Tensor, listed ...int) (flat *tensor.Tensor, back func(y *tensor.Tensor, sizes ...int) *tensor.Tensor) {
	in, out := split(len(x.Shape), listed)
	axes := append(slices.Clone(in), out...)
	k, rest := tensor.Shape(pick(x.Shape, in)).Size(), tensor.Shape(pick(x.Shape, out)).Size()
	flat = reshape(permute(x, axes...), k, rest)
	return flat, func(y *tensor.Tensor, sizes ...int) *tensor.Tensor {
		return permute(reshape(y, append(slices.Clone(sizes), pick(x.Shape, out)...)...), inverse(axes)...)
	}
}

// kept is x's shape with the listed axes of size 1, or without them.
func kept(shape []int, listed []int, keep bool) []int {
	in, out := split(len(shape), listed)
	if !keep {
		return pick(shape, out)
	}
	s := slices.Clone(shape)
	for _, a := range in {
		s[a] = 1
	}
	return s
}

// broadcast repeats x over shape by NumPy's rule: axes align at the end, size 1 stretches.
func (b board) broadcast(x *tensor.Tensor, shape []int) *tensor.Tensor {
	if slices.Equal(x.Shape, shape) {
		return x
	}
	aligned := append(slices.Repeat([]int{1}, len(shape)-len(x.Shape)), x.Shape...)
	var stretch, same []int
	for a, d := range aligned {
		if d != shape[a] {
			stretch = append(stretch, a)
		} else {
			same = append(same, a)
		}
	}
	full := b.filled(0, append(pick(shape, stretch), pick(shape, same)...)...)
	y := reshape(x, pick(aligned, same)...).Spread(full)
	return permute(y, inverse(append(stretch, same...))...)
}

// together broadcasts tensors to one shape.
func (b board) together(xs ...*tensor.Tensor) []*tensor.Tensor {
	var shapes []tensor.Shape
	for _, x := range xs {
		shapes = append(shapes, x.Shape)
	}
	shape := common(shapes...)
	out := make([]*tensor.Tensor, len(xs))
	for i, x := range xs {
		out[i] = b.broadcast(x, shape)
	}
	return out
}

// common is the shape that all the given ones broadcast to.
func common(shapes ...tensor.Shape) tensor.Shape {
	out := tensor.Shape{}
	for _, s := range shapes {
		for len(out) < len(s) {
			out = slices.Insert(out, 0, 1)
		}
		for i, d := range s {
			if at := len(out) - len(s) + i; d != 1 {
				out[at] = d
			}
		}
	}
	return out
}

// all is every axis of x.
func all(x *tensor.Tensor) []int {
	axes := make([]int, len(x.Shape))
	for i := range axes {
		axes[i] = i
	}
	return axes
}

// sum adds over the listed axes.
func sum(x *tensor.Tensor, axes []int, keep bool) *tensor.Tensor {
	if len(x.Shape) == 0 {
		return x
	}
	flat, _ := front(x, axes...)
	return reshape(apply(tensor.Sum{Keep: 1}, flat), kept(x.Shape, axes, keep)...)
}

func count(x *tensor.Tensor, axes []int) int {
	in, _ := split(len(x.Shape), axes)
	return tensor.Shape(pick(x.Shape, in)).Size()
}

func mean(x *tensor.Tensor, axes []int, keep bool) *tensor.Tensor {
	return sum(x, axes, keep).Scale(1 / float64(count(x, axes)))
}

// highest is the maximum over the listed axes, kept; no gradient passes.
func highest(x *tensor.Tensor, axes []int) *tensor.Tensor {
	if len(x.Shape) == 0 {
		return apply(tensor.Detach{}, x)
	}
	flat, _ := front(apply(tensor.Detach{}, x), axes...)
	m := row(flat, 0)
	for i := 1; i < flat.Shape[0]; i++ {
		m = larger(m, row(flat, i))
	}
	return reshape(m, kept(x.Shape, axes, true)...)
}

// row is x[i:i+1].
func row(x *tensor.Tensor, i int) *tensor.Tensor { return apply(tensor.Slice{From: i, To: i + 1}, x) }

// larger is the maximum by elements; the first of equals, which then gets the gradient.
func larger(a, b *tensor.Tensor) *tensor.Tensor { return b.Select(b.Sub(a).Positive(), a) }

// amax is the maximum over axes; equal elements share the gradient.
func (b board) amax(x *tensor.Tensor, axes []int, keep bool) *tensor.Tensor {
	if len(x.Shape) == 0 {
		return x
	}
	hit := x.Equal(b.broadcast(highest(x, axes), x.Shape))
	zero := x.Fill(0)
	hits := sum(x.Fill(1).Select(hit, zero), axes, keep)
	return sum(x.Select(hit, zero), axes, keep).Div(hits)
}

// along applies a matrix [k, m] to one axis of size m.
func (b board) along(x *tensor.Tensor, axis int, m []float64, k int) *tensor.Tensor {
	axis = axisOf(axis, len(x.Shape))
	flat, back := front(x, axis)
	return back(apply(tensor.MatMul{}, b.constant(m, k, x.Shape[axis]), flat), k)
}

// choose takes elements of an axis by index; -1 gives zeros. It is written as a product, since
// kith's Gather passes no gradient.
func (b board) choose(x *tensor.Tensor, axis int, index []int) *tensor.Tensor {
	size := x.Shape[axisOf(axis, len(x.Shape))]
	m := make([]float64, len(index)*size)
	for i, j := range index {
		if j >= 0 && j < size {
			m[i*size+j] = 1
		}
	}
	return b.along(x, axis, m, len(index))
}

// span is from, from+step, ... with n members.
func span(from, step, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = from + i*step
	}
	return out
}

// join concatenates along an axis.
func join(axis int, xs ...*tensor.Tensor) *tensor.Tensor {
	axis = axisOf(axis, len(xs[0].Shape))
	var flat []*tensor.Tensor
	total := 0
	back := func(y *tensor.Tensor, _ ...int) *tensor.Tensor { return y }
	for _, x := range xs {
		f, undo := front(x, axis)
		flat, back, total = append(flat, f), undo, total+x.Shape[axis]
	}
	return back(apply(tensor.Concat{}, flat...), total)
}

// power is x^p for x > 0.
func power(x *tensor.Tensor, p float64) *tensor.Tensor {
	switch p {
	case 1:
		return x
	case 2:
		return x.Mul(x)
	case 0.5:
		return x.Sqrt()
	}
	return x.Log().Scale(p).Exp()
}

func negate(x *tensor.Tensor) *tensor.Tensor { return x.Scale(-1) }

func absolute(x *tensor.Tensor) *tensor.Tensor { return x.Select(x.Positive(), negate(x)) }

func reciprocal(x *tensor.Tensor) *tensor.Tensor { return x.Fill(1).Div(x) }

// logSoftmax subtracts the maximum first, as every stable form does.
func (b board) logSoftmax(x *tensor.Tensor, axis int) *tensor.Tensor {
	if len(x.Shape) == 0 || x.Shape.Size() == 0 {
		return x.Sub(x)
	}
	return x.Sub(b.broadcast(b.logSumExp(x, []int{axis}, true), x.Shape))
}

func (b board) logSumExp(x *tensor.Tensor, axes []int, keep bool) *tensor.Tensor {
	top := highest(x, axes)
	s := sum(x.Sub(b.broadcast(top, x.Shape)).Exp(), axes, true).Log().Add(top)
	return reshape(s, kept(x.Shape, axes, keep)...)
}

// norm is the p-norm over axes; p = 0 counts, infinities take the extremes.
func (b board) norm(x *tensor.Tensor, p float64, axes []int, keep bool) *tensor.Tensor {
	size := absolute(x)
	switch {
	case p == 0:
		return sum(x.Fill(1).Select(size.Positive(), x.Fill(0)), axes, keep)
	case p > 1e300:
		return b.amax(size, axes, keep)
	case p < -1e300:
		return negate(b.amax(negate(size), axes, keep))
	case p == 2:
		return sum(x.Mul(x), axes, keep).Sqrt()
	}
	return power(sum(power(size, p), axes, keep), 1/p)
}
