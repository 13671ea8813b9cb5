package data

import (
	"fmt"
	"math"

	"kith/tensor/rng"
)

// An Image is a view in the making: [h, w, 3], values in 0..1.
type Image struct {
	Pix  []float32
	W, H int
}

// A Transform changes a view in place; what is random in it follows from the key alone.
type Transform func(img *Image, k rng.Key)

// A View says how one view of an image is made. The operations run in the order of the fields; an
// operation with probability 0 (or ranges of zero width) is off.
type View struct {
	Size     int // height and width in pixels
	Crop     Crop
	Flip     float64 // probability of mirroring the columns
	Jitter   Jitter
	Gray     float64 // probability of losing color
	Blur     Blur
	Solarize float64     // probability of 1-x where x ≥ 1/2
	Extra    []Transform // the user's own
	Norm     Norm
}

// A Law is a way to choose the part of a picture that a view shows.
type Law uint8

// The laws. All but Random are evaluation transforms and draw nothing.
const (
	Random Law = iota // area and ratio at random, resized to Size×Size
	// Shorter resizes the shorter side to Size/0.875 (224 → 256) and cuts the central square. A
	// picture that is Size×Size already is used as it is.
	Shorter
	Exact  // the shorter side becomes Size, then the central square: transfer
	Middle // the central Size×Size at the picture's own scale: builtin:patches
)

// A Crop is the law of crop-resize.
type Crop struct {
	Law    Law
	Area   [2]float64 // Random: share of the picture's area, uniform
	Ratio  [2]float64 // Random: width/height, log-uniform; zero: 3/4 to 4/3
	Filter Filter
}

// A Jitter changes colors, with probability P for all four operations together, in random order.
// Factors are uniform on [max(0, 1-x), 1+x], the shift of hue on [-Hue, Hue].
type Jitter struct {
	P, Brightness, Contrast, Saturation, Hue float64
}

// A Blur is a Gaussian whose deviation is uniform on [Min, Max] pixels, with probability P.
type Blur struct{ P, Min, Max float64 }

// A Norm maps 0..1 to (x - Mean)/Std per channel. A zero Std means no normalization.
type Norm struct{ Mean, Std [3]float32 }

// Statistics of training images, for normalization.
var (
	ImageNet     = Norm{[3]float32{.485, .456, .406}, [3]float32{.229, .224, .225}}
	CIFAR10      = Norm{[3]float32{.4914, .4822, .4465}, [3]float32{.2470, .2435, .2616}}
	CIFAR100     = Norm{[3]float32{.5071, .4865, .4409}, [3]float32{.2673, .2564, .2762}}
	CIFAR10JPEG  = Norm{[3]float32{.4913, .4821, .4465}, [3]float32{.2452, .2428, .2606}}
	FashionMNIST = Norm{[3]float32{.2860, .2860, .2860}, [3]float32{.3530, .3530, .3530}}
)

// Op names one operation of the jitter.
type Op uint8

// The operations of the jitter. None ends the list of a draw.
const (
	None Op = iota
	Brightness
	Contrast
	Saturation
	Hue
)

// A Draw is everything that is random about one view of one image.
type Draw struct {
	Box      [4]int // left, top, width, height of the crop in the picture
	Out      [2]int // width, height to which the box is scaled
	Corner   [2]int // left, top of the view in the scaled box
	Filter   Filter
	Flip     bool
	Ops      [4]Op      // in the order in which they run
	Factor   [4]float32 // of each operation; for Hue the shift
	Gray     bool
	Sigma    float32 // deviation of the blur; 0: none
	Solarize bool
}

// Draw draws the parameters of view v for a picture of w×h pixels. Each parameter has a key of its
// own, so switching one operation off does not move the draws of the others.
func (v *View) Draw(k rng.Key, w, h int) Draw {
	d := Draw{Filter: v.Crop.Filter}
	v.Crop.draw(&d, k, v.Size, w, h)
	d.Flip = coin(k, "flip", v.Flip)
	v.Jitter.draw(&d, k)
	d.Gray = coin(k, "gray", v.Gray)
	if v.Blur.P > 0 {
		s := k.Fold("blur").Stream()
		if float64(s.Float32()) < v.Blur.P {
			d.Sigma = float32(between(s, v.Blur.Min, v.Blur.Max))
		}
	}
	d.Solarize = coin(k, "solarize", v.Solarize)
	return d
}

// coin is true with probability p, and reads no random word where it cannot matter.
func coin(k rng.Key, name string, p float64) bool {
	if p <= 0 {
		return false
	}
	return float64(rng.Float32(k.Fold(name).Block(0)[0])) < p
}

// between is uniform on [lo, hi).
func between(s *rng.Stream, lo, hi float64) float64 {
	return lo + float64((hi-lo)*float64(s.Float32()))
}

func (c *Crop) draw(d *Draw, k rng.Key, size, w, h int) {
	d.Out = [2]int{size, size}
	switch c.Law {
	case Random:
		c.random(d, k.Fold("crop").Stream(), w, h)
	case Middle:
		d.center(w, h, w, h, size)
	case Exact:
		d.shorter(w, h, size, size)
	case Shorter:
		if w == size && h == size {
			d.center(w, h, w, h, size)
			return
		}
		d.shorter(w, h, int(math.RoundToEven(float64(size)/0.875)), size)
	}
}

// random is torchvision's RandomResizedCrop: ten attempts, then the central crop of an admissible
// ratio.
func (c *Crop) random(d *Draw, s *rng.Stream, w, h int) {
	r0, r1 := c.Ratio[0], c.Ratio[1]
	if r0 == 0 {
		r0, r1 = 3./4, 4./3
	}
	l0, l1 := math.Log(r0), math.Log(r1)
	for range 10 {
		area := float64(w*h) * between(s, c.Area[0], c.Area[1])
		ratio := math.Exp(between(s, l0, l1))
		cw := int(math.RoundToEven(math.Sqrt(area * ratio)))
		ch := int(math.RoundToEven(math.Sqrt(area / ratio)))
		if 1 <= cw && cw <= w && 1 <= ch && ch <= h {
			top := s.IntN(h - ch + 1)
			d.Box = [4]int{s.IntN(w - cw + 1), top, cw, ch}
			return
		}
	}
	cw, ch := w, h
	switch ratio := float64(w) / float64(h); {
	case ratio < r0:
		ch = max(1, int(math.RoundToEven(float64(w)/r0)))
	case ratio > r1:
		cw = max(1, int(math.RoundToEven(float64(h)*r1)))
	}
	d.Box = [4]int{(w - cw) / 2, (h - ch) / 2, cw, ch}
}

// shorter scales the picture's shorter side to short and centers the view in it.
func (d *Draw) shorter(w, h, short, size int) {
	if w <= h {
		d.center(w, h, short, short*h/w, size)
		return
	}
	d.center(w, h, short*w/h, short, size)
}

// center takes the middle of the whole w×h picture scaled to outW×outH.
func (d *Draw) center(w, h, outW, outH, size int) {
	d.Box, d.Out = [4]int{0, 0, w, h}, [2]int{outW, outH}
	d.Corner = [2]int{middle(outW, size), middle(outH, size)}
}

// middle is where a span of n starts in the middle of m, halves to even.
func middle(m, n int) int { return int(math.RoundToEven(float64(m-n) / 2)) }

func (j *Jitter) draw(d *Draw, k rng.Key) {
	if j.P <= 0 {
		return
	}
	s := k.Fold("jitter").Stream()
	if float64(s.Float32()) >= j.P {
		return
	}
	width := [5]float64{0, j.Brightness, j.Contrast, j.Saturation, j.Hue}
	var factor [5]float32
	for op := Brightness; op <= Hue; op++ {
		lo, hi := max(0, 1-width[op]), 1+width[op]
		if op == Hue {
			lo, hi = -width[op], width[op]
		}
		factor[op] = float32(between(s, lo, hi))
	}
	// The order is drawn over all four, whichever are on: Stream.Perm without its slice.
	order := [4]Op{Brightness, Contrast, Saturation, Hue}
	s = k.Fold("order").Stream()
	for i := 3; i > 0; i-- {
		o := s.IntN(i + 1)
		order[i], order[o] = order[o], order[i]
	}
	n := 0
	for _, op := range order {
		if width[op] > 0 {
			d.Ops[n], d.Factor[n] = op, factor[op]
			n++
		}
	}
}

// check refuses a view that cannot be made.
func (v *View) check() error {
	switch {
	case v.Size < 1:
		return fmt.Errorf("view size %d", v.Size)
	case v.Crop.Law == Random && !(0 < v.Crop.Area[0] && v.Crop.Area[0] <= v.Crop.Area[1] && v.Crop.Area[1] <= 1):
		return fmt.Errorf("crop area %g to %g is not within 0 to 1", v.Crop.Area[0], v.Crop.Area[1])
	case v.Crop.Ratio[0] < 0 || v.Crop.Ratio[0] > v.Crop.Ratio[1]:
		return fmt.Errorf("crop ratio %g to %g", v.Crop.Ratio[0], v.Crop.Ratio[1])
	case v.Jitter.Hue > 0.5:
		return fmt.Errorf("hue jitter %g exceeds 0.5", v.Jitter.Hue)
	case v.Blur.P > 0 && !(0 < v.Blur.Min && v.Blur.Min <= v.Blur.Max):
		return fmt.Errorf("blur deviation %g to %g", v.Blur.Min, v.Blur.Max)
	}
	return nil
}

// DrawLen is the number of values of an encoded draw.
const DrawLen = 27

// Encode writes the draw and the normalization as the op Augment reads them; dst has DrawLen
// places:
//
//	 0..3   left, top, width, height of the box      4, 5   width, height to which it is scaled
//	 6, 7   left, top of the view in the scaled box  8      filter: 0 bicubic, 1 bilinear
//	 9      1: mirror the columns                   10..13  operations in order: 0 none,
//	14..17  their factors                                   1 brightness, 2 contrast, 3 saturation, 4 hue
//	18      1: gray   19  deviation of the blur, 0: none   20  1: solarize
//	21..23  mean      24..26  std (1 where there is no normalization)
func (d *Draw) Encode(dst []float32, n Norm) {
	_ = dst[DrawLen-1]
	for i, x := range [...]int{d.Box[0], d.Box[1], d.Box[2], d.Box[3], d.Out[0], d.Out[1], d.Corner[0], d.Corner[1], int(d.Filter)} {
		dst[i] = float32(x)
	}
	dst[9] = bit(d.Flip)
	for i, op := range d.Ops {
		dst[10+i], dst[14+i] = float32(op), d.Factor[i]
	}
	dst[18], dst[19], dst[20] = bit(d.Gray), d.Sigma, bit(d.Solarize)
	for c := range 3 {
		dst[21+c], dst[24+c] = n.Mean[c], n.Std[c]
		if n.Std[c] == 0 {
			dst[21+c], dst[24+c] = 0, 1
		}
	}
}

func bit(b bool) float32 {
	if b {
		return 1
	}
	return 0
}
