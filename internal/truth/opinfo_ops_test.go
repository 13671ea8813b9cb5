package truth

import (
	"slices"

	"kith/tensor"
)

// opinfo composes each op of PyTorch's database from kith's ops.
var opinfo = map[string]func(c *call) []*tensor.Tensor{
	"conv2d": conv2d, "max_pool2d": maxPool2d, "avg_pool2d": avgPool2d, "adaptive_avg_pool2d": adaptivePool,
	"interpolate": interpolate, "batch_norm": batchNorm, "layer_norm": layerNorm, "normalize": normalize,
	"linear": linear, "matmul": matmul, "mm": matmul, "bmm": matmul, "addmm": addmm,
	"softmax":     func(c *call) []*tensor.Tensor { return one(c.logSoftmax(c.tensors[0], c.dim(1)).Exp()) },
	"log_softmax": func(c *call) []*tensor.Tensor { return one(c.logSoftmax(c.tensors[0], c.dim(1))) },
	"logsumexp": func(c *call) []*tensor.Tensor {
		return one(c.logSumExp(c.tensors[0], intsOf(c.args[1], 1), c.args[2].(bool)))
	},
	"cross_entropy": crossEntropy, "nll_loss": nllLoss,
	"sum":  func(c *call) []*tensor.Tensor { return one(sum(c.tensors[0], c.dims(), c.keepdim())) },
	"mean": func(c *call) []*tensor.Tensor { return one(mean(c.tensors[0], c.dims(), c.keepdim())) },
	"amax": func(c *call) []*tensor.Tensor { return one(c.amax(c.tensors[0], c.dims(), c.keepdim())) },
	"var":  variance,
	"vector_norm": func(c *call) []*tensor.Tensor {
		return one(c.norm(c.tensors[0], number(c.kwargs["ord"], 2), c.dims(), c.keepdim()))
	},
	"add": func(c *call) []*tensor.Tensor {
		x := c.together(c.tensors...)
		return one(x[0].Add(x[1].Scale(number(c.kwargs["alpha"], 1))))
	},
	"sub": func(c *call) []*tensor.Tensor {
		x := c.together(c.tensors...)
		return one(x[0].Sub(x[1].Scale(number(c.kwargs["alpha"], 1))))
	},
	"mul": func(c *call) []*tensor.Tensor { x := c.together(c.tensors...); return one(x[0].Mul(x[1])) },
	"div": func(c *call) []*tensor.Tensor { x := c.together(c.tensors...); return one(x[0].Div(x[1])) },
	"pow": func(c *call) []*tensor.Tensor {
		x := c.together(c.tensors...)
		return one(x[0].Log().Mul(x[1]).Exp())
	},
	"sqrt":    func(c *call) []*tensor.Tensor { return one(c.tensors[0].Sqrt()) },
	"exp":     func(c *call) []*tensor.Tensor { return one(c.tensors[0].Exp()) },
	"log":     func(c *call) []*tensor.Tensor { return one(c.tensors[0].Log()) },
	"relu":    func(c *call) []*tensor.Tensor { return one(c.tensors[0].ReLU()) },
	"sigmoid": func(c *call) []*tensor.Tensor { return one(sigmoid(c.tensors[0])) },
	"tanh":    func(c *call) []*tensor.Tensor { return one(tanh(c.tensors[0])) },
	"where":   where, "clamp": clamp,
	"cat":   cat,
	"stack": stack,
	"reshape": func(c *call) []*tensor.Tensor {
		return one(reshape(c.tensors[0], filled(intsOf(c.args[1], 1), c.tensors[0].Shape.Size())...))
	},
	"transpose": transpose,
	"permute":   permutation,
	"expand":    expand,
	"narrow":    narrow, "index_select": indexSelect, "gather": gather,
}

func one(x *tensor.Tensor) []*tensor.Tensor { return []*tensor.Tensor{x} }

// dim is positional argument i as an axis.
func (c *call) dim(i int) int { return whole(c.args[i], 0) }

// dims is the keyword dim; none or an empty list means all axes.
func (c *call) dims() []int {
	if d := intsOf(c.kwargs["dim"], 1); len(d) > 0 {
		return d
	}
	return all(c.tensors[0])
}

func (c *call) keepdim() bool { return whole(c.kwargs["keepdim"], 0) != 0 }

// cat overlooks empty tensors of rank 1 beside others, as PyTorch does.
func cat(c *call) []*tensor.Tensor {
	xs := c.list(c.args[0])
	some := slices.DeleteFunc(slices.Clone(xs), func(x *tensor.Tensor) bool { return slices.Equal(x.Shape, []int{0}) })
	if len(some) == 0 {
		some = xs
	}
	return one(join(whole(c.arg(1, "dim"), 0), some...))
}

// filled computes the axis that is given as -1.
func filled(shape []int, size int) []int {
	if at := slices.Index(shape, -1); at >= 0 {
		shape = slices.Clone(shape)
		shape[at] = 1
		shape[at] = size / tensor.Shape(shape).Size()
	}
	return shape
}

func sigmoid(x *tensor.Tensor) *tensor.Tensor { return reciprocal(negate(x).Exp().Shift(1)) }

func tanh(x *tensor.Tensor) *tensor.Tensor { return sigmoid(x.Scale(2)).Scale(2).Shift(-1) }

func batchNorm(c *call) []*tensor.Tensor {
	x, shape := c.tensors[0], c.tensors[0].Shape
	if len(shape) == 1 {
		x = reshape(x, 1, shape[0])
	}
	axes := append(append([]int{0}, span(2, 1, len(x.Shape)-2)...), 1)
	rows := permute(x, axes...) // [..., c]
	ch := x.Shape[1]
	weight, bias := c.tensor(c.arg(3, "weight")), c.tensor(c.arg(4, "bias"))
	if weight == nil {
		weight, bias = c.filled(1, ch), c.filled(0, ch)
	}
	eps, mu, sigma2 := number(c.kwargs["eps"], 1e-5), c.tensor(c.arg(1, "")), c.tensor(c.arg(2, ""))
	var y *tensor.Tensor
	// Nothing to average in an empty batch: BatchNorm refuses it, and no statistic can move.
	if whole(c.kwargs["training"], 0) != 0 && x.Shape.Size() > 0 {
		out := tensor.Apply(tensor.BatchNorm{Eps: eps}, rows, weight, bias)
		y = out[0]
		c.native = true
		c.track(out[1], out[2], mu, sigma2, rows.Shape.Size()/max(ch, 1))
	} else {
		a := weight.Mul(sigma2.Shift(eps).Rsqrt())
		y = rows.Sub(mu).Mul(a).Add(bias)
	}
	return one(reshape(permute(y, inverse(axes)...), shape...))
}

// track is what training mode does to running statistics: the unbiased variance enters.
func (c *call) track(mean, biased, mu, sigma2 *tensor.Tensor, n int) {
	if mu == nil || n < 2 {
		return
	}
	m := number(c.kwargs["momentum"], 0.1)
	unbiased := biased.Scale(float64(n) / float64(n-1))
	c.after[1] = mu.Scale(1 - m).Add(mean.Scale(m))
	c.after[2] = sigma2.Scale(1 - m).Add(unbiased.Scale(m))
}

func layerNorm(c *call) []*tensor.Tensor {
	x, inner := c.tensors[0], intsOf(c.args[1], 1)
	k := tensor.Shape(inner).Size()
	if x.Shape.Size() == 0 {
		return one(x.Mul(c.tensor(c.arg(2, "weight")))) // nothing to normalize
	}
	rows := permute(reshape(x, x.Shape.Size()/k, k), 1, 0) // [k, rows]: Moments reduces leading axes
	m := tensor.Apply(tensor.Moments{}, rows)
	y := permute(rows.Sub(m[0]).Mul(m[1].Shift(number(c.kwargs["eps"], 1e-5)).Rsqrt()), 1, 0)
	y = reshape(y, x.Shape...)
	if w := c.tensor(c.arg(2, "weight")); w != nil {
		y = y.Mul(w).Add(c.tensor(c.arg(3, "bias")))
	}
	return one(y)
}

func normalize(c *call) []*tensor.Tensor {
	x := c.tensors[0]
	axes := []int{whole(c.kwargs["dim"], 1)}
	n := c.norm(x, number(c.kwargs["p"], 2), axes, true).AtLeast(number(c.kwargs["eps"], 1e-12))
	return one(x.Div(c.broadcast(n, x.Shape)))
}

func linear(c *call) []*tensor.Tensor {
	x, w := c.tensors[0], c.tensors[1]
	if len(w.Shape) == 1 {
		return one(c.product(x, w))
	}
	rows := x.Shape[:len(x.Shape)-1].Size()
	y := apply(tensor.MatMul{TransB: true}, reshape(x, rows, w.Shape[1]), w)
	if len(c.tensors) > 2 {
		y = y.Add(c.tensors[2])
	}
	return one(reshape(y, append(slices.Clone(x.Shape[:len(x.Shape)-1]), w.Shape[0])...))
}

func addmm(c *call) []*tensor.Tensor {
	y := apply(tensor.MatMul{}, c.tensors[1], c.tensors[2]).Scale(number(c.kwargs["alpha"], 1))
	return one(y.Add(c.broadcast(c.tensors[0], y.Shape).Scale(number(c.kwargs["beta"], 1))))
}

func matmul(c *call) []*tensor.Tensor { return one(c.product(c.tensors[0], c.tensors[1])) }

// product is NumPy's matmul: vectors gain an axis, leading axes broadcast.
func (b board) product(x, y *tensor.Tensor) *tensor.Tensor {
	row, col := len(x.Shape) == 1, len(y.Shape) == 1
	if row {
		x = reshape(x, 1, x.Shape[0])
	}
	if col {
		y = reshape(y, y.Shape[0], 1)
	}
	m, k, n := x.Shape[len(x.Shape)-2], x.Shape[len(x.Shape)-1], y.Shape[len(y.Shape)-1]
	lead := common(x.Shape[:len(x.Shape)-2], y.Shape[:len(y.Shape)-2])
	batch := lead.Size()
	x = reshape(b.broadcast(x, append(slices.Clone(lead), m, k)), batch*m, k)
	y = reshape(b.broadcast(y, append(slices.Clone(lead), k, n)), batch*k, n)
	var parts []*tensor.Tensor
	for i := range batch {
		parts = append(parts, apply(tensor.MatMul{}, apply(tensor.Slice{From: i * m, To: (i + 1) * m}, x),
			apply(tensor.Slice{From: i * k, To: (i + 1) * k}, y)))
	}
	shape := slices.Clone(lead)
	if !row {
		shape = append(shape, m)
	}
	if !col {
		shape = append(shape, n)
	}
	return reshape(join(0, parts...), shape...)
}

// nllLoss is -weight[label]·logp[label]; rows with the ignored label do not count.
func nllLoss(c *call) []*tensor.Tensor {
	return one(c.likelihood(c.tensors[0], c.host(c.args[1]).data, c.kwargs))
}

func (c *call) likelihood(logp *tensor.Tensor, label []float64, kw map[string]any) *tensor.Tensor {
	var weight []float64
	if kw["weight"] != nil {
		weight = c.host(kw["weight"]).data
	}
	reduction, _ := kw["reduction"].(string)
	return c.nll(logp, label, weight, whole(kw["ignore_index"], -100), reduction)
}

// nll works on logp [k], [n,k] or [n,k,d...]: mask and weights are constants.
func (b board) nll(logp *tensor.Tensor, label, weight []float64, ignore int, reduction string) *tensor.Tensor {
	shape := logp.Shape
	if len(shape) == 1 {
		logp = reshape(logp, 1, shape[0])
	}
	k, inner := logp.Shape[1], logp.Shape[2:].Size()
	mask, total := make([]float64, logp.Shape.Size()), 0.0
	for i, l := range label {
		if int(l) == ignore {
			continue
		}
		w := 1.0
		if weight != nil {
			w = weight[int(l)]
		}
		mask[(i/inner*k+int(l))*inner+i%inner] = -w
		total += w
	}
	each := sum(logp.Mul(b.constant(mask, logp.Shape...)), []int{1}, false)
	switch reduction {
	case "none":
		return reshape(each, kept(shape, []int{min(1, len(shape)-1)}, false)...)
	case "sum":
		return sum(each, all(each), false)
	}
	return sum(each, all(each), false).Scale(1 / total)
}

func crossEntropy(c *call) []*tensor.Tensor {
	x, reduction := c.tensors[0], c.kwargs["reduction"]
	if !c.host(c.args[1]).whole {
		return one(c.soft(x, c.tensors[1]))
	}
	if c.kwargs["weight"] != nil {
		return one(c.likelihood(c.logSoftmax(x, 1), c.host(c.args[1]).data, c.kwargs))
	}
	// kith's own op, on rows: classes last, ignored labels -1.
	c.native = true
	ignore := whole(c.kwargs["ignore_index"], -100)
	label, used := []int32{}, 0.0
	for _, l := range c.host(c.args[1]).data {
		if int(l) == ignore {
			l = -1
		} else {
			used++
		}
		label = append(label, int32(l))
	}
	axes := append(append([]int{0}, span(2, 1, len(x.Shape)-2)...), 1)
	rows := reshape(permute(x, axes...), len(label), x.Shape[1])
	each := tensor.Apply(tensor.CrossEntropy{}, rows, c.ints(label, len(label)))[0]
	switch reduction {
	case "none":
		return one(reshape(each, kept(x.Shape, []int{1}, false)...))
	case "sum":
		return one(sum(each, all(each), false))
	}
	return one(sum(each, all(each), false).Scale(1 / used))
}

// soft is the cross entropy with probabilities as targets; class weights scale the classes.
func (c *call) soft(x, target *tensor.Tensor) *tensor.Tensor {
	each := negate(c.logSoftmax(x, 1).Mul(target))
	if w := c.tensor(c.kwargs["weight"]); w != nil {
		each = each.Mul(c.broadcast(reshape(w, append([]int{len(c.host(c.kwargs["weight"]).data)}, slices.Repeat([]int{1}, len(x.Shape)-2)...)...), x.Shape))
	}
	each = sum(each, []int{1}, false)
	switch c.kwargs["reduction"] {
	case "none":
		return each
	case "sum":
		return sum(each, all(each), false)
	}
	return mean(each, all(each), false)
}

func variance(c *call) []*tensor.Tensor {
	x, axes, correction := c.tensors[0], c.dims(), 1.0
	for _, flag := range []any{c.arg(1, "unbiased"), c.kwargs["unbiased"]} {
		if flag == false {
			correction = 0
		}
	}
	correction = number(c.kwargs["correction"], correction)
	flat, _ := front(x, axes...)
	n := float64(flat.Shape[0])
	v := tensor.Apply(tensor.Moments{}, flat)[1].Scale(n / (n - correction))
	return one(reshape(v, kept(x.Shape, axes, c.keepdim())...))
}

func where(c *call) []*tensor.Tensor {
	x := c.together(c.tensors[0], c.tensors[2], c.constant(c.in[1].data, c.in[1].shape...))
	return one(x[0].Select(x[2].Positive(), x[1]))
}

// clamp takes bounds as tensors; either may be missing.
func clamp(c *call) []*tensor.Tensor {
	x := c.tensors[0]
	if lo := c.tensor(c.arg(1, "min")); lo != nil {
		lo = c.broadcast(lo.Cast(x.DType), x.Shape)
		x = lo.Select(lo.Sub(x).Positive(), x)
	}
	if hi := c.tensor(c.arg(2, "max")); hi != nil {
		hi = c.broadcast(hi.Cast(x.DType), x.Shape)
		x = hi.Select(x.Sub(hi).Positive(), x)
	}
	return one(x)
}

func stack(c *call) []*tensor.Tensor {
	xs := c.list(c.args[0])
	axis := axisOf(whole(c.args[1], 0), len(xs[0].Shape)+1)
	for i, x := range xs {
		xs[i] = reshape(x, slices.Insert(slices.Clone(x.Shape), axis, 1)...)
	}
	return one(join(axis, xs...))
}

func transpose(c *call) []*tensor.Tensor {
	x := c.tensors[0]
	axes := all(x)
	if len(axes) == 0 {
		return one(reshape(x))
	}
	i, j := axisOf(c.dim(1), len(axes)), axisOf(c.dim(2), len(axes))
	axes[i], axes[j] = axes[j], axes[i]
	return one(permute(reshape(x, x.Shape...), axes...))
}

func permutation(c *call) []*tensor.Tensor {
	x := c.tensors[0]
	axes := intsOf(c.args[1], 1)
	for i, a := range axes {
		axes[i] = axisOf(a, len(x.Shape))
	}
	return one(permute(reshape(x, x.Shape...), axes...))
}

// expand keeps axes given as -1.
func expand(c *call) []*tensor.Tensor {
	x, shape := c.tensors[0], intsOf(c.args[1], 1)
	for i, d := range shape {
		if d == -1 {
			shape[i] = x.Shape[i-len(shape)+len(x.Shape)]
		}
	}
	return one(c.broadcast(reshape(x, x.Shape...), shape))
}

func narrow(c *call) []*tensor.Tensor {
	var start int
	if c.tensor(c.args[2]) != nil {
		start = int(c.host(c.args[2]).data[0])
	} else {
		start = c.dim(2)
	}
	return one(c.choose(c.tensors[0], c.dim(1), span(start, 1, c.dim(3))))
}

func indexSelect(c *call) []*tensor.Tensor {
	x, index := c.tensors[0], []int{}
	for _, i := range c.host(c.args[2]).data {
		index = append(index, int(i))
	}
	if len(x.Shape) == 0 {
		return one(reshape(c.choose(reshape(x, 1), 0, index)))
	}
	return one(c.choose(x, c.dim(1), index))
}

// gather is element (..., index, ...) for each element of index: one product with a flat mask.
func gather(c *call) []*tensor.Tensor {
	x, index := c.tensors[0], c.host(c.args[2])
	shape := slices.Clone([]int(x.Shape))
	axis := axisOf(c.dim(1), len(shape))
	flat := make([]int, len(index.data))
	for i, to := range index.data {
		at, rest, stride := 0, i, 1
		for a := len(index.shape) - 1; a >= 0 && len(shape) > 0; a-- {
			k := rest % index.shape[a]
			rest /= index.shape[a]
			if a == axis {
				k = int(to)
			}
			at += k * stride
			stride *= shape[a]
		}
		flat[i] = at
	}
	return one(reshape(c.choose(reshape(x, x.Shape.Size()), 0, flat), index.shape...))
}
