package golden

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kith/internal/format/safetensors"
	"kith/tensor/rng"
)

// The check values of spec/nnclr.md, appendix A.
func TestFill(t *testing.T) {
	want := [][]float64{{.5361328125, -.981781005859375, -.50823974609375}, {.24365234375, .262725830078125, .224365234375}}
	if diff := cmp.Diff(want, Fill(1, 2, 3)); diff != "" {
		t.Error(diff)
	}
	want = [][]float64{{.456146240234375, .150115966796875, -.963531494140625, -.872955322265625}}
	if diff := cmp.Diff(want, Fill(2, 1, 4)); diff != "" {
		t.Error(diff)
	}
	if got := Fill(5, 40, 16)[39][15]; got != -.75897216796875 {
		t.Errorf("got %v", got)
	}
	for i, b := range FillBytes(7, 1000) {
		// The byte is the top half of what makes the number.
		if x := FillFlat(7, 1000)[i]; byte(math.Floor((x+1)*128)) != b {
			t.Fatalf("byte %d is %d, number %v", i, b, x)
		}
	}
}

// Values that testdata/gen/philox.py gives for the same keys.
func TestNumbers(t *testing.T) {
	key := rng.New(1)
	// Words e3e80670 e50a0ebc 95f222c0 b615aa27, of which 24 bits count.
	want := []float32{0xe3e806 - 1<<23, 0xe50a0e - 1<<23, 0x95f222 - 1<<23, 0xb615aa - 1<<23}
	for i := range want {
		want[i] *= 0x1p-26 // e = -3
	}
	if diff := cmp.Diff(want, Numbers(key, 4, -3)); diff != "" {
		t.Error(diff)
	}
	for i, x := range Around(key, 4, -3) {
		low := math.Mod(float64(want[i])*0x1p26, 8)
		if low < 0 {
			low += 8
		}
		if exact := 1 + float64(want[i]) - low*0x1p-26; float64(x) != exact {
			t.Errorf("%d: %v, want %v: the sum was rounded", i, x, exact)
		}
	}
	for bound, want := range map[float64]int{1: 0, 2: 1, 0.25: -2, 0.2: -2, 1.4: 0, 1.5: 1} {
		if got := Exponent(bound); got != want {
			t.Errorf("Exponent(%v) = %d, want %d", bound, got, want)
		}
	}
}

func TestDigestAndPlaces(t *testing.T) {
	// printf '\0\0\x80\x3f' | sha256sum
	if got := Digest([]float32{1}); got != "e00e5eb9444182f352323374ef4e08ebcb784725fdd4fd612d7730540b3e0c8c" {
		t.Error(got)
	}
	if diff := cmp.Diff([]int{0, 1, 2}, Places(3, 64)); diff != "" {
		t.Error(diff)
	}
	at := Places(25_000_000, 64)
	seen := map[int]bool{}
	for _, i := range at {
		if i < 0 || i >= 25_000_000 || seen[i] {
			t.Errorf("place %d is out of range or comes twice", i)
		}
		seen[i] = true
	}
	if at[0] != 0 || at[1] != 25_000_000*0x9E3779B1>>32 {
		t.Errorf("places begin with %v", at[:2])
	}
}

// Every golden in the repository opens, says what made it, and holds finite numbers.
func TestEveryGolden(t *testing.T) {
	root := filepath.Join(Root(t), "testdata", "golden")
	n := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".safetensors") {
			return err
		}
		n++
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		f := Open(t, filepath.ToSlash(name))
		script, _, _ := strings.Cut(strings.TrimPrefix(f.Meta("command"), "python3 "), " ")
		if _, err := os.Stat(filepath.Join(Root(t), script)); err != nil {
			t.Errorf("%s was made by %q, which is not here", name, f.Meta("command"))
		}
		for _, tensor := range f.Names() {
			size := 1
			for _, n := range f.Shape(tensor) {
				size *= n
			}
			if info, _ := f.file.Lookup(tensor); info.DType.Float() && len(f.Float64(tensor)) != size {
				t.Errorf("%s: %s has %d elements, shape says %d", name, tensor, len(f.Float64(tensor)), size)
			}
		}
		return nil
	})
	if err != nil || n == 0 {
		t.Errorf("%d goldens, %v", n, err)
	}
}

// A golden's own mistakes end the test with its name.
func TestMistakes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := safetensors.Save(path, map[string]string{"command": "x", "j": "{"},
		[]safetensors.Entry{safetensors.Of("a", []int{2}, []float64{1, 2}), safetensors.Of("b", nil, []uint8{1})}); err != nil {
		t.Fatal(err)
	}
	file, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for want, try := range map[string]func(f *File){
		`golden x has no tensor "c"`:                          func(f *File) { f.Shape("c") },
		`golden x: no tensor "c"`:                             func(f *File) { f.Float64("c") },
		`golden x: tensor "b" U8[] cannot be read as float32`: func(f *File) { f.Float32("b") },
		`golden x has no metadata "k"`:                        func(f *File) { f.Meta("k") },
		`golden x: metadata "j": unexpected end`:              func(f *File) { f.MetaJSON("j", new(int)) },
	} {
		fake := &fakeTB{TB: t}
		fake.run(func() { try(&File{fake, "x", file}) })
		if !strings.HasPrefix(fake.text, want) {
			t.Errorf("got %q, want %q", fake.text, want)
		}
	}
	f := &File{t, "x", file}
	if diff := cmp.Diff([]float32{1, 2}, f.Float32("a")); diff != "" {
		t.Error(diff)
	}
	if f.Int32("b")[0] != 1 || f.Bytes("b")[0] != 1 || !f.Has("a") || f.Has("c") {
		t.Error("b is not 1, or names are wrong")
	}
}

// fakeTB keeps the first fatal message instead of ending the test.
type fakeTB struct {
	testing.TB
	text string
}

func (f *fakeTB) Helper() {}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.text = fmt.Sprintf(format, args...)
	panic(f)
}

func (f *fakeTB) run(try func()) {
	defer func() {
		if r := recover(); r != nil && r != any(f) {
			panic(r)
		}
	}()
	try()
}
