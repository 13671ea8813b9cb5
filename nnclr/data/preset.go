package data

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// colors are the color operations of one view.
type colors struct {
	jitter   Jitter
	gray     float64
	blur     float64 // probability; σ is uniform on 0.1..2
	solarize float64
}

// A preset is a pair of views: crop law and what view 1 and view 2 do to colors.
type preset struct {
	area   [2]float64
	filter Filter
	first  colors
	second colors
	norm   Norm
}

var (
	simclr = colors{jitter: Jitter{.8, .8, .8, .8, .2}, gray: .2, blur: .5}
	byol1  = colors{jitter: Jitter{.8, .4, .4, .2, .1}, gray: .2, blur: 1}
	byol2  = colors{jitter: Jitter{.8, .4, .4, .2, .1}, gray: .2, blur: .1, solarize: .2}
	moco   = colors{jitter: Jitter{.8, .4, .4, .4, .1}, gray: .2, blur: .5}
	demo   = colors{jitter: Jitter{.8, .4, .4, .4, 0}, gray: .2}
)

// half is SimCLR's strength 1/2.
func (c colors) half() colors {
	c.jitter = c.jitter.Times(.5)
	return c
}

// blurred sets the probability of the blur.
func (c colors) blurred(p float64) colors {
	c.blur = p
	return c
}

// Times scales the four ranges by SimCLR's strength s.
func (j Jitter) Times(s float64) Jitter {
	return Jitter{j.P, s * j.Brightness, s * j.Contrast, s * j.Saturation, s * j.Hue}
}

// presets of spec/nnclr.md 8.2. The solo and lightly rows are the forms of the published recipes.
var presets = map[string]preset{
	"simclr":              {wide, Bicubic, simclr, simclr, ImageNet},
	"simclr-half":         {wide, Bicubic, simclr.half(), simclr.half(), ImageNet},
	"byol":                {wide, Bicubic, byol1, byol2, ImageNet},
	"moco":                {[2]float64{.2, 1}, Bicubic, moco, moco, ImageNet},
	"crop-only":           {wide, Bicubic, colors{}, colors{}, ImageNet},
	"demo":                {[2]float64{.15, 1}, Bicubic, demo, demo, ImageNet},
	"solo-cifar":          {wide, Bicubic, byol1.blurred(0), byol2.blurred(0), CIFAR10},
	"solo-cifar-simclr":   {wide, Bicubic, simclr, simclr, CIFAR10},
	"lightly-cifar":       {wide, Bilinear, simclr.half().blurred(0), simclr.half().blurred(0), ImageNet},
	"lightly-imagenette":  {wide, Bilinear, simclr.half(), simclr.half(), ImageNet},
	"lightly-imagenet100": {wide, Bilinear, simclr, simclr, ImageNet},
}

var wide = [2]float64{.08, 1}

// Presets lists the names that Preset knows.
func Presets() []string { return slices.Sorted(maps.Keys(presets)) }

// Preset returns the two views of a named augmentation, size×size pixels: simclr, byol (also
// called asymmetric), moco, crop-only, demo and the forms of published recipes.
func Preset(name string, size int) ([]View, error) {
	p, err := lookup(name)
	if err != nil {
		return nil, err
	}
	return []View{p.view(p.first, size, p.area), p.view(p.second, size, p.area)}, nil
}

func lookup(name string) (preset, error) {
	if name == "asymmetric" {
		name = "byol"
	}
	p, ok := presets[name]
	if !ok {
		return p, fmt.Errorf("no augmentation %q; there are %s", name, strings.Join(Presets(), ", "))
	}
	return p, nil
}

func (p *preset) view(c colors, size int, area [2]float64) View {
	return View{
		Size: size,
		Crop: Crop{Area: area, Filter: p.filter},
		Flip: .5, Jitter: c.jitter, Gray: c.gray,
		Blur: Blur{c.blur, .1, 2}, Solarize: c.solarize,
		Norm: p.norm,
	}
}

// crops are the area ranges of the multi-crop forms, global and local.
var crops = map[string][2][2]float64{
	"swav":       {{.14, 1}, {.05, .14}},
	"dino":       {{.25, 1}, {.05, .25}},
	"mimr":       {{.25, 1}, {.05, .25}},
	"solo-in100": {{.2, 1}, {.2, 1}},
}

// MultiCrop returns views of several sizes with the colors of a preset. layout is "2x224+6x96",
// global views first; form names the area ranges: swav, dino, mimr, solo-in100. Views after the
// second take the colors of views 1 and 2 in turn.
func MultiCrop(form, colors, layout string) ([]View, error) {
	p, err := lookup(colors)
	if err != nil {
		return nil, err
	}
	areas, ok := crops[form]
	if !ok {
		return nil, fmt.Errorf("no multi-crop form %q; there are %s", form,
			strings.Join(slices.Sorted(maps.Keys(crops)), ", "))
	}
	groups := strings.Split(layout, "+")
	if len(groups) > 2 {
		return nil, fmt.Errorf("views %q: expected global and local ones, as 2x224+6x96", layout)
	}
	var views []View
	// Global views come first: the loss tells them by their place.
	for g, text := range groups {
		count, size, err := parseGroup(text)
		if err != nil {
			return nil, fmt.Errorf("views %q: %w", layout, err)
		}
		for range count {
			c := p.first
			if len(views)%2 == 1 {
				c = p.second
			}
			views = append(views, p.view(c, size, areas[g]))
		}
	}
	return views, nil
}

func parseGroup(text string) (count, size int, err error) {
	n, s, ok := strings.Cut(text, "x")
	count, err1 := strconv.Atoi(n)
	size, err2 := strconv.Atoi(s)
	if !ok || err1 != nil || err2 != nil || count < 1 || size < 1 || count > 64 {
		return 0, 0, fmt.Errorf("expected a count and a size, as 2x224, not %q", text)
	}
	return count, size, nil
}

// EvalView is the transform under which d is evaluated at size×size pixels: the picture itself if
// it has that size; else the shorter side to size/0.875 and the central square; for a Centered
// dataset its central square.
func EvalView(d Dataset, size int, f Filter, n Norm) View {
	v := View{Size: size, Crop: Crop{Law: Shorter, Filter: f}, Norm: n}
	if c, ok := d.(Centered); ok && c.Centered() {
		v.Crop.Law = Middle
	}
	return v
}
