package data

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	"kith/internal/format/safetensors"
	"kith/testdata/gen/badimages"
)

// TestFormats compares each format and mode with Pillow's convert("RGB"), by its pixels.
func TestFormats(t *testing.T) {
	f, err := safetensors.Open("testdata/formats.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []struct {
		Name      string
		Tolerance int     // levels; 0: every bit
		Mean      float64 // levels
	}
	if err := json.Unmarshal([]byte(f.Metadata["cases"]), &cases); err != nil || len(cases) < 30 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for i := range 2 * len(cases) {
		c, o := cases[i/2], Options{TIFF: true, JPEG: "std"}
		if i%2 == 1 {
			if o.JPEG = ""; o.Decoder() == "std" {
				continue // libjpeg-turbo is not installed
			}
			if strings.HasSuffix(c.Name, ".jpg") && c.Name != "cmyk.jpg" && c.Name != "exif6.jpg" {
				c.Tolerance, c.Mean = 0, 0 // it is Pillow's own decoder
			}
		}
		b, err := f.Bytes("file/" + c.Name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := f.Bytes("rgb/" + c.Name)
		if err != nil {
			t.Fatal(err)
		}
		info, _ := f.Lookup("rgb/" + c.Name)
		var p Picture
		if err := Decode(b, o, &p); err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if p.H != info.Shape[0] || p.W != info.Shape[1] {
			t.Errorf("%s: %d×%d pixels, want %d×%d", c.Name, p.W, p.H, info.Shape[1], info.Shape[0])
			continue
		}
		most, sum := 0, 0
		for i, v := range p.Pix {
			d := max(int(v), int(want[i])) - min(int(v), int(want[i]))
			most, sum = max(most, d), sum+d
		}
		mean := float64(sum) / float64(len(want))
		if most > c.Tolerance || mean > c.Mean {
			t.Errorf("%s: off by %d levels, %.2f on average; tolerance %d and %.2f", c.Name, most, mean, c.Tolerance, c.Mean)
		}
	}
}

// TestEXIFIsIgnoredOnRequest: as stored, a turned picture keeps its shape.
func TestEXIFIsIgnoredOnRequest(t *testing.T) {
	for _, f := range badimages.Corpus() {
		if f.Name != "exif6.jpg" {
			continue
		}
		var p Picture
		if err := Decode(f.Data, Options{IgnoreEXIF: true}, &p); err != nil || p.W != f.H || p.H != f.W {
			t.Errorf("%d×%d pixels, %v", p.W, p.H, err)
		}
	}
}

// TestBadImageCorpus: every file is used or refused as it should be, and says why.
func TestBadImageCorpus(t *testing.T) {
	files := badimages.Corpus()
	if len(files) != 65 {
		t.Errorf("%d files, want 65", len(files))
	}
	for i := range 2 * len(files) {
		f, kind := files[i/2], []string{"std", ""}[i%2] // the second is libjpeg-turbo, if installed
		p := Picture{Pix: make([]byte, 0, 100), W: 1}
		err := Decode(f.Data, Options{JPEG: kind}, &p)
		check := func(how string, want string) {
			switch {
			case want == "" && err != nil:
				t.Errorf("%s%s: refused: %v", f.Name, how, err)
			case want == "" && (p.W != f.W || p.H != f.H || len(p.Pix) != 3*f.W*f.H):
				t.Errorf("%s%s: %d×%d pixels, want %d×%d", f.Name, how, p.W, p.H, f.W, f.H)
			case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("%s%s: error %v, want %q", f.Name, how, err, want)
			}
		}
		check("", f.Want)
		switch f.UsedIf {
		case "tiff":
			err = Decode(f.Data, Options{TIFF: true, JPEG: kind}, &p)
			check(" with formats=+tiff", "")
		case "tolerant":
			err = Decode(f.Data, Options{Tolerant: true, JPEG: kind}, &p)
			check(" with tolerant=on", "")
		}
		if f.Bomb {
			refusedCheaply(t, f, kind)
		}
	}
}

// refusedCheaply: below 1 ms and 1 MB.
func refusedCheaply(t *testing.T, f badimages.File, kind string) {
	t.Helper()
	var before, after runtime.MemStats
	best := time.Hour
	var p Picture
	runtime.ReadMemStats(&before)
	for range 5 {
		start := time.Now()
		if err := Decode(f.Data, Options{JPEG: kind}, &p); err == nil {
			t.Fatalf("%s decoded", f.Name)
		}
		best = min(best, time.Since(start))
	}
	runtime.ReadMemStats(&after)
	if bytes := (after.TotalAlloc - before.TotalAlloc) / 5; best > time.Millisecond || bytes > 1<<20 {
		t.Errorf("%s: refused in %v with %d bytes, want 1 ms and 1 MB at most", f.Name, best, bytes)
	}
}

// The corpus's odd encoders are right only if decoders see the picture they wrote.
func TestCorpusShowsThePicture(t *testing.T) {
	byName := map[string]*Picture{}
	for _, f := range badimages.Corpus() {
		p := new(Picture)
		if Decode(f.Data, Options{TIFF: true}, p) == nil {
			byName[f.Name] = p
		}
	}
	want := byName["ok.png"]
	for name, tolerance := range map[string]float64{
		"rgb.bmp": 0, "ppm.ppm": 0, "lossless.webp": 0, "rgb.tif": 0, "lzw.tif": 0, "anim.apng.png": 0, "rgba.png": 0,
		"png_named.jpg": 0, "ztxt_bomb.png": 0, "ok.jpg": 40, "trailing.jpg": 40,
	} {
		got := byName[name]
		if got == nil {
			t.Errorf("%s does not decode", name)
			continue
		}
		sum := 0.0
		for i := range want.Pix {
			sum += float64(max(got.Pix[i], want.Pix[i]) - min(got.Pix[i], want.Pix[i]))
		}
		if mean := sum / float64(len(want.Pix)); mean > tolerance {
			t.Errorf("%s: %.1f levels off on average", name, mean)
		}
	}
}

// TestLimits: pixels and bytes.
func TestLimits(t *testing.T) {
	var ok []byte
	for _, f := range badimages.Corpus() {
		if f.Name == "ok.png" {
			ok = f.Data
		}
	}
	var p Picture
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{MaxPixels: 64 * 48}, ""},
		{Options{MaxPixels: 64*48 - 1}, "64×48 pixels exceed max_pixels 3071"},
		{Options{MaxBytes: int64(len(ok))}, ""},
		{Options{MaxBytes: int64(len(ok)) - 1}, "exceed max_bytes"},
	} {
		err := Decode(ok, c.o, &p)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
}
