package nn

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"kith/backends/ref"
	"kith/tensor"
	"kith/tensor/rng"
)

// Parameters without classifier; torchvision agrees.
func TestCounts(t *testing.T) {
	for _, c := range []struct {
		name              string
		stem              Stem
		elements, tensors int
		matrices, running int
		features          int
	}{
		{"resnet-tiny", Cifar, 77392, 27, 76720, 672, 64},
		{"resnet18", ImageNet, 11176512, 60, 11166912, 9600, 512},
		{"resnet34", ImageNet, 21284672, 108, 21267648, 17024, 512},
		{"resnet50", ImageNet, 23508032, 159, 23454912, 53120, 2048},
		{"resnet101", ImageNet, 42500160, 312, 42394816, 105344, 2048},
		{"resnet152", ImageNet, 58143808, 465, 57992384, 151424, 2048},
		{"wide_resnet50_2", ImageNet, 66834240, 159, 66766016, 68224, 2048},
		{"resnet18", Cifar, 11168832, 60, 11159232, 9600, 512},
		{"resnet50", SoloCifar, 23500352, 159, 23447232, 53120, 2048},
	} {
		m, err := NewResNet(c.name, c.stem, false)
		if err != nil {
			t.Fatal(err)
		}
		got := c
		got.elements, got.features = Count(m), m.Features
		got.tensors, got.matrices, got.running = 0, 0, 0
		for _, p := range Params(m) {
			got.tensors++
			if len(p.Spec.Shape) > 1 {
				got.matrices += p.Spec.Shape.Size()
			}
		}
		for _, s := range States(m) {
			got.running += s.Spec.Shape.Size()
		}
		if got != c {
			t.Errorf("got %+v, want %+v", got, c)
		}
	}
}

// The names and shapes of torchvision's state_dict, in its order.
func TestTorchNames(t *testing.T) {
	files, err := os.ReadDir("../testdata/golden/names")
	if err != nil || len(files) < 6 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile("../testdata/golden/names/" + file.Name())
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "fc.") && !strings.Contains(line, "num_batches_tracked") {
				want = append(want, line)
			}
		}
		m, err := NewResNet(strings.TrimSuffix(file.Name(), ".txt"), ImageNet, false)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for name, p := range Tensors(m) {
			shape := strings.Trim(strings.ReplaceAll(fmt.Sprint(torchShape(p.Spec.Shape)), " ", "x"), "[]")
			got = append(got, TorchName(name)+" "+shape)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d tensors, want %d; first difference %v", file.Name(), len(got), len(want), firstDifference(got, want))
		}
	}
}

func firstDifference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("%d: %q, want %q", i, got[i], want[i])
		}
	}
	return "in length"
}

func TestUnknownModel(t *testing.T) {
	if _, err := NewResNet("resnet19", ImageNet, false); err == nil || !strings.Contains(err.Error(), "resnet18") {
		t.Errorf("got %v, want an error that lists the models", err)
	}
	if _, err := NewResNet("resnet18", "mnist", false); err == nil || !strings.Contains(err.Error(), "cifar") {
		t.Errorf("got %v, want an error that lists the stems", err)
	}
}

// Maps shrink as the paper's table says: the feature is the mean of a 1×1 map at 32 px.
func TestForwardShapes(t *testing.T) {
	for _, name := range []string{"resnet-tiny", "resnet18"} {
		m, _ := NewResNet(name, Cifar, true)
		root := tensor.Open(ref.New())
		Init(m, root, rng.New(1))
		x := root.New(tensor.Of(tensor.F32, 2, 8, 8, 3))
		tensor.Set(x, make([]float32, 2*8*8*3))
		root.Run(func(s *tensor.Scope) {
			y := m.Forward(Eval(s, tensor.F32), s.Enter(x))
			if want := tensor.Of(tensor.F64, 2, m.Features); !y.Spec.Equal(want) {
				t.Errorf("%s: %v, want %v", name, y.Spec, want)
			}
		})
	}
}
