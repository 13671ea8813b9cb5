package truth

import (
	"math"
	"slices"

	"kith/tensor"
)

// onnxOps composes ONNX operators from kith's ops, forward only.
var onnxOps = map[string]func(n *node) []*tensor.Tensor{
	// By elements.
	"Abs":         unary(absolute),
	"Exp":         unary((*tensor.Tensor).Exp),
	"Log":         unary((*tensor.Tensor).Log),
	"Sqrt":        unary((*tensor.Tensor).Sqrt),
	"Relu":        unary((*tensor.Tensor).ReLU),
	"Sigmoid":     unary(sigmoid),
	"Tanh":        unary(tanh),
	"Neg":         unary(negate),
	"Reciprocal":  unary(reciprocal),
	"Softplus":    unary(func(x *tensor.Tensor) *tensor.Tensor { return x.Exp().Shift(1).Log() }),
	"Softsign":    unary(func(x *tensor.Tensor) *tensor.Tensor { return x.Div(absolute(x).Shift(1)) }),
	"Erf":         unary(erf),
	"Sign":        unary(func(x *tensor.Tensor) *tensor.Tensor { return above(x).Sub(above(negate(x))) }),
	"Round":       unary(nearestInt),
	"Floor":       unary(floor),
	"Ceil":        unary(func(x *tensor.Tensor) *tensor.Tensor { return negate(floor(negate(x))) }),
	"IsNaN":       unary(func(x *tensor.Tensor) *tensor.Tensor { return float(x.Equal(x), x).Scale(-1).Shift(1) }),
	"IsInf":       isInf,
	"Identity":    unary(func(x *tensor.Tensor) *tensor.Tensor { return x }),
	"Elu":         func(n *node) []*tensor.Tensor { return one(elu(n.x(0), n.float("alpha", 1))) },
	"Selu":        selu,
	"Celu":        celu,
	"LeakyRelu":   leakyRelu,
	"PRelu":       prelu,
	"HardSigmoid": hardSigmoid,
	"HardSwish":   hardSwish,
	"ThresholdedRelu": func(n *node) []*tensor.Tensor {
		x := n.x(0)
		return one(x.Mul(above(x.Shift(-n.float("alpha", 1)))))
	},
	"Shrink": shrink,
	"Clip":   clip,
	"Cast":   cast,
	// Of two or more.
	"Add":            pairwise((*tensor.Tensor).Add),
	"Sub":            pairwise((*tensor.Tensor).Sub),
	"Mul":            pairwise((*tensor.Tensor).Mul),
	"Div":            pairwise((*tensor.Tensor).Div),
	"Pow":            pow,
	"Greater":        pairwise(func(a, b *tensor.Tensor) *tensor.Tensor { return above(a.Sub(b)) }),
	"Less":           pairwise(func(a, b *tensor.Tensor) *tensor.Tensor { return above(b.Sub(a)) }),
	"GreaterOrEqual": pairwise(func(a, b *tensor.Tensor) *tensor.Tensor { return above(b.Sub(a)).Scale(-1).Shift(1) }),
	"LessOrEqual":    pairwise(func(a, b *tensor.Tensor) *tensor.Tensor { return above(a.Sub(b)).Scale(-1).Shift(1) }),
	"Max":            fold(larger),
	"Min":            fold(func(a, b *tensor.Tensor) *tensor.Tensor { return negate(larger(negate(a), negate(b))) }),
	"Sum":            fold((*tensor.Tensor).Add),
	"Mean": func(n *node) []*tensor.Tensor {
		return one(fold((*tensor.Tensor).Add)(n)[0].Scale(1 / float64(len(n.in))))
	},
	"Where": func(n *node) []*tensor.Tensor {
		x := n.together(n.xs(0)...)
		return one(x[1].Select(x[0].Positive(), x[2]))
	},
	// Reductions.
	"ReduceSum":       reduce(sum),
	"ReduceMean":      reduce(mean),
	"ReduceL1":        reduce(func(x *tensor.Tensor, a []int, k bool) *tensor.Tensor { return sum(absolute(x), a, k) }),
	"ReduceL2":        reduce(func(x *tensor.Tensor, a []int, k bool) *tensor.Tensor { return sum(x.Mul(x), a, k).Sqrt() }),
	"ReduceSumSquare": reduce(func(x *tensor.Tensor, a []int, k bool) *tensor.Tensor { return sum(x.Mul(x), a, k) }),
	"ReduceLogSum":    reduce(func(x *tensor.Tensor, a []int, k bool) *tensor.Tensor { return sum(x, a, k).Log() }),
	"ReduceMax":       reduce(extreme),
	"ReduceMin":       reduce(func(x *tensor.Tensor, a []int, k bool) *tensor.Tensor { return negate(extreme(negate(x), a, k)) }),
	"ReduceProd":      reduce(product),
	"ArgMax":          argMax,
	"ArgMin":          argMax,
	"TopK":            topK,
	"Hardmax":         hardmax,
	// Products.
	"MatMul":        func(n *node) []*tensor.Tensor { return one(n.product(n.x(0), n.x(1))) },
	"Gemm":          gemm,
	"Conv":          conv,
	"ConvTranspose": convTranspose,
	"MaxPool":       onnxMaxPool,
	"AveragePool":   onnxAvgPool,
	"GlobalAveragePool": func(n *node) []*tensor.Tensor {
		return one(mean(n.x(0), span(2, 1, len(n.in[0].shape)-2), true))
	},
	"GlobalMaxPool": func(n *node) []*tensor.Tensor {
		return one(extreme(n.x(0), span(2, 1, len(n.in[0].shape)-2), true))
	},
	// Normalization and losses.
	"Softmax":                   func(n *node) []*tensor.Tensor { return one(n.logSoftmax(n.x(0), n.int("axis", -1)).Exp()) },
	"LogSoftmax":                func(n *node) []*tensor.Tensor { return one(n.logSoftmax(n.x(0), n.int("axis", -1))) },
	"BatchNormalization":        onnxBatchNorm,
	"LayerNormalization":        onnxLayerNorm,
	"InstanceNormalization":     instanceNorm,
	"MeanVarianceNormalization": meanVariance,
	"LRN":                       lrn,
	"NegativeLogLikelihoodLoss": func(n *node) []*tensor.Tensor { return one(n.loss(n.logits())) },
	"SoftmaxCrossEntropyLoss":   softmaxLoss,
	// Optimizers.
	"Momentum": momentum,
	"Adam":     adam,
	"Adagrad":  adagrad,
	// Shapes and places.
	"Reshape":         onnxReshape,
	"Flatten":         flatten,
	"Squeeze":         squeeze,
	"Unsqueeze":       unsqueeze,
	"Transpose":       onnxTranspose,
	"Concat":          func(n *node) []*tensor.Tensor { return one(join(n.int("axis", 0), n.xs(0)...)) },
	"Split":           onnxSplit,
	"Slice":           slice,
	"Expand":          func(n *node) []*tensor.Tensor { return one(n.expand(n.x(0), n.list(1, ""))) },
	"Tile":            tile,
	"Pad":             pad,
	"Gather":          onnxGather,
	"GatherElements":  gatherElements,
	"GatherND":        gatherND,
	"ScatterElements": scatterElements,
	"ScatterND":       scatterND,
	"OneHot":          oneHot,
	"Compress":        compress,
	"DepthToSpace":    depthToSpace,
	"SpaceToDepth":    spaceToDepth,
	"Resize":          resize,
}

func unary(f func(*tensor.Tensor) *tensor.Tensor) func(n *node) []*tensor.Tensor {
	return func(n *node) []*tensor.Tensor { return one(f(n.x(0))) }
}

func pairwise(f func(a, b *tensor.Tensor) *tensor.Tensor) func(n *node) []*tensor.Tensor {
	return func(n *node) []*tensor.Tensor {
		x := n.together(n.x(0), n.x(1))
		return one(f(x[0], x[1]))
	}
}

// fold combines any number of inputs from the left.
func fold(f func(a, b *tensor.Tensor) *tensor.Tensor) func(n *node) []*tensor.Tensor {
	return func(n *node) []*tensor.Tensor {
		x := n.together(n.xs(0)...)
		y := x[0]
		for _, b := range x[1:] {
			y = f(y, b)
		}
		return one(y)
	}
}

// float is a mask as numbers of like's dtype.
func float(mask, like *tensor.Tensor) *tensor.Tensor { return mask.Cast(like.DType) }

// above is 1 where x > 0, else 0.
func above(x *tensor.Tensor) *tensor.Tensor { return float(x.Positive(), x) }

// nearestInt goes through whole numbers: to nearest, halves to even.
func nearestInt(x *tensor.Tensor) *tensor.Tensor { return x.Cast(tensor.I32).Cast(x.DType) }

func floor(x *tensor.Tensor) *tensor.Tensor {
	r := nearestInt(x)
	return r.Sub(above(r.Sub(x)))
}

// erf is its series below 1.5 and Abramowitz and Stegun's 7.1.26 beyond.
func erf(x *tensor.Tensor) *tensor.Tensor {
	a := absolute(x)
	square := x.Mul(x)
	series, term := a, a
	for k := 1; k < 16; k++ {
		term = term.Mul(square).Scale(-1 / float64(k))
		series = series.Add(term.Scale(1 / float64(2*k+1)))
	}
	series = series.Scale(2 / math.Sqrt(math.Pi))
	t := reciprocal(a.Scale(0.3275911).Shift(1))
	poly := t.Scale(1.061405429)
	for _, c := range []float64{-1.453152027, 1.421413741, -0.284496736, 0.254829592} {
		poly = poly.Shift(c).Mul(t)
	}
	far := poly.Mul(negate(square).Exp()).Scale(-1).Shift(1)
	y := far.Select(a.Shift(-1.5).Positive(), series)
	return y.Select(x.Positive(), negate(y))
}

func isInf(n *node) []*tensor.Tensor {
	x := n.x(0)
	huge := x.Fill(1).Sub(float(x.Finite(), x)).Mul(float(x.Equal(x), x)) // not finite, but no NaN
	sides := x.Fill(0)
	if n.int("detect_positive", 1) != 0 {
		sides = sides.Add(above(x))
	}
	if n.int("detect_negative", 1) != 0 {
		sides = sides.Add(above(negate(x)))
	}
	return one(huge.Mul(sides))
}

// elu is x above 0, else alpha·(e^x - 1).
func elu(x *tensor.Tensor, alpha float64) *tensor.Tensor {
	return x.Select(x.Positive(), x.Exp().Shift(-1).Scale(alpha))
}

func selu(n *node) []*tensor.Tensor {
	return one(elu(n.x(0), n.float("alpha", 1.67326319217681884765625)).Scale(n.float("gamma", 1.05070102214813232421875)))
}

func celu(n *node) []*tensor.Tensor {
	x, alpha := n.x(0), n.float("alpha", 1)
	return one(x.Select(x.Positive(), x.Scale(1/alpha).Exp().Shift(-1).Scale(alpha)))
}

func leakyRelu(n *node) []*tensor.Tensor {
	x := n.x(0)
	return one(x.Select(x.Positive(), x.Scale(n.float("alpha", 0.01))))
}

func prelu(n *node) []*tensor.Tensor {
	x := n.x(0)
	return one(x.Select(x.Positive(), x.Mul(n.broadcast(n.x(1), x.Shape))))
}

// between is x held in [lo, hi]; infinities leave a side open.
func between(x *tensor.Tensor, lo, hi float64) *tensor.Tensor {
	if !math.IsInf(lo, -1) {
		x = x.AtLeast(lo)
	}
	if !math.IsInf(hi, 1) {
		x = negate(negate(x).AtLeast(-hi))
	}
	return x
}

func hardSigmoid(n *node) []*tensor.Tensor {
	return one(between(n.x(0).Scale(n.float("alpha", 0.2)).Shift(n.float("beta", 0.5)), 0, 1))
}

func hardSwish(n *node) []*tensor.Tensor {
	x := n.x(0)
	return one(x.Mul(between(x.Scale(1.0/6).Shift(0.5), 0, 1)))
}

// shrink moves what is outside [-lambd, lambd] towards 0 by bias and clears the rest.
func shrink(n *node) []*tensor.Tensor {
	x, lambd, bias := n.x(0), n.float("lambd", 0.5), n.float("bias", 0)
	hi, lo := above(x.Shift(-lambd)), above(negate(x).Shift(-lambd))
	return one(x.Shift(-bias).Mul(hi).Add(x.Shift(bias).Mul(lo)))
}

func clip(n *node) []*tensor.Tensor {
	lo, hi := math.Inf(-1), math.Inf(1)
	if n.given(1) {
		lo = n.in[1].data[0]
	}
	if n.given(2) {
		hi = n.in[2].data[0]
	}
	return one(between(n.x(0), lo, hi))
}

func cast(n *node) []*tensor.Tensor {
	if n.int("to", 0) == onnxBF16 {
		// The cast itself: on the exact backend floats have no other dtype, so round beforehand.
		v := *n.in[0]
		return one(n.constant(toBF16(v.data), v.shape...).Cast(tensor.BF16))
	}
	return one(n.x(0))
}

// toBF16 cuts float32 to its upper half, to nearest even.
func toBF16(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		u := math.Float32bits(float32(v))
		out[i] = float64(math.Float32frombits((u + 0x7fff + u>>16&1) &^ 0xffff))
	}
	return out
}

// pow is exp(y·log x); whole results are rounded where the base is whole, as the cast back is.
func pow(n *node) []*tensor.Tensor {
	x := n.together(n.x(0), n.x(1))
	y := x[0].Log().Mul(x[1]).Exp()
	if n.in[0].whole {
		y = nearestInt(y)
	}
	return one(y)
}

// reduce takes axes from input 1 or, in older operator sets, from the attribute.
func reduce(f func(x *tensor.Tensor, axes []int, keep bool) *tensor.Tensor) func(n *node) []*tensor.Tensor {
	return func(n *node) []*tensor.Tensor {
		x, axes := n.x(0), n.list(1, "axes")
		if len(axes) == 0 {
			if n.int("noop_with_empty_axes", 0) != 0 {
				return one(x)
			}
			axes = all(x)
		}
		return one(f(x, axes, n.int("keepdims", 1) != 0))
	}
}

func extreme(x *tensor.Tensor, axes []int, keep bool) *tensor.Tensor {
	return reshape(highest(x, axes), kept(x.Shape, axes, keep)...)
}

func product(x *tensor.Tensor, axes []int, keep bool) *tensor.Tensor {
	flat, _ := front(x, axes...)
	p := row(flat, 0)
	for i := 1; i < flat.Shape[0]; i++ {
		p = p.Mul(row(flat, i))
	}
	return reshape(p, kept(x.Shape, axes, keep)...)
}

// rows puts an axis last: [rest, k]. back undoes it for results with another size there.
func rows(x *tensor.Tensor, axis int) (flat *tensor.Tensor, back func(y *tensor.Tensor, k int) *tensor.Tensor) {
	f, undo := front(x, axis)
	return permute(f, 1, 0), func(y *tensor.Tensor, k int) *tensor.Tensor { return undo(permute(y, 1, 0), k) }
}

// argMax uses kith's ArgMax on rows; the last of equals is the first of the mirrored row.
func argMax(n *node) []*tensor.Tensor {
	axis := n.int("axis", 0)
	x := n.x(0)
	if n.op == "ArgMin" {
		x = negate(x)
	}
	k := x.Shape[axisOf(axis, len(x.Shape))]
	last := n.int("select_last_index", 0) != 0
	if last {
		x = n.choose(x, axis, span(k-1, -1, k))
	}
	flat, _ := rows(x, axis)
	index := apply(tensor.ArgMax{}, flat).Cast(x.DType)
	if last {
		index = index.Scale(-1).Shift(float64(k - 1))
	}
	return one(reshape(index, kept(x.Shape, []int{axis}, n.int("keepdims", 1) != 0)...))
}

// none is k ids of -1: nothing is excluded from a search.
func (b board) none(k int) *tensor.Tensor { return b.ints(slices.Repeat([]int32{-1}, k), k) }

func (b board) identity(k int) *tensor.Tensor {
	m := make([]float64, k*k)
	for i := range k {
		m[i*k+i] = 1
	}
	return b.constant(m, k, k)
}

// topK is the support-set search over unit vectors: the score of row j is element j of the query.
func topK(n *node) []*tensor.Tensor {
	axis := n.int("axis", -1)
	x := n.x(0)
	sign := 1.0
	if n.int("largest", 1) == 0 {
		sign = -1
	}
	flat, back := rows(x.Scale(sign), axis)
	k, size := int(n.in[1].data[0]), flat.Shape[1]
	out := tensor.Apply(tensor.NearestRow{K: k}, flat, n.identity(size), n.none(flat.Shape[0]), n.none(size))
	return []*tensor.Tensor{back(out[1].Scale(sign), k), back(out[0].Cast(x.DType), k)}
}

// hardmax is 1 at the first maximum of each row.
func hardmax(n *node) []*tensor.Tensor {
	x := n.x(0)
	flat, back := rows(x, n.int("axis", -1))
	k := flat.Shape[1]
	return one(back(apply(tensor.Gather{}, n.identity(k), apply(tensor.ArgMax{}, flat)), k))
}
