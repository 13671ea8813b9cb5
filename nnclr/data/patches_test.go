package data

import (
	"crypto/sha256"
	"fmt"
	"image"
	"testing"
)

// hashes are the first 16 digits of the SHA-256 of each photograph's raw pixels (one channel for
// gray ones), as testdata/gen/patches.py made them.
var hashes = []string{
	"35b831e283249a1e", "57c085bae8351997", "586afa1fbd134ed4", "05fc889ee77e0673",
	"f1ceeaa6e4315fa6", "51a5e315b8c59636", "ba281e2f98fe25b7", "0c9bd0f1fefa4b18",
	"2df66c60aeead3a7", "8cf888f94eb1133a", "d8000ab86999f6f2", "429f9288e32a608d",
}

func TestPhotographs(t *testing.T) {
	photo, err := loadPhotos()
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for i, name := range photos {
		b, _ := photographs.ReadFile("patches/" + name + ".png")
		total += len(b)
		pix := photo[i]
		if i >= 6 { // stored as gray
			one := make([]byte, 0, len(pix)/3)
			for j := 0; j < len(pix); j += 3 {
				if pix[j] != pix[j+1] || pix[j] != pix[j+2] {
					t.Fatalf("%s: pixel %d is not gray", name, j/3)
				}
				one = append(one, pix[j])
			}
			pix = one
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(pix))[:16]; got != hashes[i] {
			t.Errorf("%s: pixels hash to %s, want %s", name, got, hashes[i])
		}
	}
	if total > 2<<20 {
		t.Errorf("photographs take %d bytes", total)
	}
}

// No pixel of a test patch may be seen in training.
func TestPatchSplitsAreDisjoint(t *testing.T) {
	var seen [photoSide][photoSide]bool
	cover := func(split string, visit func(y, x int)) *patches {
		d, err := Patches(split)
		if err != nil {
			t.Fatal(err)
		}
		p := d.(*patches)
		for _, at := range p.place {
			if !at.In(image.Rect(0, 0, photoSide-patchSide+1, photoSide-patchSide+1)) {
				t.Fatalf("patch at %v leaves the photograph", at)
			}
			for y := range patchSide {
				for x := range patchSide {
					visit(at.Y+y, at.X+x)
				}
			}
		}
		return p
	}
	if n := cover("train", func(y, x int) { seen[y][x] = true }).Len(); n != 8400 {
		t.Errorf("%d training patches, want 8400", n)
	}
	overlap := 0
	p := cover("test", func(y, x int) {
		if seen[y][x] {
			overlap++
		}
	})
	if overlap > 0 {
		t.Errorf("%d test pixels are training pixels", overlap)
	}
	if p.Len() != 2040 {
		t.Errorf("%d test patches, want 2040", p.Len())
	}
}
