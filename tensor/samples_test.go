package tensor_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kith/tensor"
)

// sources are the Go files of a folder, without tests.
func sources(dir string) []string {
	all, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	return slices.DeleteFunc(all, func(name string) bool {
		info, err := os.Stat(name)
		return strings.HasSuffix(name, "_test.go") || err != nil || info.IsDir()
	})
}

// Samples are what their names say.
func TestSamples(t *testing.T) {
	in := tensor.Draw(tensor.Normal(100), tensor.Normal(100), tensor.Above(0.5, tensor.Normal(100)),
		tensor.Away(0.25, tensor.Normal(100)), tensor.Distinct(10, 10), tensor.Ints(-2, 3, 100), tensor.Mask(100))
	if slices.Equal(in[0].Data, in[1].Data) {
		t.Error("two places have the same numbers")
	}
	for _, a := range in[:5] {
		for _, v := range a.Data {
			if v != float64(float32(v)) {
				t.Fatalf("%v is no float32", v)
			}
		}
	}
	for i := range 100 {
		if v := in[2].Data[i]; v < 0.5 {
			t.Errorf("%v is not above 0.5", v)
		}
		if v := in[3].Data[i]; math.Abs(v-0.25) < 0.0999 {
			t.Errorf("%v is not away from 0.25", v)
		}
		if v := in[5].Data[i]; v < -2 || v > 2 {
			t.Errorf("%v is not in [-2, 3)", v)
		}
		if v := in[6].Data[i]; v != 0 && v != 1 {
			t.Errorf("%v is no mask", v)
		}
	}
	slices.Sort(in[4].Data)
	if len(slices.Compact(slices.Clone(in[4].Data))) != 100 || in[4].Data[0] != float64(float32(0.1)) {
		t.Error("numbers are not distinct")
	}
	for v := range 5 {
		if !slices.Contains(in[5].Data, float64(v-2)) {
			t.Errorf("of 100 integers in [-2, 3), none is %d", v-2)
		}
	}
}
