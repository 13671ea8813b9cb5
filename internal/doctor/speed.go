package doctor

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"time"

	"kith/internal/turbojpeg"
	"kith/tensor/rng"
)

// turbo looks for libjpeg-turbo, which decodes several times as fast as Go's own decoder.
func turbo(context.Context) Finding {
	if err := turbojpeg.Available(); err != nil {
		return Finding{Absent, "turbojpeg", err.Error() + ": Go's decoder is used", ""}
	}
	return Finding{OK, "turbojpeg", "libjpeg-turbo decodes", ""}
}

// jpegs decodes a picture of the size and weight that ImageNet has on average, for a fifth of a second on one core.
func jpegs(clock func() time.Duration) Check {
	return func(context.Context) Finding { return decode(clock) }
}

func decode(clock func() time.Duration) Finding {
	var file bytes.Buffer
	if err := jpeg.Encode(&file, photograph(500, 375), &jpeg.Options{Quality: 90}); err != nil {
		return Finding{Trouble, "jpeg", err.Error(), ""}
	}
	n, start := 0, clock()
	for clock()-start < time.Second/5 {
		if _, err := jpeg.Decode(bytes.NewReader(file.Bytes())); err != nil {
			return Finding{Trouble, "jpeg", err.Error(), ""}
		}
		n++
	}
	rate := float64(n) / (clock() - start).Seconds()
	return Finding{OK, "jpeg", fmt.Sprintf("%.0f images/s a core with Go's decoder, 500x375 pixels of %d KB", rate, file.Len()/1000), ""}
}

// photograph is a smooth scene with grain: its JPEG has about as many bytes as a photograph's.
func photograph(w, h int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	grain := rng.New(0).Fold("doctor").Stream()
	for y := range h {
		for x := range w {
			at := img.PixOffset(x, y)
			noise := uint8(grain.Uint32() >> 28)
			img.Pix[at], img.Pix[at+1], img.Pix[at+2], img.Pix[at+3] = uint8(x/4)+noise, uint8(y/2)+noise, uint8((x+y)/8)+noise, 255
		}
	}
	return img
}
