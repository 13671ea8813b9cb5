package truth

import (
	"math"
	"slices"

	"kith/tensor"
)

// image gives x a batch axis, [n, c, h, w] as [n, h, w, c].
func image(x *tensor.Tensor) (nhwc *tensor.Tensor, back func(*tensor.Tensor) *tensor.Tensor) {
	single := len(x.Shape) == 3
	if single {
		x = reshape(x, append([]int{1}, x.Shape...)...)
	}
	return permute(x, 0, 2, 3, 1), func(y *tensor.Tensor) *tensor.Tensor {
		y = permute(y, 0, 3, 1, 2)
		if single {
			y = reshape(y, y.Shape[1:]...)
		}
		return y
	}
}

func conv2d(c *call) []*tensor.Tensor {
	w := c.tensor(c.args[1]) // [k, c/groups, r, s]
	x, back := image(c.tensors[0])
	stride, dilation := intsOf(c.kwargs["stride"], 2), intsOf(c.kwargs["dilation"], 2)
	if stride == nil {
		stride = []int{1, 1}
	}
	if dilation == nil {
		dilation = []int{1, 1}
	}
	lo, hi := convPads(c.kwargs["padding"], w.Shape[2:], dilation)
	y := c.convolve(x, w, geometry{stride, dilation, lo, hi, max(1, whole(c.kwargs["groups"], 1))}, &c.native)
	if bias := c.tensor(c.arg(2, "bias")); bias != nil {
		y = y.Add(bias)
	}
	return one(back(y))
}

// convPads is the padding before and behind each axis; "same" puts the odd one behind.
func convPads(arg any, taps, dilation []int) (lo, hi []int) {
	switch arg {
	case "same":
		for a, r := range taps {
			total := (r - 1) * dilation[a]
			lo, hi = append(lo, total/2), append(hi, total-total/2)
		}
		return lo, hi
	case nil, "valid":
		return []int{0, 0}, []int{0, 0}
	}
	lo = intsOf(arg, 2)
	return lo, lo
}

type geometry struct {
	stride, dilation, lo, hi []int
	groups                   int
}

// convolve is a convolution of x [n,h,w,c] with w [k,c/groups,r,s]: dilation by zeros between the
// taps, groups by slices of channels, uneven strides by choosing outputs.
func (b board) convolve(x, w *tensor.Tensor, g geometry, native *bool) *tensor.Tensor {
	for a := range 2 {
		if g.dilation[a] > 1 {
			index := slices.Repeat([]int{-1}, (w.Shape[2+a]-1)*g.dilation[a]+1)
			for i := range w.Shape[2+a] {
				index[i*g.dilation[a]] = i
			}
			w = b.choose(w, 2+a, index)
		}
	}
	op := tensor.Conv2D{Stride: g.stride[0], Pad: g.lo[0]}
	even := g.stride[0] == g.stride[1] && slices.Equal(g.lo, g.hi) && g.lo[0] == g.lo[1]
	if !even {
		for a := range 2 {
			x = b.choose(x, 1+a, span(-g.lo[a], 1, g.lo[a]+x.Shape[1+a]+g.hi[a]))
		}
		op = tensor.Conv2D{Stride: 1}
	}
	if native != nil {
		*native = even && g.groups == 1
	}
	var parts []*tensor.Tensor
	cin, k := w.Shape[1], w.Shape[0]/g.groups
	for i := range g.groups {
		wi := permute(apply(tensor.Slice{From: i * k, To: (i + 1) * k}, w), 0, 2, 3, 1)
		xi := x
		if g.groups > 1 {
			xi = b.choose(x, 3, span(i*cin, 1, cin))
		}
		parts = append(parts, apply(op, xi, wi))
	}
	y := join(3, parts...)
	for a := range 2 {
		if !even && g.stride[a] > 1 {
			y = b.choose(y, 1+a, span(0, g.stride[a], (y.Shape[1+a]-1)/g.stride[a]+1))
		}
	}
	return y
}

// outputs is the number of windows along an axis. With ceil the last may hang over the end, but
// must begin inside the input or its front padding.
func outputs(size, window, stride, lo, hi int, ceil bool) int {
	n := size + lo + hi - window
	if !ceil {
		return n/stride + 1
	}
	out := (n+stride-1)/stride + 1
	if (out-1)*stride >= size+lo {
		out--
	}
	return out
}

type pool struct {
	size, stride, pad, hi, dilation []int // pad before, hi behind
	ceil                            bool
}

func poolOf(c *call) pool {
	p := pool{size: intsOf(c.arg(1, "kernel_size"), 2), stride: intsOf(c.arg(2, "stride"), 2),
		pad: intsOf(c.arg(3, "padding"), 2), dilation: []int{1, 1}, ceil: whole(c.arg(4, "ceil_mode"), 0) != 0}
	if len(p.stride) == 0 {
		p.stride = p.size
	}
	if p.pad == nil {
		p.pad = []int{0, 0}
	}
	p.hi = p.pad
	return p
}

func maxPool2d(c *call) []*tensor.Tensor {
	p := poolOf(c)
	if d := intsOf(c.kwargs["dilation"], 2); d != nil {
		p.dilation = d
	}
	x, back := image(c.tensors[0])
	y, index := c.maxPool(x, p, &c.native)
	if whole(c.kwargs["return_indices"], 0) == 0 {
		return one(back(y))
	}
	return []*tensor.Tensor{back(y), back(index)}
}

// maxPool is the maximum over windows of x [n,h,w,c], and where in [h,w] it was found.
func (b board) maxPool(x *tensor.Tensor, p pool, native *bool) (y, index *tensor.Tensor) {
	h, w := x.Shape[1], x.Shape[2]
	var out [2]int
	square := true
	for a := range 2 {
		window := (p.size[a]-1)*p.dilation[a] + 1
		out[a] = outputs(x.Shape[1+a], window, p.stride[a], p.pad[a], p.hi[a], p.ceil)
		square = square && p.dilation[a] == 1 && p.size[a] == p.size[0] && p.stride[a] == p.stride[0] &&
			p.pad[a] == p.pad[0] && p.hi[a] == p.pad[0] && 2*p.pad[0] <= p.size[0] &&
			out[a] == outputs(x.Shape[1+a], window, p.stride[a], p.pad[a], p.hi[a], false)
	}
	if native != nil {
		*native = square
	}
	if square {
		op := tensor.MaxPool{Size: p.size[0], Stride: p.stride[0], Pad: p.pad[0]}
		both := tensor.Apply(op, x)
		return both[0], b.places(both[1], op, h, w)
	}
	for i := range p.size[0] {
		for j := range p.size[1] {
			rows := span(i*p.dilation[0]-p.pad[0], p.stride[0], out[0])
			cols := span(j*p.dilation[1]-p.pad[1], p.stride[1], out[1])
			tap, place := b.tap(x, rows, cols)
			if y == nil {
				y, index = tap, place
				continue
			}
			more := tap.Sub(y).Positive()
			y, index = tap.Select(more, y), place.Select(more, index)
		}
	}
	return y, index
}

// tap is x at the given rows and columns, -1e30 outside, and the flat index of each element.
func (b board) tap(x *tensor.Tensor, rows, cols []int) (tap, place *tensor.Tensor) {
	shape := []int{x.Shape[0], len(rows), len(cols), x.Shape[3]}
	outside, at := make([]float64, len(rows)*len(cols)), make([]float64, len(rows)*len(cols))
	for i, r := range rows {
		for j, c := range cols {
			at[i*len(cols)+j] = float64(r*x.Shape[2] + c)
			if r < 0 || c < 0 || r >= x.Shape[1] || c >= x.Shape[2] {
				outside[i*len(cols)+j] = -1e30
			}
		}
	}
	tap = b.choose(b.choose(x, 1, rows), 2, cols)
	wall := b.broadcast(b.constant(outside, len(rows), len(cols), 1), shape)
	return tap.Add(wall), b.broadcast(b.constant(at, len(rows), len(cols), 1), shape)
}

// places turns kith's place in the window into the flat index in [h, w], on the host.
func (b board) places(arg *tensor.Tensor, op tensor.MaxPool, h, w int) *tensor.Tensor {
	place, err := tensor.Data[uint8](arg)
	if err != nil {
		panic(err)
	}
	out := make([]float64, len(place))
	c, q, p := arg.Shape[3], arg.Shape[2], arg.Shape[1]
	for i, v := range place {
		row := i/(c*q)%p*op.Stride - op.Pad + int(v)/op.Size
		out[i] = float64(row*w + i/c%q*op.Stride - op.Pad + int(v)%op.Size)
	}
	return b.constant(out, arg.Shape...)
}

// avgPool2d is a product along each axis, since windows are rectangles; the divisor too.
func avgPool2d(c *call) []*tensor.Tensor {
	p := poolOf(c)
	x, back := image(c.tensors[0])
	override := number(c.arg(6, "divisor_override"), 0)
	include := c.arg(5, "count_include_pad") != false
	y := c.avgPool(x, p, include, override)
	return one(back(y))
}

// avgPool averages windows of x [n,h,w,c]; divisor 0 means the number of elements.
func (b board) avgPool(x *tensor.Tensor, p pool, include bool, divisor float64) *tensor.Tensor {
	for a := range 2 {
		size := x.Shape[1+a]
		n := outputs(size, p.size[a], p.stride[a], p.pad[a], p.hi[a], p.ceil)
		m := make([]float64, n*size)
		for o := range n {
			from := o*p.stride[a] - p.pad[a]
			to := min(from+p.size[a], size+p.hi[a])
			count := float64(to - from)
			if !include {
				count = float64(min(to, size) - max(from, 0))
			}
			if divisor != 0 {
				count = 1
			}
			for i := max(from, 0); i < min(to, size); i++ {
				m[o*size+i] = 1 / count
			}
		}
		x = b.along(x, 1+a, m, n)
	}
	if divisor != 0 {
		x = x.Scale(1 / divisor)
	}
	return x
}

func adaptivePool(c *call) []*tensor.Tensor {
	x := c.tensors[0]
	for a, n := range intsOf(c.args[1], 2) {
		axis := len(x.Shape) - 2 + a
		size := x.Shape[axis]
		if n < 0 {
			n = size
		}
		m := make([]float64, n*size)
		for o := range n {
			from, to := o*size/n, ((o+1)*size+n-1)/n
			for i := from; i < to; i++ {
				m[o*size+i] = 1 / float64(to-from)
			}
		}
		x = c.along(x, axis, m, n)
	}
	return one(x)
}

// interpolate takes the nearest element by PyTorch's legacy rule: floor(i·in/out), or i/scale.
func interpolate(c *call) []*tensor.Tensor {
	x := c.tensors[0]
	size, scale := intsOf(c.arg(1, "size"), len(x.Shape)-2), number(c.arg(2, "scale_factor"), 0)
	for a := 2; a < len(x.Shape); a++ {
		step := 1 / scale
		n := int(float64(x.Shape[a]) * scale)
		if size != nil {
			n = size[a-2]
		}
		if size != nil || c.kwargs["recompute_scale_factor"] == true {
			step = float64(x.Shape[a]) / float64(n)
		}
		index := make([]int, n)
		for i := range index {
			index[i] = min(int(math.Floor(float64(i)*step)), x.Shape[a]-1)
		}
		x = c.choose(x, a, index)
	}
	return one(x)
}
