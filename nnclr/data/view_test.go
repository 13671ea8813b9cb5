package data

import (
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"testing"

	"kith/internal/testflag"
	"kith/tensor/rng"
)

// hash is the integer hash of spec/nnclr.md, appendix A.
func hash32(k, n uint32) uint32 {
	h := n*0x9E3779B1 + k*0x85EBCA77
	h ^= h >> 16
	h *= 0x7FEB352D
	h ^= h >> 15
	h *= 0x846CA68B
	return h ^ h>>16
}

// square is the 8×8 test picture of spec/nnclr.md 8.4.
func square(t *testing.T) *Picture {
	p := new(Picture)
	p.Resize(8, 8)
	for n := range p.Pix {
		p.Pix[n] = byte(hash32(7, uint32(n)) >> 24)
	}
	if got := crc32.ChecksumIEEE(p.Pix); got != 0xa9a87523 {
		t.Fatalf("test picture has CRC-32 %08x", got)
	}
	return p
}

// TestOperatorValues holds values of torchvision that need no file.
func TestOperatorValues(t *testing.T) {
	p := square(t)
	for _, c := range []struct {
		name string
		do   func(px []float32)
		p00  [3]float64
		p35  [3]float64
		mean float64
	}{
		{"brightness 1.3", func(px []float32) { brighten(px, 1.3) }, [3]float64{.091764706, .642352941, 1}, [3]float64{.912549020, .560784314, .922745098}, .610191993},
		{"contrast .6", func(px []float32) { contrast(px, .6) }, [3]float64{.234849534, .488967181, .768967181}, [3]float64{.613673064, .451320123, .618378946}, .491075025},
		{"contrast 1.5", func(px []float32) { contrast(px, 1.5) }, [3]float64{0, .500555729, 1}, [3]float64{.812320435, .406438082, .824085141}, .502693129},
		{"saturation 1.4", func(px []float32) { saturate(px, 1.4) }, [3]float64{0, .523494588, 1}, [3]float64{.765165333, .386341804, .776145725}, .499914765},
		{"saturation .2", func(px []float32) { saturate(px, .2) }, [3]float64{.350657882, .435363765, .528697098}, [3]float64{.575551686, .521434039, .577120314}, .484519330},
		{"hue +.07", func(px []float32) { shiftHue(px, .07) }, [3]float64{.070588235, .120235294, .960784314}, [3]float64{.709803922, .431372549, .600705882}, .488511029},
		{"hue -.2", func(px []float32) { shiftHue(px, -.2) }, [3]float64{.070588235, .960784314, .359215686}, [3]float64{.431372549, .494901961, .709803922}, .498766340},
		{"grayscale", gray, [3]float64{.420675294, .420675294, .420675294}, [3]float64{.543949412, .543949412, .543949412}, .481241483},
		{"solarize", solarize, [3]float64{.070588235, .494117647, .039215686}, [3]float64{.298039216, .431372549, .290196078}, .255453431},
		{"four in order", func(px []float32) { contrast(px, .7); shiftHue(px, -.05); brighten(px, 1.2); saturate(px, .9) },
			[3]float64{.275114768, .797199474, .948103004}, [3]float64{.684373847, .542957376, .753451494}, .598311598},
		{"blur .8, five taps", blurFive, [3]float64{.364900262, .454557893, .603372222}, [3]float64{.583113060, .361850506, .579850857}, .496544623},
	} {
		px := make([]float32, len(p.Pix))
		for i, b := range p.Pix {
			px[i] = unit[b]
		}
		c.do(px)
		sum := 0.0
		for _, x := range px {
			sum += float64(x)
		}
		for ch := range 3 {
			near(t, fmt.Sprintf("%s (0,0)[%d]", c.name, ch), float64(px[ch]), c.p00[ch])
			near(t, fmt.Sprintf("%s (3,5)[%d]", c.name, ch), float64(px[3*(3*8+5)+ch]), c.p35[ch])
		}
		near(t, c.name+" mean", sum/float64(len(px)), c.mean)
	}
}

func near(t *testing.T, name string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-6 {
		t.Errorf("%s: %.9f, want %.9f", name, got, want)
	}
}

// blurFive forces the radius of the golden, which a view of 8 pixels would not have.
func blurFive(px []float32) {
	var b blurrer
	img := &Image{px, 8, 8}
	b.w = gaussian(nil, 2, .8)
	b.passes(img, 2)
}

// TestResizeValues of spec/nnclr.md 8.4, red channel.
func TestResizeValues(t *testing.T) {
	p := square(t)
	red := func(f Filter, x, y, w, h, size, rows int) (out []byte) {
		dst := new(Picture)
		dst.Resize(size, size)
		new(resizer).resize(p, f, whole(x, y, w, h, size), dst)
		for i := range rows * size {
			out = append(out, dst.Pix[3*i])
		}
		return out
	}
	for _, c := range []struct{ got, want []byte }{
		{red(Bicubic, 2, 1, 6, 5, 4, 4), []byte{113, 93, 197, 127, 151, 198, 188, 90, 68, 88, 117, 155, 141, 80, 85, 100}},
		{red(Bilinear, 2, 1, 6, 5, 4, 4), []byte{116, 108, 185, 129, 145, 182, 179, 102, 77, 94, 120, 147, 136, 87, 89, 102}},
		{red(Bicubic, 1, 2, 4, 3, 8, 1), []byte{77, 104, 159, 162, 107, 105, 155, 178}},
		{red(Bilinear, 1, 2, 4, 3, 8, 1), []byte{81, 103, 146, 152, 121, 123, 158, 176}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
}

// chi2 is Pearson's statistic of counts against equal expectations, as a normal deviate by the
// Wilson-Hilferty approximation.
func chi2(counts []int, expect func(i int) float64) float64 {
	x, k := 0.0, -1.0
	for i, n := range counts {
		if e := expect(i); e > 0 {
			x += (float64(n) - e) * (float64(n) - e) / e
			k++
		} else if n > 0 {
			return math.Inf(1)
		}
	}
	return (math.Cbrt(x/k) - (1 - 2/(9*k))) / math.Sqrt(2/(9*k))
}

// unlikely is the deviate of p = 1e-4, one-sided.
const unlikely = 3.72

// TestDistributions: 100,000 draws of each parameter against its law.
func TestDistributions(t *testing.T) {
	const n, W, H = 100_000, 4000, 3000
	views, err := Preset("byol", 32)
	if err != nil {
		t.Fatal(err)
	}
	v := views[1]
	v.Jitter = Jitter{.8, .4, .6, .2, .1}
	bins := func(name string, counts []int) {
		t.Helper()
		total := 0
		for _, c := range counts {
			total += c
		}
		if z := chi2(counts, func(int) float64 { return float64(total) / float64(len(counts)) }); z > unlikely {
			t.Errorf("%s: counts %v deviate by %.1f", name, counts, z)
		}
	}
	bin := func(x float64, k int) int { return min(int(x*float64(k)), k-1) }
	// A wide admissible area keeps the ten attempts from distorting the laws.
	law := v
	law.Crop.Area = [2]float64{.08, .5}
	// An odd number of bins: equal sides, which rounding favors, lie in the middle of one.
	area, ratio := make([]int, 20), make([]int, 21)
	left, top := make([]int, 10), make([]int, 10)
	factor := [5][]int{1: make([]int, 20), 2: make([]int, 20), 3: make([]int, 20), 4: make([]int, 20)}
	sigma, order := make([]int, 20), map[[4]Op]int{}
	coins := map[string]int{}
	key := rng.New(testflag.Seed(t))
	for i := range n {
		d := law.Draw(key.At(uint64(i)), W, H)
		a := float64(d.Box[2]*d.Box[3]) / (W * H)
		r := float64(d.Box[2]) / float64(d.Box[3])
		area[bin((a-.08)/.42, 20)]++
		ratio[bin((math.Log(r)-math.Log(.75))/(2*math.Log(4./3)), 21)]++
		left[bin(float64(d.Box[0])/float64(W-d.Box[2]+1), 10)]++
		top[bin(float64(d.Box[1])/float64(H-d.Box[3]+1), 10)]++
		count := func(name string, b bool) {
			if b {
				coins[name]++
			}
		}
		count("flip", d.Flip)
		count("gray", d.Gray)
		count("solarize", d.Solarize)
		count("blur", d.Sigma > 0)
		count("jitter", d.Ops[0] != None)
		if d.Sigma > 0 {
			sigma[bin((float64(d.Sigma)-.1)/1.9, 20)]++
		}
		if d.Ops[0] != None {
			order[d.Ops]++
		}
		lo := [5]float64{0, .6, .4, .8, -.1}
		width := [5]float64{0, .8, 1.2, .4, .2}
		for j, op := range d.Ops {
			if op != None {
				factor[op][bin((float64(d.Factor[j])-lo[op])/width[op], 20)]++
			}
		}
	}
	// Rounding to whole pixels shifts a little mass at the ends of these two: inner bins only.
	bins("area", area[1:19])
	bins("ratio", ratio[1:20])
	bins("left", left)
	bins("top", top)
	bins("sigma", sigma)
	for op := Brightness; op <= Hue; op++ {
		bins(fmt.Sprintf("factor of operation %d", op), factor[op])
	}
	var orders []int
	for _, c := range order {
		orders = append(orders, c)
	}
	if len(orders) != 24 {
		t.Errorf("%d orders of the jitter, want 24", len(orders))
	}
	bins("order", orders)
	for name, p := range map[string]float64{"flip": .5, "gray": .2, "solarize": .2, "blur": .1, "jitter": .8} {
		z := (float64(coins[name]) - p*n) / math.Sqrt(n*p*(1-p))
		if math.Abs(z) > 4 {
			t.Errorf("%s: %d of %d, want a share of %g: %.1f standard errors off", name, coins[name], n, p, z)
		}
	}
}

// TestKeysDrawDistinctly over epochs, images and views, and the same for equal keys.
func TestKeysDrawDistinctly(t *testing.T) {
	views, _ := Preset("simclr", 32)
	seen := map[Draw][3]int{}
	key := rng.New(5).Fold("augment")
	for e := range 5 {
		for i := range 400 {
			for v := range 2 {
				k := key.At(uint64(e)).At(uint64(i)).At(uint64(v))
				d := views[v].Draw(k, 500, 400)
				if old, ok := seen[d]; ok {
					t.Fatalf("epoch, image, view %v draw the same as %v", [3]int{e, i, v}, old)
				}
				seen[d] = [3]int{e, i, v}
				if views[v].Draw(k, 500, 400) != d {
					t.Fatal("the same key draws twice differently")
				}
			}
		}
	}
}

// TestSwitchingOffMovesNothing: without one operation, all other draws stay.
func TestSwitchingOffMovesNothing(t *testing.T) {
	views, _ := Preset("byol", 32)
	full := views[1]
	for name, off := range map[string]func(v *View, d *Draw){
		"flip":     func(v *View, d *Draw) { v.Flip, d.Flip = 0, false },
		"jitter":   func(v *View, d *Draw) { v.Jitter.P, d.Ops, d.Factor = 0, [4]Op{}, [4]float32{} },
		"gray":     func(v *View, d *Draw) { v.Gray, d.Gray = 0, false },
		"blur":     func(v *View, d *Draw) { v.Blur.P, d.Sigma = 0, 0 },
		"solarize": func(v *View, d *Draw) { v.Solarize, d.Solarize = 0, false },
		"hue": func(v *View, d *Draw) {
			v.Jitter.Hue = 0
			ops, factors, n := d.Ops, d.Factor, 0
			d.Ops, d.Factor = [4]Op{}, [4]float32{}
			for i, op := range ops {
				if op != Hue && op != None {
					d.Ops[n], d.Factor[n] = op, factors[i]
					n++
				}
			}
		},
	} {
		for i := range 200 {
			k := rng.New(3).At(uint64(i))
			want := full.Draw(k, 300, 200)
			v := full
			off(&v, &want)
			if got := v.Draw(k, 300, 200); got != want {
				t.Fatalf("without %s, draw %d is %+v, want %+v", name, i, got, want)
			}
		}
	}
}

// TestCropFallback: pictures of extreme shape take the central crop of an admissible ratio.
func TestCropFallback(t *testing.T) {
	v := View{Size: 32, Crop: Crop{Area: [2]float64{.08, 1}}}
	for _, c := range []struct{ w, h, bw, bh int }{
		{1, 5000, 1, 1}, {5000, 1, 1, 1}, {10, 1000, 10, 13}, {1000, 10, 13, 10}, {1, 1, 1, 1},
	} {
		for i := range 50 {
			d := v.Draw(rng.New(1).At(uint64(i)), c.w, c.h)
			x, y, w, h := d.Box[0], d.Box[1], d.Box[2], d.Box[3]
			if x < 0 || y < 0 || w < 1 || h < 1 || x+w > c.w || y+h > c.h {
				t.Fatalf("%d×%d: crop %v leaves the picture", c.w, c.h, d.Box)
			}
			if i == 0 && c.w*c.h > 1 && (x != (c.w-w)/2 || y != (c.h-h)/2) && w == c.bw && h == c.bh {
				t.Errorf("%d×%d: fallback %v is not central", c.w, c.h, d.Box)
			}
		}
	}
	c := Crop{Area: [2]float64{1, 1}, Ratio: [2]float64{1, 1}}
	for _, s := range []struct{ w, h, side int }{{30, 100, 30}, {100, 30, 30}} {
		var d Draw
		c.random(&d, rng.New(1).Stream(), s.w, s.h) // a square of the whole area never fits
		want := [4]int{(s.w - s.side) / 2, (s.h - s.side) / 2, s.side, s.side}
		if d.Box != want {
			t.Errorf("%d×%d: fallback %v, want %v", s.w, s.h, d.Box, want)
		}
	}
}

// TestEvaluationTransforms: sizes and offsets of spec/data.md 7.
func TestEvaluationTransforms(t *testing.T) {
	for _, c := range []struct {
		law         Law
		size, w, h  int
		out, corner [2]int
	}{
		{Shorter, 224, 500, 375, [2]int{341, 256}, [2]int{58, 16}}, // (341-224)/2 = 58.5 → 58
		{Shorter, 224, 375, 500, [2]int{256, 341}, [2]int{16, 58}},
		{Shorter, 224, 224, 224, [2]int{224, 224}, [2]int{0, 0}},
		{Shorter, 32, 32, 32, [2]int{32, 32}, [2]int{0, 0}},
		{Shorter, 32, 64, 64, [2]int{37, 37}, [2]int{2, 2}}, // 2.5 → 2
		{Shorter, 96, 300, 100, [2]int{330, 110}, [2]int{117, 7}},
		{Exact, 224, 500, 400, [2]int{280, 224}, [2]int{28, 0}},
		{Middle, 32, 48, 48, [2]int{48, 48}, [2]int{8, 8}},
		{Middle, 32, 20, 20, [2]int{20, 20}, [2]int{-6, -6}},
	} {
		v := View{Size: c.size, Crop: Crop{Law: c.law}}
		d := v.Draw(rng.New(1), c.w, c.h)
		want := Draw{Box: [4]int{0, 0, c.w, c.h}, Out: c.out, Corner: c.corner}
		if d != want {
			t.Errorf("law %d, %d×%d to %d: %+v, want %+v", c.law, c.w, c.h, c.size, d, want)
		}
		// The window must be the same pixels as resizing all and cutting.
		p := noisePicture(c.w, c.h, 3)
		out := make([]float32, v.len())
		new(Augmenter).Apply(out, p, &v, &d, rng.New(0))
		all := Scale(p, Bicubic, c.out[0], c.out[1])
		for y := range c.size {
			for x := range c.size {
				sx, sy, want := x+c.corner[0], y+c.corner[1], float32(0)
				if sx >= 0 && sy >= 0 && sx < all.W && sy < all.H {
					want = unit[all.Pix[3*(sy*all.W+sx)+1]]
				}
				if got := out[3*(y*c.size+x)+1]; got != want {
					t.Fatalf("law %d, %d×%d: pixel (%d,%d) is %g, want %g", c.law, c.w, c.h, x, y, got, want)
				}
			}
		}
	}
}

// TestPresets: every preset makes views; the table's numbers are spot-checked.
func TestPresets(t *testing.T) {
	p := noisePicture(60, 50, 4)
	for _, name := range append(Presets(), "asymmetric") {
		views, err := Preset(name, 24)
		if err != nil || len(views) != 2 {
			t.Fatalf("%s: %d views, %v", name, len(views), err)
		}
		var a Augmenter
		for i := range views {
			if err := views[i].check(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			out := make([]float32, views[i].len())
			for k := range 50 {
				a.Make(out, p, &views[i], rng.New(1).At(uint64(k)))
				for _, x := range out {
					if math.IsNaN(float64(x)) || x < -2.2 || x > 2.7 {
						t.Fatalf("%s: value %g", name, x)
					}
				}
			}
		}
	}
	simclr, _ := Preset("simclr-half", 32)
	if want := (Jitter{.8, .4, .4, .4, .1}); simclr[0].Jitter != want {
		t.Errorf("simclr at half strength: %+v, want %+v", simclr[0].Jitter, want)
	}
	byol, _ := Preset("byol", 32)
	if byol[0].Blur.P != 1 || byol[1].Blur.P != .1 || byol[0].Solarize != 0 || byol[1].Solarize != .2 {
		t.Errorf("byol is not asymmetric: %+v", byol)
	}
	if _, err := Preset("nonsense", 32); err == nil {
		t.Error("an unknown preset has views")
	}
	views, err := MultiCrop("swav", "byol", "2x224+6x96")
	if err != nil || len(views) != 8 || views[1].Size != 224 || views[2].Size != 96 ||
		views[0].Crop.Area != [2]float64{.14, 1} || views[7].Crop.Area != [2]float64{.05, .14} {
		t.Errorf("multi-crop: %+v, %v", views, err)
	}
	for _, layout := range []string{"", "2", "2x", "x3", "0x32", "2x32+1x16+1x8", "2x-4"} {
		if _, err := MultiCrop("swav", "byol", layout); err == nil {
			t.Errorf("views %q parsed", layout)
		}
	}
}

// TestTransform: the user's own operation gets the view in 0..1 and a key of its own.
func TestTransform(t *testing.T) {
	p := noisePicture(40, 40, 5)
	v := View{Size: 16, Crop: Crop{Law: Shorter}, Norm: CIFAR10}
	var keys []rng.Key
	v.Extra = []Transform{func(img *Image, k rng.Key) {
		keys = append(keys, k)
		for i, x := range img.Pix {
			if x < 0 || x > 1 {
				t.Errorf("value %g before normalization", x)
			}
			img.Pix[i] = 0
		}
	}}
	out := make([]float32, v.len())
	new(Augmenter).Make(out, p, &v, rng.New(1))
	new(Augmenter).Make(out, p, &v, rng.New(2))
	if want := -CIFAR10.Mean[1] / CIFAR10.Std[1]; math.Abs(float64(out[1]-want)) > 1e-6 {
		t.Errorf("zero normalizes to %g, want %g", out[1], want)
	}
	if len(keys) != 2 || keys[0] == keys[1] {
		t.Errorf("keys %v", keys)
	}
}
