package nn

import (
	"fmt"
	"maps"
	"slices"

	"kith/tensor"
)

// A ResNet is torchvision's residual network of version 1.5 (the stride of a bottleneck sits on
// its 3×3 convolution) without the classifier: [n,h,w,3] → feature [n, Features].
// He et al. 2016; field names give torchvision's tensor names.
type ResNet struct {
	Conv1                          *Conv2D
	BN1                            *BatchNorm
	Layer1, Layer2, Layer3, Layer4 []Layer // residual blocks
	Features                       int

	pool bool // MaxPool after the stem
}

// A Stem is what comes before the residual blocks.
type Stem string

// The stems. Cifar is lightly's, SoloCifar the one of solo-learn's published CIFAR numbers.
const (
	ImageNet  Stem = "imagenet"   // 7×7 stride 2, MaxPool 3×3 stride 2
	Cifar     Stem = "cifar"      // 3×3 stride 1 pad 1
	SoloCifar Stem = "solo-cifar" // 3×3 stride 1 pad 2: maps of 34 for 32
	tinyStem  Stem = "tiny"       // 3×3 stride 2 pad 1, 16 channels
)

// design is what tells the networks of the family apart.
type design struct {
	blocks     []int // of each stage
	width      int   // channels of the first stage
	bottleneck int   // inner width of a bottleneck over the stage's; 0: basic blocks
}

var designs = map[string]design{
	"resnet-tiny":     {[]int{1, 1, 1}, 16, 0},
	"resnet18":        {[]int{2, 2, 2, 2}, 64, 0},
	"resnet34":        {[]int{3, 4, 6, 3}, 64, 0},
	"resnet50":        {[]int{3, 4, 6, 3}, 64, 1},
	"resnet101":       {[]int{3, 4, 23, 3}, 64, 1},
	"resnet152":       {[]int{3, 8, 36, 3}, 64, 1},
	"wide_resnet50_2": {[]int{3, 4, 6, 3}, 64, 2},
}

// ResNets are the names that NewResNet knows, sorted.
func ResNets() []string { return slices.Sorted(maps.Keys(designs)) }

// NewResNet makes the network called name. resnet-tiny has a stem of its own, whatever stem says.
// With zeroGamma the last scale of each block starts at 0, so that blocks start as identities.
func NewResNet(name string, stem Stem, zeroGamma bool) (*ResNet, error) {
	d, ok := designs[name]
	if !ok {
		return nil, fmt.Errorf("no model %q; there are %v", name, ResNets())
	}
	if name == "resnet-tiny" {
		stem = tinyStem
	}
	m := &ResNet{BN1: NewBatchNorm(d.width), pool: stem == ImageNet}
	switch stem {
	case ImageNet:
		m.Conv1 = NewConv2D(3, d.width, 7, 2, 3)
	case Cifar:
		m.Conv1 = NewConv2D(3, d.width, 3, 1, 1)
	case SoloCifar:
		m.Conv1 = NewConv2D(3, d.width, 3, 1, 2)
	case tinyStem:
		m.Conv1 = NewConv2D(3, d.width, 3, 2, 1)
	default:
		return nil, fmt.Errorf("no stem %q; there are %q, %q and %q", stem, ImageNet, Cifar, SoloCifar)
	}
	in, stages := d.width, []*[]Layer{&m.Layer1, &m.Layer2, &m.Layer3, &m.Layer4}
	for i, n := range d.blocks {
		for j := range n {
			stride := 1
			if i > 0 && j == 0 {
				stride = 2
			}
			var block Layer
			block, in = d.block(in, d.width<<i, stride, zeroGamma)
			*stages[i] = append(*stages[i], block)
		}
	}
	m.Features = in
	return m, nil
}

// block makes one residual block and tells its output channels.
func (d design) block(in, width, stride int, zeroGamma bool) (Layer, int) {
	if d.bottleneck > 0 {
		return newBottleneck(in, width*d.bottleneck, 4*width, stride, zeroGamma), 4 * width
	}
	return newBasicBlock(in, width, stride, zeroGamma), width
}

// Forward is the feature: the mean over the last map.
func (m *ResNet) Forward(c *Ctx, x *tensor.Tensor) *tensor.Tensor {
	x = m.BN1.Forward(c, m.Conv1.Forward(c, x.Cast(c.Compute))).ReLU()
	if m.pool {
		x = x.MaxPool(tensor.MaxPool{Size: 3, Stride: 2, Pad: 1})
	}
	for _, stage := range [][]Layer{m.Layer1, m.Layer2, m.Layer3, m.Layer4} {
		x = Sequential(stage).Forward(c, x)
	}
	return x.AvgPool() // [n, Features]
}

// BasicBlock is two 3×3 convolutions beside a shortcut.
type BasicBlock struct {
	Conv1      *Conv2D
	BN1        *BatchNorm
	Conv2      *Conv2D
	BN2        *BatchNorm
	Downsample Sequential // nil where the shortcut is the input itself
}

func newBasicBlock(in, out, stride int, zeroGamma bool) *BasicBlock {
	b := &BasicBlock{
		Conv1: NewConv2D(in, out, 3, stride, 1), BN1: NewBatchNorm(out),
		Conv2: NewConv2D(out, out, 3, 1, 1), BN2: NewBatchNorm(out),
		Downsample: shortcut(in, out, stride),
	}
	if zeroGamma {
		b.BN2.Weight.Init = Constant(0)
	}
	return b
}

// Forward adds the branches.
func (b *BasicBlock) Forward(c *Ctx, x *tensor.Tensor) *tensor.Tensor {
	y := b.BN1.Forward(c, b.Conv1.Forward(c, x)).ReLU()
	y = b.BN2.Forward(c, b.Conv2.Forward(c, y))
	return y.Add(b.Downsample.Forward(c, x)).ReLU()
}

// Bottleneck is a 3×3 convolution between two of 1×1, beside a shortcut.
type Bottleneck struct {
	Conv1      *Conv2D
	BN1        *BatchNorm
	Conv2      *Conv2D
	BN2        *BatchNorm
	Conv3      *Conv2D
	BN3        *BatchNorm
	Downsample Sequential // nil where the shortcut is the input itself
}

func newBottleneck(in, width, out, stride int, zeroGamma bool) *Bottleneck {
	b := &Bottleneck{
		Conv1: NewConv2D(in, width, 1, 1, 0), BN1: NewBatchNorm(width),
		Conv2: NewConv2D(width, width, 3, stride, 1), BN2: NewBatchNorm(width),
		Conv3: NewConv2D(width, out, 1, 1, 0), BN3: NewBatchNorm(out),
		Downsample: shortcut(in, out, stride),
	}
	if zeroGamma {
		b.BN3.Weight.Init = Constant(0)
	}
	return b
}

// Forward adds the branches.
func (b *Bottleneck) Forward(c *Ctx, x *tensor.Tensor) *tensor.Tensor {
	y := b.BN1.Forward(c, b.Conv1.Forward(c, x)).ReLU()
	y = b.BN2.Forward(c, b.Conv2.Forward(c, y)).ReLU()
	y = b.BN3.Forward(c, b.Conv3.Forward(c, y))
	return y.Add(b.Downsample.Forward(c, x)).ReLU()
}

// shortcut is empty, the identity, where shapes agree.
func shortcut(in, out, stride int) Sequential {
	if in == out && stride == 1 {
		return nil
	}
	return Sequential{NewConv2D(in, out, 1, stride, 0), NewBatchNorm(out)}
}
