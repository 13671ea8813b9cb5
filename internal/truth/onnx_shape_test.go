package truth

import (
	"math"
	"slices"

	"kith/tensor"
)

func onnxReshape(n *node) []*tensor.Tensor {
	x, shape := n.x(0), n.list(1, "shape")
	for i, d := range shape {
		if d == 0 && n.int("allowzero", 0) == 0 {
			shape[i] = x.Shape[i]
		}
	}
	return one(reshape(x, filled(shape, x.Shape.Size())...))
}

func flatten(n *node) []*tensor.Tensor {
	x := n.x(0)
	axis := n.int("axis", 1)
	if axis < 0 {
		axis += len(x.Shape)
	}
	return one(reshape(x, x.Shape[:axis].Size(), x.Shape[axis:].Size()))
}

func squeeze(n *node) []*tensor.Tensor {
	x := n.x(0)
	return one(reshape(x, kept(x.Shape, n.list(1, "axes"), false)...))
}

func unsqueeze(n *node) []*tensor.Tensor {
	x, axes := n.x(0), n.list(1, "axes")
	for i, a := range axes {
		axes[i] = axisOf(a, len(x.Shape)+len(axes))
	}
	slices.Sort(axes)
	shape := slices.Clone(x.Shape)
	for _, a := range axes {
		shape = slices.Insert(shape, a, 1)
	}
	return one(reshape(x, shape...))
}

func onnxTranspose(n *node) []*tensor.Tensor {
	x, axes := n.x(0), n.attrs("perm")
	if axes == nil {
		axes = span(len(x.Shape)-1, -1, len(x.Shape))
	}
	return one(permute(x, axes...))
}

// cut is elements from to to of an axis, by kith's Slice.
func cut(x *tensor.Tensor, axis, from, to int) *tensor.Tensor {
	flat, back := front(x, axis)
	return back(apply(tensor.Slice{From: from, To: to}, flat), to-from)
}

func onnxSplit(n *node) (out []*tensor.Tensor) {
	x, axis, parts := n.x(0), n.int("axis", 0), n.list(1, "split")
	size := x.Shape[axisOf(axis, len(x.Shape))]
	if parts == nil {
		parts = slices.Repeat([]int{size / len(n.out)}, len(n.out))
	}
	from := 0
	for _, k := range parts {
		out = append(out, cut(x, axis, from, from+k))
		from += k
	}
	return out
}

func slice(n *node) []*tensor.Tensor {
	x, from, to, axes, steps := n.x(0), n.list(1, ""), n.list(2, ""), n.list(3, ""), n.list(4, "")
	if axes == nil {
		axes = span(0, 1, len(from))
	}
	for i, a := range axes {
		size, step := x.Shape[axisOf(a, len(x.Shape))], 1
		if steps != nil {
			step = steps[i]
		}
		lo, hi := bound(from[i], size, step), bound(to[i], size, step)
		if step == 1 {
			x = cut(x, a, lo, max(lo, hi))
			continue
		}
		k := max(0, (hi-lo+step-sign(step))/step)
		x = n.choose(x, a, span(lo, step, k))
	}
	return one(x)
}

func sign(x int) int {
	if x < 0 {
		return -1
	}
	return 1
}

// bound counts negative places from the end and stays where the step can go.
func bound(at, size, step int) int {
	if at < 0 {
		at += size
	}
	if step < 0 {
		return min(max(at, -1), size-1)
	}
	return min(max(at, 0), size)
}

// expand broadcasts both ways: sizes of 1 in shape leave x's own.
func (b board) expand(x *tensor.Tensor, shape []int) *tensor.Tensor {
	return b.broadcast(x, common(x.Shape, shape))
}

func tile(n *node) []*tensor.Tensor {
	x := n.x(0)
	for a, k := range n.list(1, "") {
		x = join(a, slices.Repeat([]*tensor.Tensor{x}, k)...)
	}
	return one(x)
}

// pad is x between zeros, plus the wanted value where x is not.
func pad(n *node) []*tensor.Tensor {
	x, pads, fill := n.x(0), n.list(1, "pads"), 0.0
	if n.given(2) {
		fill = n.in[2].data[0]
	}
	inside, rank := x.Fill(1), len(x.Shape)
	for a := range rank {
		index := span(-pads[a], 1, pads[a]+x.Shape[a]+pads[rank+a])
		x, inside = n.choose(x, a, index), n.choose(inside, a, index)
	}
	return one(x.Add(inside.Shift(-1).Scale(-fill)))
}

// places is indices in [0, size): negative ones count from the end.
func places(v *value, size int) []int32 {
	out := make([]int32, len(v.data))
	for i, x := range v.data {
		if x < 0 {
			x += float64(size)
		}
		out[i] = int32(x)
	}
	return out
}

// onnxGather is kith's Gather on the rows of an axis.
func onnxGather(n *node) []*tensor.Tensor {
	x := n.x(0)
	axis := axisOf(n.int("axis", 0), len(x.Shape))
	flat, _ := front(x, axis)
	index := places(n.in[1], x.Shape[axis])
	y := apply(tensor.Gather{}, flat, n.ints(index, len(index))) // [index, rest]
	rest := kept(x.Shape, []int{axis}, false)
	k := len(n.in[1].shape)
	y = reshape(y, append(slices.Clone(n.in[1].shape), rest...)...)
	// The index axes stand in front; they belong where the axis was.
	axes := append(append(span(k, 1, axis), span(0, 1, k)...), span(k+axis, 1, len(rest)-axis)...)
	return one(permute(y, axes...))
}

// flatPlaces is where in x each element of an index array points along an axis.
func flatPlaces(shape []int, index *value, axis int) []int32 {
	at := places(index, shape[axis])
	out := make([]int32, len(at))
	for i := range at {
		rest, stride := i, 1
		for a := len(shape) - 1; a >= 0; a-- {
			k := rest % index.shape[a]
			rest /= index.shape[a]
			if a == axis {
				k = int(at[i])
			}
			out[i] += int32(k * stride)
			stride *= shape[a]
		}
	}
	return out
}

func gatherElements(n *node) []*tensor.Tensor {
	x := n.x(0)
	at := flatPlaces(x.Shape, n.in[1], axisOf(n.int("axis", 0), len(x.Shape)))
	y := apply(tensor.Gather{}, reshape(x, x.Shape.Size(), 1), n.ints(at, len(at)))
	return one(reshape(y, n.in[1].shape...))
}

// tuples turns the last axis of an index array into row numbers of x's leading axes.
func tuples(shape []int, index *value) (rows []int32, k int) {
	k = index.shape[len(index.shape)-1]
	for i := 0; i < len(index.data); i += k {
		at := 0
		for a := range k {
			at = at*shape[a] + int(index.data[i+a])
		}
		rows = append(rows, int32(at))
	}
	return rows, k
}

func gatherND(n *node) []*tensor.Tensor {
	x := n.x(0)
	at, k := tuples(x.Shape, n.in[1])
	flat := reshape(x, x.Shape[:k].Size(), x.Shape[k:].Size())
	y := apply(tensor.Gather{}, flat, n.ints(at, len(at)))
	shape := slices.Clone(n.in[1].shape[:len(n.in[1].shape)-1])
	return one(reshape(y, append(shape, x.Shape[k:]...)...))
}

// scatter writes rows u at places of flat [m, d]: what is written over is cleared first, and rows
// for one place add up.
func (b board) scatter(flat, u *tensor.Tensor, at []int32, reduction string) *tensor.Tensor {
	m := flat.Shape[0]
	put, keep := make([]float64, m*len(at)), slices.Repeat([]float64{1}, m)
	for i, j := range at {
		put[int(j)*len(at)+i] = 1
		keep[j] = 0
	}
	spread := apply(tensor.MatMul{}, b.constant(put, m, len(at)), u)
	mask := apply(tensor.RowMul{}, flat.Fill(1), b.constant(keep, m)) // 1 where nothing is written
	switch reduction {
	case "add":
		return flat.Add(spread)
	case "mul":
		if len(at) == 1 {
			return flat.Mul(spread.Add(mask))
		}
		for i := range at { // one by one, since places may repeat
			flat = b.scatter(flat, row(u, i), at[i:i+1], "mul")
		}
		return flat
	}
	return flat.Mul(mask).Add(spread)
}

func scatterElements(n *node) []*tensor.Tensor {
	x, u := n.x(0), n.x(2)
	at := flatPlaces(x.Shape, n.in[1], axisOf(n.int("axis", 0), len(x.Shape)))
	y := n.scatter(reshape(x, x.Shape.Size(), 1), reshape(u, u.Shape.Size(), 1), at, n.text("reduction", "none"))
	return one(reshape(y, x.Shape...))
}

func scatterND(n *node) []*tensor.Tensor {
	x, u := n.x(0), n.x(2)
	at, k := tuples(x.Shape, n.in[1])
	d := x.Shape[k:].Size()
	y := n.scatter(reshape(x, x.Shape[:k].Size(), d), reshape(u, len(at), d), at, n.text("reduction", "none"))
	return one(reshape(y, x.Shape...))
}

// oneHot gathers rows of the identity; indices beyond the depth give rows of the off value.
func oneHot(n *node) []*tensor.Tensor {
	depth := int(n.in[1].data[0])
	at := places(n.in[0], depth)
	for i, k := range at {
		if k < 0 || int(k) >= depth {
			at[i] = -1
		}
	}
	hot := apply(tensor.Gather{}, n.identity(depth), n.ints(at, len(at)))
	off, on := n.in[2].data[0], n.in[2].data[1]
	shape := n.in[0].shape
	y := reshape(hot.Scale(on-off).Shift(off), append(slices.Clone(shape), depth)...)
	axis := axisOf(n.int("axis", -1), len(shape)+1)
	axes := slices.Insert(span(0, 1, len(shape)), axis, len(shape))
	return one(permute(y, axes...))
}

func compress(n *node) []*tensor.Tensor {
	x := n.x(0)
	var index []int
	for i, c := range n.in[1].data {
		if c != 0 {
			index = append(index, i)
		}
	}
	if _, ok := n.attr["axis"]; !ok {
		return one(n.choose(reshape(x, x.Shape.Size()), 0, index))
	}
	return one(n.choose(x, n.int("axis", 0), index))
}

func depthToSpace(n *node) []*tensor.Tensor {
	x, b := n.x(0), n.int("blocksize", 1)
	s := x.Shape
	c := s[1] / (b * b)
	y := permute(reshape(x, s[0], b, b, c, s[2], s[3]), 0, 3, 4, 1, 5, 2)
	if n.text("mode", "DCR") == "CRD" {
		y = permute(reshape(x, s[0], c, b, b, s[2], s[3]), 0, 1, 4, 2, 5, 3)
	}
	return one(reshape(y, s[0], c, s[2]*b, s[3]*b))
}

func spaceToDepth(n *node) []*tensor.Tensor {
	x, b := n.x(0), n.int("blocksize", 1)
	s := x.Shape
	y := permute(reshape(x, s[0], s[1], s[2]/b, b, s[3]/b, b), 0, 3, 5, 1, 2, 4)
	return one(reshape(y, s[0], s[1]*b*b, s[2]/b, s[3]/b))
}

// resize is a product along each axis.
func resize(n *node) []*tensor.Tensor {
	x := n.x(0)
	crop := n.text("coordinate_transformation_mode", "") == "tf_crop_and_resize"
	inside := x.Fill(1) // how much of each output lies in the picture
	for a, size := range x.Shape {
		scale, out := 1.0, size
		if n.given(3) {
			out = int(n.in[3].data[a])
			scale = float64(out) / float64(size)
		} else {
			scale = n.in[2].data[a]
			out = int(math.Floor(float64(size) * scale))
		}
		if out == size && scale == 1 && !crop {
			continue
		}
		m := make([]float64, out*size)
		for i := range out {
			at := n.source(i, a, out, size, scale)
			if crop && (at < 0 || at > float64(size-1)) {
				continue
			}
			n.weights(m[i*size:][:size], at)
		}
		x, inside = n.along(x, a, m, out), n.along(inside, a, m, out)
	}
	return one(x.Add(inside.Scale(-1).Shift(1).Scale(n.float("extrapolation_value", 0))))
}

// source is the place in the input that output i is read at.
func (n *node) source(i, axis, out, size int, scale float64) float64 {
	at := float64(i)
	switch n.text("coordinate_transformation_mode", "half_pixel") {
	case "align_corners":
		return at * float64(size-1) / (scale*float64(size) - 1)
	case "asymmetric":
		return at / scale
	case "pytorch_half_pixel":
		if out == 1 {
			return 0
		}
	case "tf_crop_and_resize":
		start, end := n.in[1].data[axis], n.in[1].data[axis+len(n.in[0].shape)]
		if out == 1 {
			return (start + end) / 2 * float64(size-1)
		}
		return start*float64(size-1) + at*(end-start)*float64(size-1)/float64(out-1)
	}
	return (at+0.5)/scale - 0.5
}

// weights fills row with what each input element counts at place x.
func (n *node) weights(row []float64, x float64) {
	put := func(i int, w float64) { row[min(max(i, 0), len(row)-1)] += w }
	low := math.Floor(x)
	f := x - low
	switch n.text("mode", "nearest") {
	case "linear":
		put(int(low), 1-f)
		put(int(low)+1, f)
	case "cubic":
		n.cubic(row, int(low), f, put)
	default:
		put(nearestPlace(x, n.text("nearest_mode", "round_prefer_floor")), 1)
	}
}

func nearestPlace(x float64, mode string) int {
	switch mode {
	case "floor":
		return int(math.Floor(x))
	case "ceil":
		return int(math.Ceil(x))
	case "round_prefer_ceil":
		return int(math.Floor(x + 0.5))
	}
	return int(math.Ceil(x - 0.5))
}

// cubic is Keys' kernel with coefficient a over four taps.
func (n *node) cubic(row []float64, low int, f float64, put func(int, float64)) {
	a := n.float("cubic_coeff_a", -0.75)
	exclude, total := n.int("exclude_outside", 0) != 0, 0.0
	var w [4]float64
	for k := range w {
		d := math.Abs(f - float64(k-1))
		if d <= 1 {
			w[k] = ((a+2)*d-(a+3))*d*d + 1
		} else {
			w[k] = ((a*d-5*a)*d+8*a)*d - 4*a
		}
		if i := low + k - 1; exclude && (i < 0 || i >= len(row)) {
			w[k] = 0
		}
		total += w[k]
	}
	for k := range w {
		if exclude {
			w[k] /= total
		}
		put(low+k-1, w[k])
	}
}
