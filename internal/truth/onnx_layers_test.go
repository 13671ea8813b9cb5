package truth

import (
	"math"
	"slices"

	"kith/tensor"
)

func gemm(n *node) []*tensor.Tensor {
	op := tensor.MatMul{TransA: n.int("transA", 0) != 0, TransB: n.int("transB", 0) != 0}
	y := apply(op, n.x(0), n.x(1)).Scale(n.float("alpha", 1))
	if n.given(2) {
		y = y.Add(n.broadcast(n.x(2), y.Shape).Scale(n.float("beta", 1)))
	}
	return one(y)
}

// pads is the padding before and behind each of the spatial axes.
func (n *node) pads(in, window, stride []int) (lo, hi []int) {
	if p := n.attrs("pads"); p != nil {
		return p[:len(in)], p[len(in):]
	}
	auto := n.text("auto_pad", "NOTSET")
	for a := range in {
		l, h := 0, 0
		if auto == "SAME_UPPER" || auto == "SAME_LOWER" {
			total := max(0, ((in[a]+stride[a]-1)/stride[a]-1)*stride[a]+window[a]-in[a])
			l, h = total/2, total-total/2
			if auto == "SAME_LOWER" {
				l, h = h, l
			}
		}
		lo, hi = append(lo, l), append(hi, h)
	}
	return lo, hi
}

// orOnes is a list attribute, or ones.
func (n *node) orOnes(name string, rank int) []int {
	if v := n.attrs(name); v != nil {
		return v
	}
	return slices.Repeat([]int{1}, rank)
}

func conv(n *node) []*tensor.Tensor {
	x, w := n.x(0), n.x(1)
	g := geometry{stride: n.orOnes("strides", 2), dilation: n.orOnes("dilations", 2), groups: n.int("group", 1)}
	window := []int{(w.Shape[2]-1)*g.dilation[0] + 1, (w.Shape[3]-1)*g.dilation[1] + 1}
	g.lo, g.hi = n.pads(x.Shape[2:], window, g.stride)
	nhwc, back := image(x)
	y := n.convolve(nhwc, w, g, nil)
	if n.given(2) {
		y = y.Add(n.x(2))
	}
	return one(back(y))
}

// convTranspose is the input gradient of a convolution: x plays the upstream gradient, which is
// first spread out by zeros where the strides are uneven.
func convTranspose(n *node) []*tensor.Tensor {
	x, w := n.x(0), n.x(1) // [n, k, p, q], [k, c, r, s]
	spatial := len(x.Shape) - 2
	for len(x.Shape) < 4 { // a line is an image of height 1
		x = reshape(x, slices.Insert(slices.Clone(x.Shape), 2, 1)...)
		w = reshape(w, slices.Insert(slices.Clone(w.Shape), 2, 1)...)
	}
	stride, dilation := n.orOnes("strides", 2), n.orOnes("dilations", 2)
	extra := n.attrs("output_padding")
	if extra == nil {
		extra = []int{0, 0}
	}
	lo, hi := transposePads(n, x.Shape[2:], w.Shape[2:], stride, dilation, extra)
	var size [2]int
	for a := range 2 {
		if dilation[a] > 1 {
			index := slices.Repeat([]int{-1}, (w.Shape[2+a]-1)*dilation[a]+1)
			for i := range w.Shape[2+a] {
				index[i*dilation[a]] = i
			}
			w = n.choose(w, 2+a, index)
		}
		spread := slices.Repeat([]int{-1}, (x.Shape[2+a]-1)*stride[a]+1)
		for i := range x.Shape[2+a] {
			spread[i*stride[a]] = i
		}
		x = n.choose(x, 2+a, spread)
		size[a] = x.Shape[2+a] + w.Shape[2+a] - 1
	}
	op := tensor.Conv2DGradX{Conv2D: tensor.Conv2D{Stride: 1}, H: size[0], W: size[1]}
	y := permute(apply(op, permute(x, 0, 2, 3, 1), permute(w, 0, 2, 3, 1)), 0, 3, 1, 2)
	for a := range 2 {
		out := size[a] + extra[a] - lo[a] - hi[a]
		if shape := n.attrs("output_shape"); shape != nil {
			out = shape[a]
		}
		y = n.choose(y, 2+a, span(lo[a], 1, out)) // beyond the end: zeros
	}
	if spatial == 1 {
		y = reshape(y, y.Shape[0], y.Shape[1], y.Shape[3])
	}
	return one(y)
}

// transposePads is how much of the full result is cut off on each side.
func transposePads(n *node, in, taps, stride, dilation, extra []int) (lo, hi []int) {
	if p := n.attrs("pads"); p != nil {
		return p[:len(p)/2], p[len(p)/2:]
	}
	lo, hi = []int{0, 0}, []int{0, 0}
	out := n.attrs("output_shape")
	if n.text("auto_pad", "NOTSET") != "NOTSET" {
		for a := range 2 {
			out = append(out, in[a]*stride[a])
		}
	}
	for a := range out {
		total := max(0, (in[a]-1)*stride[a]+extra[a]+(taps[a]-1)*dilation[a]+1-out[a])
		lo[a], hi[a] = total-total/2, total/2
		if n.text("auto_pad", "NOTSET") == "SAME_UPPER" {
			lo[a], hi[a] = hi[a], lo[a]
		}
	}
	return lo, hi
}

// onnxPool reads the attributes of a pooling over two axes.
func (n *node) onnxPool(in []int) pool {
	p := pool{size: n.attrs("kernel_shape"), stride: n.orOnes("strides", len(in)),
		dilation: n.orOnes("dilations", len(in)), ceil: n.int("ceil_mode", 0) != 0}
	window := make([]int, len(in))
	for a := range in {
		window[a] = (p.size[a]-1)*p.dilation[a] + 1
	}
	p.pad, p.hi = n.pads(in, window, p.stride)
	return p
}

// pooled runs f over two axes at a time: lines are images of height 1, and a third axis is pooled
// after the other two, which maxima and means allow.
func pooled(x *tensor.Tensor, p pool, f func(nhwc *tensor.Tensor, p pool) *tensor.Tensor) *tensor.Tensor {
	s := x.Shape
	part := func(from, to int) pool {
		return pool{p.size[from:to], p.stride[from:to], p.pad[from:to], p.hi[from:to], p.dilation[from:to], p.ceil}
	}
	unit := func(q pool) pool { // over the first axis of two, leaving the second alone
		add := func(v []int, x int) []int { return append(slices.Clone(v), x) }
		return pool{add(q.size, 1), add(q.stride, 1), add(q.pad, 0), add(q.hi, 0), add(q.dilation, 1), q.ceil}
	}
	switch len(s) {
	case 3:
		y := f(reshape(x, s[0]*s[1], s[2], 1, 1), unit(p))
		return reshape(y, s[0], s[1], y.Shape[1])
	case 4:
		return permute(f(permute(x, 0, 2, 3, 1), p), 0, 3, 1, 2)
	}
	y := f(reshape(x, s[0]*s[1]*s[2], s[3], s[4], 1), part(1, 3))
	h, w := y.Shape[1], y.Shape[2]
	y = f(reshape(y, s[0]*s[1], s[2], h*w, 1), unit(part(0, 1)))
	return reshape(y, s[0], s[1], y.Shape[1], h, w)
}

func onnxMaxPool(n *node) []*tensor.Tensor {
	x := n.x(0)
	p := n.onnxPool(x.Shape[2:])
	if len(n.out) == 1 {
		return one(pooled(x, p, func(x *tensor.Tensor, p pool) *tensor.Tensor { y, _ := n.maxPool(x, p, nil); return y }))
	}
	y, index := n.maxPool(permute(x, 0, 2, 3, 1), p, nil)
	if n.int("storage_order", 0) == 1 { // columns first
		at, err := tensor.Data[float64](index)
		if err != nil {
			panic(err)
		}
		h, w := x.Shape[2], x.Shape[3]
		for i, k := range at {
			at[i] = float64(int(k)%w*h + int(k)/w)
		}
		index = n.constant(at, index.Shape...)
	}
	return []*tensor.Tensor{permute(y, 0, 3, 1, 2), permute(index, 0, 3, 1, 2)}
}

func onnxAvgPool(n *node) []*tensor.Tensor {
	x := n.x(0)
	include := n.int("count_include_pad", 0) != 0
	return one(pooled(x, n.onnxPool(x.Shape[2:]), func(x *tensor.Tensor, p pool) *tensor.Tensor {
		return n.avgPool(x, p, include, 0)
	}))
}

func onnxBatchNorm(n *node) []*tensor.Tensor {
	x, eps := permute(n.x(0), 0, 2, 3, 1), n.float("epsilon", 1e-5)
	if n.int("training_mode", 0) == 0 {
		y := x.Sub(n.x(3)).Mul(n.x(1).Mul(n.x(4).Shift(eps).Rsqrt())).Add(n.x(2))
		return one(permute(y, 0, 3, 1, 2))
	}
	keep := n.float("momentum", 0.9)
	out := tensor.Apply(tensor.BatchNorm{Eps: eps}, x, n.x(1), n.x(2))
	mu := n.x(3).Scale(keep).Add(out[1].Scale(1 - keep))
	sigma2 := n.x(4).Scale(keep).Add(out[2].Scale(1 - keep)) // ONNX tracks the biased variance
	return []*tensor.Tensor{permute(out[0], 0, 3, 1, 2), mu, sigma2}
}

// standard is (x-μ)/√(σ²+ε) over the given axes, with μ and 1/√(σ²+ε), both kept.
func (b board) standard(x *tensor.Tensor, axes []int, eps float64) (y, mu, scale *tensor.Tensor) {
	flat, back := front(x, axes...)
	in, _ := split(len(x.Shape), axes)
	m := tensor.Apply(tensor.Moments{}, flat)
	r := m[1].Shift(eps).Rsqrt()
	shape := kept(x.Shape, axes, true)
	return back(flat.Sub(m[0]).Mul(r), pick(x.Shape, in)...), reshape(m[0], shape...), reshape(r, shape...)
}

func onnxLayerNorm(n *node) []*tensor.Tensor {
	x := n.x(0)
	axis := axisOf(n.int("axis", -1), len(x.Shape))
	y, mu, scale := n.standard(x, span(axis, 1, len(x.Shape)-axis), n.float("epsilon", 1e-5))
	y = y.Mul(n.x(1))
	if n.given(2) {
		y = y.Add(n.x(2))
	}
	return []*tensor.Tensor{y, mu, scale}
}

func instanceNorm(n *node) []*tensor.Tensor {
	x := n.x(0)
	y, _, _ := n.standard(x, span(2, 1, len(x.Shape)-2), n.float("epsilon", 1e-5))
	y = permute(permute(y, 0, 2, 3, 1).Mul(n.x(1)).Add(n.x(2)), 0, 3, 1, 2)
	return one(y)
}

// meanVariance divides by √σ² + 1e-9.
func meanVariance(n *node) []*tensor.Tensor {
	x, axes := n.x(0), n.attrs("axes")
	if axes == nil {
		axes = []int{0, 2, 3}
	}
	centered := x.Sub(n.broadcast(mean(x, axes, true), x.Shape))
	deviation := mean(centered.Mul(centered), axes, true).Sqrt().Shift(1e-9)
	return one(centered.Div(n.broadcast(deviation, x.Shape)))
}

// lrn divides by (bias + alpha/size · Σ squares of neighboring channels)^beta.
func lrn(n *node) []*tensor.Tensor {
	x, size := n.x(0), n.int("size", 1)
	c := x.Shape[1]
	band := make([]float64, c*c)
	for i := range c {
		for j := max(0, i-(size-1)/2); j <= min(c-1, i+size/2); j++ {
			band[i*c+j] = 1
		}
	}
	s := n.along(x.Mul(x), 1, band, c).Scale(n.float("alpha", 1e-4) / float64(size)).Shift(n.float("bias", 1))
	return one(x.Div(power(s, n.float("beta", 0.75))))
}

// logits is input 0 with all axes behind the classes as one: inputs of rank 7 occur.
func (n *node) logits() *tensor.Tensor {
	s := n.in[0].shape
	return n.constant(n.in[0].data, s[0], s[1], tensor.Shape(s[2:]).Size())
}

// loss reduces log-probabilities [n, k, rest] with the labels, weights and attributes of the node.
func (n *node) loss(logp *tensor.Tensor) *tensor.Tensor {
	var weight []float64
	if n.given(2) {
		weight = n.in[2].data
	}
	reduction := n.text("reduction", "mean")
	y := n.nll(logp, n.in[1].data, weight, n.int("ignore_index", -1<<30), reduction)
	if reduction == "none" {
		return reshape(y, n.in[1].shape...)
	}
	return y
}

func softmaxLoss(n *node) []*tensor.Tensor {
	logp := n.logSoftmax(n.logits(), 1)
	out := one(n.loss(logp))
	if len(n.out) > 1 {
		if s := n.in[0].shape; len(s) <= tensor.MaxRank {
			return append(out, reshape(logp, s...))
		}
		n.out[1].shape = logp.Shape // rank 7 has no tensor here: compared in the flat shape
		out = append(out, logp)
	}
	return out
}

// slots is the g-th group of inputs behind rate and step: all x, then all gradients, ...
func (n *node) slots(groups, g int) []*tensor.Tensor {
	k := (len(n.in) - 2) / groups
	return n.xs(2)[g*k : (g+1)*k]
}

// each applies f to every parameter and returns the results grouped as ONNX wants them.
func each(k int, f func(i int) []*tensor.Tensor) []*tensor.Tensor {
	var groups [][]*tensor.Tensor
	for i := range k {
		for g, y := range f(i) {
			if i == 0 {
				groups = append(groups, nil)
			}
			groups[g] = append(groups[g], y)
		}
	}
	return slices.Concat(groups...)
}

func momentum(n *node) []*tensor.Tensor {
	rate, t, alpha, beta := n.in[0].data[0], n.in[1].data[0], n.float("alpha", 0), n.float("beta", 0)
	if t == 0 {
		beta = 1
	}
	x, g, v := n.slots(3, 0), n.slots(3, 1), n.slots(3, 2)
	return each(len(x), func(i int) []*tensor.Tensor {
		grad := g[i].Add(x[i].Scale(n.float("norm_coefficient", 0)))
		next := v[i].Scale(alpha).Add(grad.Scale(beta))
		step := next
		if n.text("mode", "") == "nesterov" {
			step = grad.Add(next.Scale(alpha))
		}
		return []*tensor.Tensor{x[i].Sub(step.Scale(rate)), next}
	})
}

func adam(n *node) []*tensor.Tensor {
	rate, t, alpha, beta := n.in[0].data[0], n.in[1].data[0], n.float("alpha", 0.9), n.float("beta", 0.999)
	if t > 0 {
		rate *= math.Sqrt(1-math.Pow(beta, t)) / (1 - math.Pow(alpha, t))
	}
	x, g, v, h := n.slots(4, 0), n.slots(4, 1), n.slots(4, 2), n.slots(4, 3)
	return each(len(x), func(i int) []*tensor.Tensor {
		grad := g[i].Add(x[i].Scale(n.float("norm_coefficient", 0)))
		v1 := v[i].Scale(alpha).Add(grad.Scale(1 - alpha))
		h1 := h[i].Scale(beta).Add(grad.Mul(grad).Scale(1 - beta))
		y := x[i].Sub(v1.Scale(rate).Div(h1.Sqrt().Shift(n.float("epsilon", 1e-6))))
		return []*tensor.Tensor{y.Scale(1 - n.float("norm_coefficient_post", 0)), v1, h1}
	})
}

func adagrad(n *node) []*tensor.Tensor {
	rate := n.in[0].data[0] / (1 + n.in[1].data[0]*n.float("decay_factor", 0))
	x, g, h := n.slots(3, 0), n.slots(3, 1), n.slots(3, 2)
	return each(len(x), func(i int) []*tensor.Tensor {
		grad := g[i].Add(x[i].Scale(n.float("norm_coefficient", 0)))
		h1 := h[i].Add(grad.Mul(grad))
		return []*tensor.Tensor{x[i].Sub(grad.Scale(rate).Div(h1.Sqrt().Shift(n.float("epsilon", 1e-6)))), h1}
	})
}
