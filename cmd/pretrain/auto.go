package main

import (
	"fmt"
	"slices"
	"strings"

	"kith/cmd/pretrain/internal/settings"
	"kith/nnclr/data"
)

// looked is how many images decide about encoder and view size: enough for a median, done in a second.
const looked = 512

// adapt fills in what the settings leave to kith, from the images and the device. It returns the choices as flags,
// to be printed and copied; nil where nothing was open.
func adapt(s *settings.Settings, images data.Dataset, gpu bool) (flags []string, err error) {
	choose := func(key, text string) {
		if err == nil {
			err = s.Choose(key, text)
			flags = append(flags, fmt.Sprintf("--%s %s", strings.ReplaceAll(key, "_", "-"), text))
		}
	}
	if old, e := readConfig(s.Weights); s.Weights != "random" && e == nil { // a run: go on with its encoder
		choose("model", old.Model)
		choose("stem", old.Stem)
	}
	if s.Size == 0 {
		choose("size", fmt.Sprint(viewSize(shortSide(images), gpu)))
	}
	small := s.Size <= 64
	if s.Model == "auto" {
		choose("model", pick(gpu, "resnet50", "resnet18"))
	}
	if s.Stem == "auto" && s.Model != "resnet-tiny" {
		choose("stem", pick(small, "cifar", "imagenet"))
	}
	if s.Recipe == "auto" && small && !s.Aug.Blur1.Given && !s.Aug.Blur2.Given {
		choose("aug.blur1", "0") // a blurred thumbnail has nothing left to learn from; solo-learn leaves it out too
		choose("aug.blur2", "0")
	}
	n := images.Len()
	if s.Batch == 0 {
		choose("batch", fmt.Sprint(powerOfTwo(n/4, 2, 256)))
	}
	if s.Queue == 0 {
		choose("queue", fmt.Sprint(powerOfTwo(n/2, 256, 65536)))
	}
	if s.Exclude == "auto" {
		choose("exclude_self", pick(int(s.Queue) >= n/2, "on", "off"))
	}
	return flags, err
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// viewSize follows the images down to thumbnails; above, it is what the device can train in a day.
func viewSize(side int, gpu bool) int {
	switch {
	case side <= 48:
		return 32
	case side <= 64:
		return 64
	case gpu:
		return 224
	}
	return 96
}

// powerOfTwo is the largest power of two up to n, between lo and hi.
func powerOfTwo(n, lo, hi int) int {
	p := lo
	for 2*p <= min(n, hi) {
		p *= 2
	}
	return p
}

// shortSide is the median of the shorter sides of images spread over the whole set. Images that cannot be read do
// not count: the loader names them later.
func shortSide(images data.Dataset) int {
	n := images.Len()
	var sides []int
	var p data.Picture
	for i := range min(n, looked) {
		if _, err := data.Read(images, i*n/min(n, looked), &p); err == nil {
			sides = append(sides, min(p.W, p.H))
		}
	}
	if len(sides) == 0 {
		return 0
	}
	slices.Sort(sides)
	return sides[len(sides)/2]
}
