package nn

import "kith/tensor"

// Conv2D is a convolution without bias: [n,h,w,in] → [n,p,q,out].
type Conv2D struct {
	Weight *Param // [out, size, size, in]
	conv   tensor.Conv2D
}

// NewConv2D makes a square filter bank, started for ReLU by its fan-out.
func NewConv2D(in, out, size, stride, pad int) *Conv2D {
	return &Conv2D{
		Weight: &Param{Spec: tensor.Of(tensor.F32, out, size, size, in), Init: Gaussian(heDeviation(size * size * out))},
		conv:   tensor.Conv2D{Stride: stride, Pad: pad},
	}
}

// Forward convolves.
func (l *Conv2D) Forward(c *Ctx, x *tensor.Tensor) *tensor.Tensor {
	return x.Conv2D(c.Use(l.Weight), l.conv)
}
