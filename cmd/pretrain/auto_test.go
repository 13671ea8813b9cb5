package main

import (
	"errors"
	"image"
	"strings"
	"testing"

	"kith/cmd/pretrain/internal/settings"
)

// squares is a set of n images of one size; every third cannot be read.
type squares struct{ n, side int }

func (s squares) Len() int { return s.n }

func (s squares) At(i int) (image.Image, int, error) {
	if i%3 == 2 {
		return nil, -1, errors.New("bad")
	}
	return image.NewRGBA(image.Rect(0, 0, s.side+10, s.side)), -1, nil
}

// TestAdapt is the table of spec: thumbnails get the CIFAR stem, photographs what the device can bear, and what the
// user named stays.
func TestAdapt(t *testing.T) {
	for _, c := range []struct {
		images squares
		gpu    bool
		user   string
		want   string
	}{
		{squares{50000, 32}, false, "", "--size 32 --model resnet18 --stem cifar --aug.blur1 0 --aug.blur2 0 --batch 256 --queue 16384 --exclude-self off"},
		{squares{50000, 64}, true, "", "--size 64 --model resnet50 --stem cifar --aug.blur1 0 --aug.blur2 0 --batch 256 --queue 16384 --exclude-self off"},
		{squares{2000, 375}, false, "", "--size 96 --model resnet18 --stem imagenet --batch 256 --queue 512 --exclude-self off"},
		{squares{500, 375}, true, "", "--size 224 --model resnet50 --stem imagenet --batch 64 --queue 256 --exclude-self on"},
		{squares{500, 375}, true, "queue=64 batch=16 model=resnet-tiny", "--size 224 --exclude-self off"},
	} {
		line := []settings.Assignment{{Key: "recipe", Texts: []string{"auto"}, Origin: "flag"}}
		for _, kv := range strings.Fields(c.user) {
			key, value, _ := strings.Cut(kv, "=")
			line = append(line, settings.Assignment{Key: key, Texts: []string{value}, Origin: "flag"})
		}
		s, _, err := settings.Load(settings.Input{Recipes: recipeFiles(), Line: line})
		if err != nil {
			t.Fatal(err)
		}
		flags, err := adapt(s, c.images, c.gpu)
		if got := strings.Join(flags, " "); err != nil || got != c.want {
			t.Errorf("%+v: %v\ngot  %s\nwant %s", c, err, got, c.want)
		}
	}
}
