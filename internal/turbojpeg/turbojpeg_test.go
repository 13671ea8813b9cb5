package turbojpeg

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"sync"
	"testing"

	"kith/internal/testflag"
)

func need(t *testing.T) {
	t.Helper()
	if err := Available(); err != nil {
		testflag.Need(t, "turbojpeg", err.Error())
	}
}

// picture is a JPEG of w×h gray pixels whose values are known: flat blocks survive exactly.
func picture(t *testing.T, w, h int, v uint8) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = v
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDecode(t *testing.T) {
	need(t)
	var group sync.WaitGroup
	for g := range 8 { // handles are not shared
		group.Go(func() {
			for i := range 20 {
				w, h, v := 8+g, 8+i, uint8(10*g+i)
				var got []byte
				err := Decode(picture(t, w, h, v), func(dw, dh int) ([]byte, error) {
					if dw != w || dh != h {
						t.Errorf("%d×%d pixels, want %d×%d", dw, dh, w, h)
					}
					got = make([]byte, 3*dw*dh)
					return got, nil
				})
				if err != nil || !bytes.Equal(got, bytes.Repeat([]byte{v}, 3*w*h)) {
					t.Errorf("value %d: %v, first pixel %v", v, err, got[:3])
				}
			}
		})
	}
	group.Wait()
}

func TestErrors(t *testing.T) {
	need(t)
	whole := picture(t, 64, 64, 9)
	room := func(w, h int) ([]byte, error) { return make([]byte, 3*w*h), nil }
	refusal := errors.New("too large")
	for name, err := range map[string]error{
		"empty":     Decode(nil, room),
		"no JPEG":   Decode([]byte("not a JPEG at all"), room),
		"cut off":   Decode(whole[:len(whole)-30], room),
		"no memory": Decode(whole, func(w, h int) ([]byte, error) { return make([]byte, 3*w*h-1), nil }),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := Decode(whole, func(int, int) ([]byte, error) { return nil, refusal }); err != refusal {
		t.Errorf("a refused size gives %v", err)
	}
	if err := Decode(whole, room); err != nil {
		t.Errorf("after errors: %v", err)
	}
}

// TestCutOff: a file cut anywhere is an error, even in its header, and spoils nothing for the next one, which comes to
// the same handle.
func TestCutOff(t *testing.T) {
	need(t)
	whole := picture(t, 24, 16, 77)
	want := bytes.Repeat([]byte{77}, 3*24*16)
	for n := 1; n < len(whole)-2; n++ { // without its end marker it is whole but for a warning
		var got []byte
		room := func(w, h int) ([]byte, error) {
			got = bytes.Repeat([]byte{1}, 3*w*h)
			return got, nil
		}
		if err := Decode(whole[:n], room); err == nil {
			t.Errorf("%d of %d bytes: no error", n, len(whole))
		}
		if err := Decode(whole, room); err != nil || !bytes.Equal(got, want) {
			t.Errorf("after %d of %d bytes: %v, %d bytes of pixels", n, len(whole), err, len(got))
		}
	}
}

// TestColors: chroma comes out in the right channels.
func TestColors(t *testing.T) {
	need(t)
	m := image.NewRGBA(image.Rect(0, 0, 32, 32))
	for i := range 32 * 32 {
		m.Set(i%32, i/32, color.RGBA{200, 100, 50, 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	var got []byte
	if err := Decode(b.Bytes(), func(w, h int) ([]byte, error) { got = make([]byte, 3*w*h); return got, nil }); err != nil {
		t.Fatal(err)
	}
	for c, want := range []int{200, 100, 50} {
		if d := int(got[c]) - want; d < -2 || d > 2 {
			t.Errorf("channel %d is %d, want %d", c, got[c], want)
		}
	}
}
