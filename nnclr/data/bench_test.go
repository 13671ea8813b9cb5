package data

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"

	"kith/tensor/rng"
)

// noisePicture is bytes of a stream, smoothed so that JPEG sees something like a photograph.
func noisePicture(w, h int, seed uint64) *Picture {
	p := new(Picture)
	p.Resize(w, h)
	s := rng.New(seed).Stream()
	for i := range p.Pix {
		p.Pix[i] = byte(s.Uint32() >> 24)
	}
	small := Scale(p, Bilinear, max(1, w/8), max(1, h/8))
	return Scale(small, Bicubic, w, h)
}

func benchmarkViews(b *testing.B, preset string, size, w, h int) {
	p := noisePicture(w, h, 1)
	views, err := Preset(preset, size)
	if err != nil {
		b.Fatal(err)
	}
	out := make([]float32, views[0].len())
	var a Augmenter
	key := rng.New(1)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		k := key.At(uint64(i))
		for v := range views {
			a.Make(out, p, &views[v], k.At(uint64(v)))
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "images/s")
}

func BenchmarkDemo32(b *testing.B)      { benchmarkViews(b, "demo", 32, 48, 48) }
func BenchmarkSimCLR32(b *testing.B)    { benchmarkViews(b, "simclr", 32, 32, 32) }
func BenchmarkBYOL32(b *testing.B)      { benchmarkViews(b, "byol", 32, 32, 32) }
func BenchmarkCropOnly32(b *testing.B)  { benchmarkViews(b, "crop-only", 32, 48, 48) }
func BenchmarkBYOL96(b *testing.B)      { benchmarkViews(b, "byol", 96, 128, 128) }
func BenchmarkSimCLR224(b *testing.B)   { benchmarkViews(b, "simclr", 224, 500, 375) }
func BenchmarkCropOnly224(b *testing.B) { benchmarkViews(b, "crop-only", 224, 500, 375) }

func BenchmarkDraw(b *testing.B) {
	views, _ := Preset("byol", 32)
	key := rng.New(1)
	b.ReportAllocs()
	for b.Loop() {
		views[1].Draw(key, 48, 48)
	}
}

// BenchmarkDecode is the library's decoder alone, next to decoding into a Picture.
func BenchmarkDecode(b *testing.B) {
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, noisePicture(500, 375, 2), &jpeg.Options{Quality: 90}); err != nil {
		b.Fatal(err)
	}
	b.Run("library", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := image.Decode(bytes.NewReader(buf.Bytes())); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, kind := range []string{"std", "auto"} {
		o := Options{JPEG: kind}
		b.Run(kind+"="+o.Decoder(), func(b *testing.B) {
			var p Picture
			for b.Loop() {
				if err := Decode(buf.Bytes(), o, &p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
